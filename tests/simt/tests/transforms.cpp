// Tests the emulator's cuFFT, cuRAND and cuSOLVER against values that are known.
#include <cufft.h>
#include <curand.h>
#include <curand_kernel.h>
#include <cusolverDn.h>

#include <cmath>

#include "support.h"

using namespace simt_check;

namespace {

__global__ void draw_philox(unsigned* out) {
  curandStatePhilox4_32_10_t state;
  curand_init(0, 0, 0, &state);
  for (int i = 0; i < 4; ++i) out[i] = curand(&state);
}
__global__ void draw_xorwow(unsigned* out) {
  curandState state;
  state.v[0] = 123456789, state.v[1] = 362436069, state.v[2] = 521288629, state.v[3] = 88675123;
  state.v[4] = 5783321, state.d = 6615241;
  for (int i = 0; i < 3; ++i) out[i] = curand(&state);
}

// Solves a x = b by LU or Cholesky; returns x.
std::vector<double> solved(const std::vector<double>& a, const std::vector<double>& b, bool cholesky,
                           int* info) {
  const int n = int(b.size());
  cusolverDnHandle_t handle = nullptr;
  REQUIRE(cusolverDnCreate(&handle) == CUSOLVER_STATUS_SUCCESS);
  const DeviceArray<double> da(a), db(b);
  const DeviceArray<int> pivots(b.size()), state(1);
  const auto lower = CUBLAS_FILL_MODE_LOWER;
  int size = 0;
  if (cholesky)
    REQUIRE(cusolverDnDpotrf_bufferSize(handle, lower, n, da.data, n, &size) == CUSOLVER_STATUS_SUCCESS);
  else
    REQUIRE(cusolverDnDgetrf_bufferSize(handle, n, n, da.data, n, &size) == CUSOLVER_STATUS_SUCCESS);
  const DeviceArray<double> workspace(std::size_t(size) + 1);
  if (cholesky)
    cusolverDnDpotrf(handle, lower, n, da.data, n, workspace.data, size, state.data);
  else
    cusolverDnDgetrf(handle, n, n, da.data, n, workspace.data, pivots.data, state.data);
  *info = state.host()[0];
  if (*info != 0) {
    cusolverDnDestroy(handle);
    return {};
  }
  if (cholesky)
    cusolverDnDpotrs(handle, lower, n, 1, da.data, n, db.data, n, state.data);
  else
    cusolverDnDgetrs(handle, CUBLAS_OP_N, n, 1, da.data, n, pivots.data, db.data, n, state.data);
  const std::vector<double> x = db.host();
  cusolverDnDestroy(handle);
  return x;
}

}  // namespace

TEST_CASE("simt: cuFFT transforms a wave to two peaks and back, for even and odd lengths") {
  for (const int n : {12, 15}) {
    std::vector<cufftComplex> wave;
    for (int batch = 0; batch < 2; ++batch)
      for (int i = 0; i < n; ++i) wave.push_back({float(std::cos(2 * M_PI * (batch + 1) * i / n)), 0});
    const DeviceArray<cufftComplex> data(wave);
    cufftHandle plan = 0;
    REQUIRE(cufftPlan1d(&plan, n, CUFFT_C2C, 2) == CUFFT_SUCCESS);
    REQUIRE(cufftExecC2C(plan, data.data, data.data, CUFFT_FORWARD) == CUFFT_SUCCESS);
    const auto peaks = data.host();
    for (int i = 0; i < 2 * n; ++i) {
      const int batch = i / n, k = i % n;
      const double wanted = k == batch + 1 || k == n - batch - 1 ? n / 2.0 : 0.0;
      CHECK(double(peaks[std::size_t(i)].x) == Approx(wanted).margin(1e-4));
      CHECK(double(peaks[std::size_t(i)].y) == Approx(0.0).margin(1e-4));
    }
    REQUIRE(cufftExecC2C(plan, data.data, data.data, CUFFT_INVERSE) == CUFFT_SUCCESS);
    const auto back = data.host();
    for (std::size_t i = 0; i < wave.size(); ++i)
      CHECK(double(back[i].x) == Approx(n * double(wave[i].x)).margin(1e-4));
    CHECK(cufftDestroy(plan) == CUFFT_SUCCESS);
    CHECK(cufftDestroy(plan) == CUFFT_INVALID_PLAN);
  }
}

