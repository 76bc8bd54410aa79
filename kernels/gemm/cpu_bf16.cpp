// Products with operands rounded to bf16, by oneDNN on the CPU's bf16 instructions if it has them.
#include "kernels/gemm/gemm_bf16.h"
#include "kernels/gemm/gemm_cpu.h"
#include "kernels/host/pool.h"
#include "kernels/host/threads.h"
#if STILLPOINT_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#endif

namespace stillpoint::kernels {
namespace {

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

void multiply_natively(const HostGemm& g, const float* a, const float* b, float* c) {
  const Rounded<Bf16> operands(g, a, b, to_bf16);
  const auto multiply = [](const HostGemm& part, const Bf16* x, const Bf16* y, float* z) {
    multiply_bf16({part}, x, y, nullptr, z);
  };
  in_blocks<Bf16>(operands.shape, operands.a_data(), operands.b_data(), c, multiply);
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

float round_to_bf16(float x) { return from_bf16(to_bf16(x)); }

void gemm_bf16(const HostGemm& g, const float* a, const float* b, float* c) {
  if (g.m == 0 || g.n == 0 || g.k == 0) return gemm_float32(g, a, b, c);
#if STILLPOINT_ONEDNN
  if (cpu_has_bf16()) return multiply_natively(g, a, b, c);
#endif
  const Rounded<float> operands(g, a, b, round_to_bf16);
  gemm_float32(operands.shape, operands.a_data(), operands.b_data(), c);
}

}  // namespace stillpoint::kernels
