// Computes the cuDNN stand-in's convolutions by plain loops, and lists their algorithms.
#include "libraries/convolution.h"

namespace simt {
namespace {

// The longest taps that an algorithm here supports. The limit forces programs to have another way as well.
constexpr std::int64_t most_taps = 64;
constexpr std::size_t beyond_any_device = std::size_t(1) << 40;

// Calls term(y, x, tap) with the positions of every term's factors.
template <class Term>
void each_term(const Convolution& f, const Term& term) {
  for (std::int64_t n = 0; n < f.n; ++n)
    for (std::int64_t k = 0; k < f.k; ++k)
      for (std::int64_t p = 0; p < f.p; ++p)
        for (std::int64_t q = 0; q < f.q; ++q)
          for (std::int64_t c = 0; c < f.c; ++c)
            for (std::int64_t r = 0; r < f.r; ++r)
              for (std::int64_t s = 0; s < f.s; ++s) {
                const std::int64_t i = p * f.stride_h + r - f.pad_h, j = q * f.stride_w + s - f.pad_w;
                if (i < 0 || i >= f.h || j < 0 || j >= f.w) continue;
                const std::int64_t a = f.flipped ? f.r - 1 - r : r, b = f.flipped ? f.s - 1 - s : s;
                term(((n * f.k + k) * f.p + p) * f.q + q, ((n * f.c + c) * f.h + i) * f.w + j,
                     ((k * f.c + c) * f.r + a) * f.s + b);
              }
}

}  // namespace

std::vector<Algorithm> algorithms(Pass pass, const Convolution& f) {
  if (f.r > most_taps || f.s > most_taps) return {};
  const bool fp32 = f.type == CUDA_R_32F, three = f.r == 3 && f.s == 3;
  const bool unit = f.stride_h == 1 && f.stride_w == 1;
  const auto outputs = std::size_t(f.n * f.p * f.q), taps = std::size_t(f.k * f.c * f.r * f.s);
  const auto entry = [](int number, cudnnMathType_t math, std::size_t workspace, bool listed,
                        bool supported) {
    return Algorithm{number, math, CUDNN_DETERMINISTIC, workspace, listed, supported};
  };
  const auto loose = [](int number, std::size_t workspace) {
    return Algorithm{number, CUDNN_FMA_MATH, CUDNN_NON_DETERMINISTIC, workspace, true, true};
  };
  if (pass == Pass::forward)
    return {entry(CUDNN_CONVOLUTION_FWD_ALGO_DIRECT, CUDNN_FMA_MATH, 0, false, false),
            entry(CUDNN_CONVOLUTION_FWD_ALGO_FFT, CUDNN_FMA_MATH, beyond_any_device, unit, unit),
            entry(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, CUDNN_TENSOR_OP_MATH, 8 * outputs, fp32,
                  fp32),
            entry(CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD, CUDNN_FMA_MATH, 16 * taps, three, three && unit),
            entry(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, CUDNN_FMA_MATH, 4 * outputs, true, true),
            entry(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, CUDNN_FMA_MATH, 0, true, true)};
  if (pass == Pass::backward_data)
    return {loose(CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, 0),
            entry(CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT, CUDNN_FMA_MATH, beyond_any_device, unit, unit),
            entry(CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, CUDNN_TENSOR_OP_MATH, 8 * outputs, fp32, fp32),
            entry(CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD, CUDNN_FMA_MATH, 16 * taps, three, three && unit),
            entry(CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, CUDNN_FMA_MATH, 4 * outputs, true, true)};
  return {loose(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, 1024),
          loose(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, 0),
          entry(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD, CUDNN_FMA_MATH, 0, false, false),
          entry(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT, CUDNN_FMA_MATH, beyond_any_device, unit, unit),
          entry(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, CUDNN_TENSOR_OP_MATH, 8 * taps, fp32, fp32),
          entry(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, CUDNN_FMA_MATH, 4 * taps, true, true)};
}

template <class T>
std::vector<T> convolve(Pass pass, const Convolution& f, const std::vector<T>& first,
                        const std::vector<T>& second, bool split) {
  const std::int64_t size = pass == Pass::forward         ? f.n * f.k * f.p * f.q
                            : pass == Pass::backward_data ? f.n * f.c * f.h * f.w
                                                          : f.k * f.c * f.r * f.s;
  std::vector<T> sums(std::size_t(size), T(0)), others(split ? sums : std::vector<T>());
  bool other = false;
  each_term(f, [&](std::int64_t y, std::int64_t x, std::int64_t tap) {
    const auto u = std::size_t(pass == Pass::backward_data ? tap : x);
    const auto v = std::size_t(pass == Pass::forward ? tap : y);
    const auto target = std::size_t(pass == Pass::forward ? y : pass == Pass::backward_data ? x : tap);
    (other ? others : sums)[target] += first[u] * second[v];
    other = split && !other;
  });
  for (std::size_t i = 0; i < others.size(); ++i) sums[i] += others[i];
  return sums;
}

template std::vector<float> convolve(Pass, const Convolution&, const std::vector<float>&,
                                     const std::vector<float>&, bool);
template std::vector<double> convolve(Pass, const Convolution&, const std::vector<double>&,
                                      const std::vector<double>&, bool);

}  // namespace simt
