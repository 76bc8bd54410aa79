// Tests warp matrix functions: products against plain loops in every layout, and kernels with one seeded bug
// each.
#include <cuda_runtime.h>

#include <cuda_bf16.h>
#include <mma.h>

#include <algorithm>
#include <cmath>

#include "support.h"

using namespace simt_check;
namespace wmma = nvcuda::wmma;

namespace {

struct Tf32 {
  using Element = float;
  using Operand = wmma::precision::tf32;
  static constexpr int depth = 8;
  static float rounded(float x) { return wmma::__float_to_tf32(x); }
};
struct Bf16 {
  using Element = __nv_bfloat16;
  using Operand = __nv_bfloat16;
  static constexpr int depth = 16;
  static __nv_bfloat16 rounded(float x) { return __float2bfloat16_rn(x); }
};
template <class Kind, class Use, class Layout>
using Operand = wmma::fragment<Use, 16, 16, Kind::depth, typename Kind::Operand, Layout>;
template <class Kind>
using Sum = wmma::fragment<wmma::accumulator, 16, 16, Kind::depth, float>;

// Computes d = a b + c with everything in device memory.
template <class Kind, class LayoutA, class LayoutB>
__global__ void product(const typename Kind::Element* a, const typename Kind::Element* b, const float* c,
                        float* d, unsigned ldm, unsigned ldm_c, wmma::layout_t layout) {
  Operand<Kind, wmma::matrix_a, LayoutA> left;
  Operand<Kind, wmma::matrix_b, LayoutB> right;
  Sum<Kind> sum;
  wmma::load_matrix_sync(left, a, ldm);
  wmma::load_matrix_sync(right, b, ldm);
  wmma::load_matrix_sync(sum, c, ldm_c, layout);
  wmma::mma_sync(sum, left, right, sum);
  wmma::store_matrix_sync(d, sum, ldm_c, layout);
}

template <class Kind, class LayoutA, class LayoutB>
void check_product(wmma::layout_t layout) {
  using Element = typename Kind::Element;
  constexpr int depth = Kind::depth, ldm = 24, ldm_c = 20;
  const bool a_rows = std::is_same_v<LayoutA, wmma::row_major>,
             b_rows = std::is_same_v<LayoutB, wmma::row_major>, c_rows = layout == wmma::mem_row_major;
  const auto rounded = [](const std::vector<float>& values) {
    std::vector<Element> to;
    for (const float v : values) to.push_back(Kind::rounded(v * 0.3f));
    return to;
  };
  const auto a = rounded(draw(16 * ldm, 3)), b = rounded(draw(16 * ldm, 4));
  const auto c = draw(16 * ldm_c, 5);
  const DeviceArray<Element> on_a(a), on_b(b);
  const DeviceArray<float> on_c(c);
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    DeviceArray<float> d(c);
    REQUIRE(run(product<Kind, LayoutA, LayoutB>, 1, 32, 0, on_a.data, on_b.data, on_c.data, d.data, ldm,
                ldm_c, layout) == cudaSuccess);
    const auto result = d.host();
    std::vector<float> expected = c;  // what lies between the rows must stay
    double worst = 0;
    for (int i = 0; i < 16; ++i)
      for (int j = 0; j < 16; ++j) {
        const std::size_t at = std::size_t(c_rows ? i * ldm_c + j : j * ldm_c + i);
        double sum = double(c[at]);
        for (int k = 0; k < depth; ++k)
          sum += double(float(a[std::size_t(a_rows ? i * ldm + k : k * ldm + i)])) *
                 double(float(b[std::size_t(b_rows ? k * ldm + j : j * ldm + k)]));
        worst = std::max(worst, std::abs(double(result[at]) - sum));
        expected[at] = result[at];
      }
    CHECK(worst < 1e-5);
    CHECK(result == expected);
  }
}

template <class Kind>
void check_layouts() {
  for (const auto layout : {wmma::mem_row_major, wmma::mem_col_major}) {
    check_product<Kind, wmma::row_major, wmma::col_major>(layout);
    check_product<Kind, wmma::col_major, wmma::row_major>(layout);
    check_product<Kind, wmma::row_major, wmma::row_major>(layout);
    check_product<Kind, wmma::col_major, wmma::col_major>(layout);
  }
}

enum class Bug {
  none,
  address,
  leading,
  lanes,
  different,
  barrier,
  unrounded,
  unset,
  sums,
  unordered,
  bounds
};

// Multiplies one tf32 tile through shared memory: a (16,8), b (8,16) as its transpose, both with rows of 8 +
// 4.
template <Bug bug>
__global__ void tile(const float* x, float* y) {
  float* const shared = static_cast<float*>(simt::dynamic_shared_memory());
  const int lane = int(threadIdx.x);
  for (int i = lane; i < 2 * 16 * 12; i += int(blockDim.x)) shared[i] = 0;
  __syncwarp();
  if (bug == Bug::lanes && lane >= 24) return;
  for (int i = lane; i < 2 * 16 * 12; i += int(blockDim.x))
    shared[i] = bug == Bug::unrounded && i == 5 ? x[i] + 0x1p-14f : wmma::__float_to_tf32(x[i]);
  if (bug != Bug::unordered) __syncwarp();
  Operand<Tf32, wmma::matrix_a, wmma::row_major> a;
  Operand<Tf32, wmma::matrix_b, wmma::col_major> b;
  Sum<Tf32> sum;
  if (bug != Bug::sums) wmma::fill_fragment(sum, 0.0f);
  if (bug == Bug::barrier && lane < 16) __syncthreads();
  wmma::load_matrix_sync(a,
                         shared + (bug == Bug::address     ? 4
                                   : bug == Bug::different ? lane / 16 * 8
                                                           : 0),
                         bug == Bug::leading ? 10 : 12);
  if (bug != Bug::unset) wmma::load_matrix_sync(b, shared + 16 * (bug == Bug::bounds ? 14 : 12), 12);
  wmma::mma_sync(sum, a, b, sum);
  wmma::store_matrix_sync(y, sum, 16, wmma::mem_row_major);
}

