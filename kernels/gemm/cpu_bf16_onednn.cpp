// Products of bf16 operands by oneDNN, which uses AMX or AVX-512 BF16.
#include "kernels/gemm/gemm_bf16.h"
#include "kernels/gemm/gemm_cpu.h"
#include "kernels/gemm/onednn.h"
#if STILLPOINT_ONEDNN
#include <array>
#include <map>
#endif

namespace stillpoint::kernels {

#if STILLPOINT_ONEDNN
namespace {

using Type = dnnl::memory::data_type;
using Strides = dnnl::memory::dims;

struct Primitive {
  dnnl::memory::desc a, b, bias, c;
  dnnl::matmul matmul;
};

dnnl::matmul::primitive_desc describe(const Primitive& p, const dnnl::primitive_attr& attributes) {
#if DNNL_VERSION_MAJOR >= 3
  return p.bias ? dnnl::matmul::primitive_desc(onednn_cpu(), p.a, p.b, p.bias, p.c, attributes)
                : dnnl::matmul::primitive_desc(onednn_cpu(), p.a, p.b, p.c, attributes);
#else
  const auto desc = p.bias ? dnnl::matmul::desc(p.a, p.b, p.bias, p.c) : dnnl::matmul::desc(p.a, p.b, p.c);
  return dnnl::matmul::primitive_desc(desc, attributes, onednn_cpu());
#endif
}

Strides strides(bool transposed, Index row) { return transposed ? Strides{1, row} : Strides{row, 1}; }

Primitive& primitive(const Bf16Product& product, bool with_bias);

// oneDNN chooses the layout of a packed b for the product without what only the result sees.
Bf16Product packing_of(const Bf16Product& product, Index rows) {
  Bf16Product plain{product.shape, false, false, rows};
  plain.shape.m = rows;
  plain.shape.lda = plain.shape.k;
  plain.shape.ldc = plain.shape.n;
  plain.shape.beta = 0;
  return plain;
}

Primitive make(const Bf16Product& product, bool with_bias) {
  const HostGemm& g = product.shape;
  Primitive p;
  p.a = {{g.m, g.k}, Type::bf16, strides(g.transpose_a, g.lda)};
  p.c = {{g.m, g.n}, product.rounded ? Type::bf16 : Type::f32, strides(false, g.ldc)};
  if (with_bias) p.bias = {{1, g.n}, Type::f32, Strides{g.n, 1}};
  const bool derived = with_bias || product.rounded || product.relu || g.beta != 0 ||
                       g.m != product.packed_rows || g.lda != g.k || g.ldc != g.n;
  if (product.packed_rows == 0)
    p.b = {{g.k, g.n}, Type::bf16, strides(g.transpose_b, g.ldb)};
  else if (derived)
    p.b = primitive(packing_of(product, product.packed_rows), false).b;
  else
    p.b = {{g.k, g.n}, Type::bf16, dnnl::memory::format_tag::any};
  dnnl::primitive_attr attributes;
  dnnl::post_ops after;
  if (g.beta != 0) after.append_sum(1.0f);
  if (product.relu) {
#if DNNL_VERSION_MAJOR >= 3
    after.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
#else
    after.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
#endif
  }
  attributes.set_post_ops(after);
  const auto described = describe(p, attributes);
  p.b = described.weights_desc();
  p.matmul = dnnl::matmul(described);
  return p;
}

// Making a primitive compiles code, so each thread makes one only once per shape.
Primitive& primitive(const Bf16Product& product, bool with_bias) {
  const HostGemm& g = product.shape;
  using Key = std::array<Index, 13>;
  thread_local std::map<Key, Primitive> made;
  const Key key{g.transpose_a, g.transpose_b,   g.m,          g.n,
                g.k,           g.lda,           g.ldb,        g.ldc,
                g.beta != 0,   product.rounded, product.relu, product.packed_rows,
                with_bias};
  const auto found = made.find(key);
  return found != made.end() ? found->second : made.emplace(key, make(product, with_bias)).first->second;
}

dnnl::memory::desc packed_layout(const Bf16Product& product) {
  return primitive(packing_of(product, product.shape.m), false).b;
}

}  // namespace

void multiply_bf16(const Bf16Product& product, const Bf16* a, const void* b, const float* bias, void* c) {
  use_one_onednn_thread();
  Primitive& p = primitive(product, bias != nullptr);
  dnnl::stream stream(onednn_cpu());
  std::unordered_map<int, dnnl::memory> arguments{{DNNL_ARG_SRC, onednn_memory(p.a, a)},
                                                  {DNNL_ARG_WEIGHTS, onednn_memory(p.b, b)},
                                                  {DNNL_ARG_DST, onednn_memory(p.c, c)}};
  if (bias != nullptr) arguments.emplace(DNNL_ARG_BIAS, onednn_memory(p.bias, bias));
  p.matmul.execute(stream, arguments);
  stream.wait();
}

std::size_t packed_bf16_bytes(const Bf16Product& product) { return packed_layout(product).get_size(); }

void pack_bf16(const Bf16Product& product, const float* w, void* to) {
  use_one_onednn_thread();
  const HostGemm& g = product.shape;
  const dnnl::memory from({{g.k, g.n}, Type::f32, strides(g.transpose_b, g.ldb)}, onednn_cpu(),
                          const_cast<float*>(w)),
      packed(packed_layout(product), onednn_cpu(), to);
  dnnl::stream stream(onednn_cpu());
  dnnl::reorder(from, packed)
      .execute(stream, const_cast<dnnl::memory&>(from), const_cast<dnnl::memory&>(packed));
  stream.wait();
}

#else

namespace {
[[noreturn]] void unsupported() {
  fail("bf16 product: given a build without oneDNN, expected one with it, multiply in float32");
}
}  // namespace

void multiply_bf16(const Bf16Product&, const Bf16*, const void*, const float*, void*) { unsupported(); }
std::size_t packed_bf16_bytes(const Bf16Product&) { unsupported(); }
void pack_bf16(const Bf16Product&, const float*, void*) { unsupported(); }

#endif

}  // namespace stillpoint::kernels