TEST_CASE("simt: cuFFT gives half of a real transform, and refuses what was never written") {
  const int rows = 3, columns = 4;
  std::vector<double> impulse(rows * columns, 0.0);
  impulse[1] = 1;
  const DeviceArray<double> in(impulse), back(impulse.size()), unset(impulse.size());
  const DeviceArray<cufftDoubleComplex> out(rows * (columns / 2 + 1));
  cufftHandle forward = 0, inverse = 0;
  REQUIRE(cufftPlan2d(&forward, rows, columns, CUFFT_D2Z) == CUFFT_SUCCESS);
  REQUIRE(cufftPlan2d(&inverse, rows, columns, CUFFT_Z2D) == CUFFT_SUCCESS);
  REQUIRE(cufftExecD2Z(forward, in.data, out.data) == CUFFT_SUCCESS);
  const auto turned = out.host();  // exp(-2 pi i k / 4) in column k of each row
  for (std::size_t row = 0; row < rows; ++row) {
    CHECK(turned[3 * row].x == Approx(1.0));
    CHECK(turned[3 * row + 1].y == Approx(-1.0));
    CHECK(turned[3 * row + 2].x == Approx(-1.0));
  }
  REQUIRE(cufftExecZ2D(inverse, out.data, back.data) == CUFFT_SUCCESS);
  const auto scaled = back.host();
  for (std::size_t i = 0; i < impulse.size(); ++i) CHECK(scaled[i] == Approx(12.0 * impulse[i]).margin(1e-9));
  if (simt::checks_accesses()) CHECK_THROWS_AS(cufftExecD2Z(forward, unset.data, out.data), simt::Violation);
  CHECK(cufftExecC2R(forward, nullptr, nullptr) != CUFFT_SUCCESS);  // the plan has another type
  cufftDestroy(forward);
  cufftDestroy(inverse);
}

TEST_CASE("simt: cuRAND's generators on the device are the published ones") {
  const DeviceArray<unsigned> out(4);
  REQUIRE(run(draw_philox, 1, 1, 0, out.data) == cudaSuccess);
  CHECK(out.host() == std::vector<unsigned>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  REQUIRE(run(draw_xorwow, 1, 1, 0, out.data) == cudaSuccess);
  CHECK(out.peek(0) == 246875399u);
  CHECK(out.peek(1) == 3690007200u);
  CHECK(out.peek(2) == 1264581005u);
}

TEST_CASE(
    "simt: cuRAND's host generators repeat by seed, and have the mean and deviation that they are given") {
  curandGenerator_t generator = nullptr;
  REQUIRE(curandCreateGenerator(&generator, CURAND_RNG_PSEUDO_PHILOX4_32_10) == CURAND_STATUS_SUCCESS);
  const DeviceArray<float> first(4000), second(4000);
  for (const auto* array : {&first, &second}) {
    REQUIRE(curandSetPseudoRandomGeneratorSeed(generator, 7) == CURAND_STATUS_SUCCESS);
    REQUIRE(curandGenerateNormal(generator, array->data, 4000, 3.0f, 0.5f) == CURAND_STATUS_SUCCESS);
  }
  const auto values = first.host();
  CHECK(values == second.host());
  double sum = 0, squares = 0;
  for (const float v : values) sum += double(v), squares += (double(v) - 3.0) * (double(v) - 3.0);
  CHECK(sum / 4000 == Approx(3.0).margin(0.04));
  CHECK(std::sqrt(squares / 4000) == Approx(0.5).margin(0.03));
  REQUIRE(curandGenerateUniform(generator, first.data, 4000) == CURAND_STATUS_SUCCESS);
  for (const float v : first.host()) REQUIRE((v > 0.0f && v <= 1.0f));
  CHECK(curandGenerateNormal(generator, first.data, 3, 0, 1) == CURAND_STATUS_LENGTH_NOT_MULTIPLE);
  CHECK(curandDestroyGenerator(generator) == CURAND_STATUS_SUCCESS);
}

TEST_CASE("simt: cuSOLVER solves by LU and Cholesky, and names the pivot or minor that fails") {
  int info = -1;
  const auto x =
      solved({0, 2, 4, 1, 1, 3, 3, 2, 8}, {11, 10, 34}, false, &info);  // x = (1, 2, 3), first pivot 0
  CHECK(info == 0);
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(x[i] == Approx(double(i + 1)));
  const auto y = solved({4, 2, 2, 2, 5, 1, 2, 1, 6}, {14, 15, 22}, true, &info);
  CHECK(info == 0);
  for (std::size_t i = 0; i < y.size(); ++i) CHECK(y[i] == Approx(double(i + 1)));
  solved({1, 2, 2, 4}, {1, 2}, false, &info);
  CHECK(info == 2);
  solved({1, 2, 2, 1}, {1, 2}, true, &info);
  CHECK(info == 2);
}