// Multiplies a bf16 tile. Leading dimensions have to be multiples of 8 elements (16 bytes); the bug's is 20.
template <bool Bug>
__global__ void halves(const __nv_bfloat16* x, float* y) {
  Operand<Bf16, wmma::matrix_a, wmma::row_major> a;
  Operand<Bf16, wmma::matrix_b, wmma::col_major> b;
  Sum<Bf16> sum;
  wmma::fill_fragment(sum, 0.0f);
  wmma::load_matrix_sync(a, x, Bug ? 20 : 24);
  wmma::load_matrix_sync(b, x, 24);
  wmma::mma_sync(sum, a, b, sum);
  wmma::store_matrix_sync(y, sum, 16, wmma::mem_row_major);
}

// Reads other lanes' stores, which only __syncwarp orders.
template <bool Bug>
__global__ void stored(float* y) {
  float* const shared = static_cast<float*>(simt::dynamic_shared_memory());
  Sum<Tf32> sum;
  for (int i = 0; i < 8; ++i) shared[32 * i + int(threadIdx.x)] = 0;
  __syncwarp();
  wmma::fill_fragment(sum, 2.0f);
  for (float& x : sum.x) x *= 0.5f;
  wmma::store_matrix_sync(shared, sum, 16, wmma::mem_row_major);
  if (!Bug) __syncwarp();
  for (int i = 0; i < 8; ++i) y[32 * i + int(threadIdx.x)] = shared[32 * i + int(threadIdx.x)];
}

template <class... Params, class... Args>
void reports(void (*kernel)(Params...), const char* text, unsigned block, Args... args) {
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    std::string report;
    try {
      run(kernel, 1, block, 2 * 16 * 12 * 4, args...);
    } catch (const simt::Violation& error) {
      report = error.what();
    }
    holds(report, text);
    holds(report, "matrices.cpp:");
  }
}

}  // namespace

TEST_CASE("simt: products of warps agree with plain loops in every layout") {
  check_layouts<Tf32>();
  check_layouts<Bf16>();
}

TEST_CASE("simt: tf32 keeps ten bits of mantissa, ties away from zero") {
  CHECK(wmma::__float_to_tf32(1.0f + 0x1p-11f) == 1.0f + 0x1p-10f);
  CHECK(wmma::__float_to_tf32(-1.0f - 0x1p-11f) == -1.0f - 0x1p-10f);
  CHECK(wmma::__float_to_tf32(1.0f + 0x1p-11f - 0x1p-23f) == 1.0f);
  CHECK(wmma::__float_to_tf32(3.0f) == 3.0f);
  CHECK(wmma::__float_to_tf32(0x1.fffffep127f) == HUGE_VALF);
  CHECK(wmma::__float_to_tf32(-HUGE_VALF) == -HUGE_VALF);
  CHECK(std::isnan(wmma::__float_to_tf32(std::nanf(""))));
}

TEST_CASE("simt: broken rules of warp matrix functions are reported") {
  const DeviceArray<float> x(draw(400, 6)), y(256);
  const float* const from = x.data;
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    CHECK(run(tile<Bug::none>, 1, 32, 2 * 16 * 12 * 4, from, y.data) == cudaSuccess);
  }
  reports(tile<Bug::address>, "load_matrix_sync at matrices.cpp:", 32, from, y.data);
  reports(tile<Bug::address>, "16 bytes behind a multiple of 32", 32, from, y.data);
  reports(tile<Bug::leading>, "the leading dimension is 10, expected a multiple of 4", 32, from, y.data);
  reports(tile<Bug::lanes>, "only 24 lanes take part", 32, from, y.data);
  reports(tile<Bug::none>, "only 16 lanes take part", 16, from, y.data);
  reports(tile<Bug::different>, "lanes give different addresses", 32, from, y.data);
  reports(tile<Bug::barrier>, "deadlock", 32, from, y.data);
  reports(tile<Bug::unrounded>, "which tf32 does not hold", 32, from, y.data);
  reports(tile<Bug::unset>, "an element of b was never set", 32, from, y.data);
  reports(tile<Bug::sums>, "an element of c was never set", 32, from, y.data);
  std::vector<__nv_bfloat16> ones(16 * 24, 1.0f);
  const DeviceArray<__nv_bfloat16> h(ones);
  CHECK(run(halves<false>, 1, 32, 0, h.data, y.data) == cudaSuccess);
  CHECK(y.host() == std::vector<float>(256, 16.0f));
  reports(halves<true>, "the leading dimension is 20, expected a multiple of 8", 32, h.data, y.data);
}

TEST_CASE("simt: loads and stores of warp matrix functions are checked like any other") {
  if (!simt::checks_accesses()) return;
  const DeviceArray<float> x(draw(400, 6)), y(256);
  const float* const from = x.data;
  reports(tile<Bug::unordered>, "data race", 32, from, y.data);
  reports(tile<Bug::bounds>, "out of bounds: reads 4 bytes", 32, from, y.data);
  const DeviceArray<float> small(255);
  reports(tile<Bug::none>, "out of bounds: writes 4 bytes", 32, from, small.data);
  CHECK(run(stored<false>, 1, 32, 1024, y.data) == cudaSuccess);
  CHECK(y.host() == std::vector<float>(256, 1.0f));
  reports(stored<true>, "data race", 32, y.data);
}
