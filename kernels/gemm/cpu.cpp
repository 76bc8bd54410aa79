// Matrix products on the CPU: chooses between oneDNN and the project's own product, and adds bias and ReLU.
#include "kernels/gemm/gemm_cpu.h"

#include <atomic>
#include <new>

#include "kernels/host/pool.h"
#include "kernels/launch/optional_array.h"
#include "kernels/launch/simd.h"
#if STILLPOINT_ONEDNN
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#endif

namespace stillpoint::kernels {
namespace {

std::atomic<Precision> chosen{Precision::float32};

constexpr Index linear_tile = 128;  // rows of y that get their bias while they are in L2

#if STILLPOINT_ONEDNN
void multiply_onednn(const HostGemm& g, const float* a, const float* b, float* c) {
  use_one_onednn_thread();
  const dnnl_status_t status = dnnl_sgemm(g.transpose_a ? 'T' : 'N', g.transpose_b ? 'T' : 'N', g.m, g.n, g.k,
                                          1.0f, a, g.lda, b, g.ldb, g.beta, c, g.ldc);
  if (status == dnnl_out_of_memory) throw std::bad_alloc();
  require(status == dnnl_success, "gemm: dnnl_sgemm gave status ", int(status), " for m ", g.m, ", n ", g.n,
          ", k ", g.k, ", lda ", g.lda, ", ldb ", g.ldb, ", ldc ", g.ldc,
          ", expected success, check leading dimensions");
}

#endif

// y (rows,out) = y + b + plus, then ReLU; each may be left out.
template <class T, bool with_relu>
void finish_rows(Index rows, Index out, const T* b, const T* plus, T* y) {
  constexpr int width = simd::width<T>;
  for (Index r = 0; r < rows; ++r, y += out) {
    Index c = 0;
    for (; c + width <= out; c += width) {
      simd::Vector<T> v = simd::load(y + c);
      if (b != nullptr) v += simd::load(b + c);
      if (plus != nullptr) v += simd::load(plus + c);
      simd::store(y + c, with_relu ? simd::relu<T>(v) : v);
    }
    for (; c < out; ++c) {
      T v = b != nullptr ? y[c] + b[c] : y[c];
      if (plus != nullptr) v += plus[c];
      y[c] = with_relu && v < T(0) ? T(0) : v;
    }
    if (plus != nullptr) plus += out;
  }
}

template <class T>
struct HostTerms {
  const T *w, *b, *plus;
  bool transpose_w;
};

// `plus` is null or begins at the first of the rows, as x and y do.
template <class T>
void linear_rows(const LinearShape& s, Index rows, const T* x, const HostTerms<T>& t, const T* plus, T* y) {
  gemm_host({false, t.transpose_w, rows, s.out, s.in, s.in, t.transpose_w ? s.in : s.out, s.out}, x, t.w, y);
  if (s.relu) return finish_rows<T, true>(rows, s.out, t.b, plus, y);
  if (t.b != nullptr || plus != nullptr) finish_rows<T, false>(rows, s.out, t.b, plus, y);
}

template <class T>
void linear_typed(const LinearShape& s, const T* x, const HostTerms<T>& t, T* y) {
  // In bf16 every product rounds its weights, so one product for all rows is cheaper than one per tile.
  const bool tiled = s.rows >= 2 * linear_tile && precision() != Precision::bf16;
  if (!tiled) return linear_rows(s, s.rows, x, t, t.plus, y);
  parallel((s.rows + linear_tile - 1) / linear_tile, [&](Index tile) {
    const Index first = tile * linear_tile;
    linear_rows(s, std::min(linear_tile, s.rows - first), x + first * s.in, t,
                t.plus != nullptr ? t.plus + first * s.out : nullptr, y + first * s.out);
  });
}

}  // namespace

void use_one_onednn_thread() {
#if STILLPOINT_ONEDNN
  thread_local const bool told = (omp_set_num_threads(1), true);
  (void)told;
#endif
}

const char* name_of(Precision precision) {
  return precision == Precision::bf16 ? "bf16" : precision == Precision::tf32 ? "tf32" : "float32";
}
Precision precision_named(std::string_view name) {
  for (const Precision p : {Precision::float32, Precision::tf32, Precision::bf16})
    if (name == name_of(p)) return p;
  fail("precision: given ", name, ", expected float32, tf32 or bf16");
}
void set_precision(Precision precision) { chosen = precision; }
Precision precision() { return chosen; }

void gemm_float32(const HostGemm& g, const float* a, const float* b, float* c) {
#if STILLPOINT_ONEDNN
  if (g.m * g.n * g.k > 0) return in_blocks(g, a, b, c, multiply_onednn);
#endif
  gemm_blocked(g, a, b, c);
}

void gemm_host(const HostGemm& g, const float* a, const float* b, float* c) {
  if (precision() == Precision::bf16) return gemm_bf16(g, a, b, c);
  gemm_float32(g, a, b, c);
}

void gemm_host(const HostGemm& g, const double* a, const double* b, double* c) { gemm_blocked(g, a, b, c); }

void gemm_cpu(const GemmShape& s, const Array& a, const Array& b, const Array& c) {
  dispatch_real(c.dtype, "gemm", [&](auto zero) {
    using T = decltype(zero);
    gemm_host({s.transpose_a, s.transpose_b, s.m, s.n, s.k, s.transpose_a ? s.m : s.k,
               s.transpose_b ? s.k : s.n, s.n, s.accumulate ? 1.0f : 0.0f},
              a.as<T>(), b.as<T>(), c.as<T>());
  });
}

void linear_cpu(const LinearShape& s, const Array& x, const Array& w, const LinearTerms& terms,
                const Array& y) {
  dispatch_real(y.dtype, "linear", [&](auto zero) {
    using T = decltype(zero);
    linear_typed(s, x.as<T>(),
                 HostTerms<T>{w.as<T>(), pointer_or_null<T>(terms.b), pointer_or_null<T>(terms.plus),
                              terms.transpose_w},
                 y.as<T>());
  });
}

}  // namespace stillpoint::kernels
