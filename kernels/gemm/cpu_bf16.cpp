// Products with operands rounded to bf16, by oneDNN on the CPU's bf16 instructions if it has them.
#include <bit>
#include <cmath>

#include "kernels/gemm/gemm_cpu.h"
#include "kernels/host/pool.h"
#include "kernels/host/threads.h"
#if STILLPOINT_ONEDNN
#include <array>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#endif

namespace stillpoint::kernels {
namespace {

std::uint32_t rounded_bits(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return (bits | 0x00400000u) & 0xffff0000u;
  return (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
}

template <class T, class Round>
void round_rows(Index rows, Index columns, const float* from, Index stride, T* to, Round round) {
  parallel_ranges(rows, piece_elements / columns, rows * columns >= serial_below,
                  [&](Index begin, Index end) {
                    for (Index r = begin; r < end; ++r)
                      for (Index c = 0; c < columns; ++c) to[r * columns + c] = round(from[r * stride + c]);
                  });
}

// Both operands, rounded and packed without gaps between their rows.
template <class T>
struct Rounded {
  template <class Round>
  Rounded(const HostGemm& g, const float* a, const float* b, Round round)
      : buffer(Device::cpu, std::size_t(g.m * g.k + g.k * g.n) * sizeof(T)), shape(g) {
    shape.lda = g.transpose_a ? g.m : g.k;
    shape.ldb = g.transpose_b ? g.k : g.n;
    round_rows(g.transpose_a ? g.k : g.m, shape.lda, a, g.lda, a_data(), round);
    round_rows(g.transpose_b ? g.n : g.k, shape.ldb, b, g.ldb, b_data(), round);
  }
  T* a_data() const { return static_cast<T*>(buffer.data()); }
  T* b_data() const { return a_data() + shape.m * shape.k; }

  Buffer buffer;
  HostGemm shape;  // the product of the rounded operands
};

#if STILLPOINT_ONEDNN

dnnl::engine& engine() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

struct Product {
  dnnl::memory::desc a, b, c;
  dnnl::matmul matmul;
};

dnnl::matmul::primitive_desc describe(const Product& p, const dnnl::primitive_attr& attributes) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl::matmul::primitive_desc(engine(), p.a, p.b, p.c, attributes);
#else
  return dnnl::matmul::primitive_desc(dnnl::matmul::desc(p.a, p.b, p.c), attributes, engine());
#endif
}

Product make_product(const HostGemm& g) {
  using Type = dnnl::memory::data_type;
  using Strides = dnnl::memory::dims;
  const auto strides = [](bool transposed, Index row) {
    return transposed ? Strides{1, row} : Strides{row, 1};
  };
  Product p{{{g.m, g.k}, Type::bf16, strides(g.transpose_a, g.lda)},
            {{g.k, g.n}, Type::bf16, strides(g.transpose_b, g.ldb)},
            {{g.m, g.n}, Type::f32, strides(false, g.ldc)},
            {}};
  dnnl::primitive_attr attributes;
  if (g.beta != 0) {
    dnnl::post_ops add;
    add.append_sum(1.0f);
    attributes.set_post_ops(add);
  }
  p.matmul = dnnl::matmul(describe(p, attributes));
  return p;
}

// Making a primitive compiles code, so each thread makes one only once per shape.
Product& product(const HostGemm& g) {
  using Key = std::array<Index, 9>;
  thread_local std::map<Key, Product> made;
  const Key key{g.transpose_a, g.transpose_b, g.m, g.n, g.k, g.lda, g.ldb, g.ldc, g.beta != 0};
  const auto found = made.find(key);
  return found != made.end() ? found->second : made.emplace(key, make_product(g)).first->second;
}

void multiply_natively(const HostGemm& g, const float* a, const float* b, float* c) {
  const Rounded<std::uint16_t> operands(g, a, b,
                                        [](float x) { return std::uint16_t(rounded_bits(x) >> 16); });
  using Bits = std::uint16_t;
  const auto multiply = [](const HostGemm& part, const Bits* x, const Bits* y, float* z) {
    use_one_onednn_thread();
    Product& p = product(part);
    dnnl::stream stream(engine());
    p.matmul.execute(stream, {{DNNL_ARG_SRC, dnnl::memory(p.a, engine(), const_cast<Bits*>(x))},
                              {DNNL_ARG_WEIGHTS, dnnl::memory(p.b, engine(), const_cast<Bits*>(y))},
                              {DNNL_ARG_DST, dnnl::memory(p.c, engine(), z)}});
    stream.wait();
  };
  in_blocks<Bits>(operands.shape, operands.a_data(), operands.b_data(), c, multiply);
}

#endif

}  // namespace

bool cpu_has_bf16() {
#if STILLPOINT_ONEDNN
  constexpr auto bf16 = unsigned(dnnl_cpu_isa_avx512_core_bf16);  // an instruction set is a set of bits
  static const bool has = (unsigned(dnnl_get_effective_cpu_isa()) & bf16) == bf16;
  return has;
#else
  return false;
#endif
}

float round_to_bf16(float x) { return std::bit_cast<float>(rounded_bits(x)); }

void gemm_bf16(const HostGemm& g, const float* a, const float* b, float* c) {
  if (g.m == 0 || g.n == 0 || g.k == 0) return gemm_float32(g, a, b, c);
#if STILLPOINT_ONEDNN
  if (cpu_has_bf16()) return multiply_natively(g, a, b, c);
#endif
  const Rounded<float> operands(g, a, b, round_to_bf16);
  gemm_float32(operands.shape, operands.a_data(), operands.b_data(), c);
}

}  // namespace stillpoint::kernels
