// Tests the emulator's cuBLAS and cublasLt against plain loops in double.
#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda_bf16.h>

#include <algorithm>

#include "support.h"

using namespace simt_check;

namespace {

// Returns op(a) op(b), column-major, in double.
template <class T>
double dot(const std::vector<T>& a, bool ta, int lda, const std::vector<T>& b, bool tb, int ldb, int k,
           int row, int col) {
  double sum = 0;
  for (int p = 0; p < k; ++p) {
    const double x = double(a[std::size_t(ta ? p + row * lda : row + p * lda)]);
    const double y = double(b[std::size_t(tb ? col + p * ldb : p + col * ldb)]);
    sum += x * y;
  }
  return sum;
}

}  // namespace

TEST_CASE("simt: cublasSgemm is a product of column-major matrices") {
  cublasHandle_t handle = nullptr;
  REQUIRE(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS);
  const int m = 7, n = 5, k = 11, ldc = 9;
  const float alpha = 0.5f, beta = -2.0f, zero = 0.0f;
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) {
      const int lda = (ta ? k : m) + 2, ldb = (tb ? n : k) + 1;
      const auto a = draw(std::size_t(lda * (ta ? m : k)), 6), b = draw(std::size_t(ldb * (tb ? k : n)), 7);
      const auto c = draw(std::size_t(ldc * n), 8);
      const DeviceArray<float> da(a), db(b), dc(c), fresh(std::size_t(ldc * n));
      const auto oa = ta ? CUBLAS_OP_T : CUBLAS_OP_N, ob = tb ? CUBLAS_OP_T : CUBLAS_OP_N;
      REQUIRE(cublasSgemm(handle, oa, ob, m, n, k, &alpha, da.data, lda, db.data, ldb, &beta, dc.data, ldc) ==
              CUBLAS_STATUS_SUCCESS);
      REQUIRE(cublasSgemm(handle, oa, ob, m, n, k, &alpha, da.data, lda, db.data, ldb, &zero, fresh.data,
                          ldc) == CUBLAS_STATUS_SUCCESS);
      const auto y = dc.host();
      for (int col = 0; col < n; ++col)
        for (int row = 0; row < ldc; ++row) {
          const auto at = std::size_t(row + col * ldc);
          if (row >= m) {
            CHECK(y[at] == c[at]);
            continue;
          }
          const double product = 0.5 * dot(a, ta, lda, b, tb, ldb, k, row, col);
          CHECK(double(y[at]) == Approx(product - 2.0 * double(c[at])).margin(1e-4));
          CHECK(double(fresh.peek(at)) == Approx(product).margin(1e-4));
        }
      CHECK(cublasSgemm(handle, oa, ob, m, n, k, &alpha, da.data, (ta ? k : m) - 1, db.data, ldb, &beta,
                        dc.data, ldc) == CUBLAS_STATUS_INVALID_VALUE);
      CHECK(cublasSgemm(handle, oa, ob, m, n, k, &alpha, da.data, lda, db.data, (tb ? n : k) - 1, &beta,
                        dc.data, ldc) == CUBLAS_STATUS_INVALID_VALUE);
    }
  CHECK(cublasDestroy(handle) == CUBLAS_STATUS_SUCCESS);
}

TEST_CASE("simt: cublasSgemm refuses matrices that do not fit") {
  cublasHandle_t handle = nullptr;
  REQUIRE(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS);
  const float alpha = 0.5f, beta = -2.0f;
  const DeviceArray<float> small(4);
  CHECK(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &alpha, small.data, 2, small.data, 2, &beta,
                    small.data, 1) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK_THROWS_AS(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 3, 2, &alpha, small.data, 2, small.data, 2,
                              &beta, small.data, 2),
                  simt::Violation);
  CHECK(cublasDestroy(handle) == CUBLAS_STATUS_SUCCESS);
}

TEST_CASE("simt: batched and double products") {
  cublasHandle_t handle = nullptr;
  REQUIRE(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS);
  const int m = 3, n = 4, k = 6, batch = 3;
  const float one = 1, zero = 0;
  const auto a = draw(m * k * batch, 9), b = draw(k * n, 10);
  const DeviceArray<float> da(a), db(b), dc(m * n * batch);
  REQUIRE(cublasSgemmStridedBatched(handle, CUBLAS_OP_N, CUBLAS_OP_N, m, n, k, &one, da.data, m, m * k,
                                    db.data, k, 0, &zero, dc.data, m, m * n, batch) == CUBLAS_STATUS_SUCCESS);
  const auto c = dc.host();
  for (int i = 0; i < batch; ++i) {
    const std::vector<float> part(a.begin() + i * m * k, a.begin() + (i + 1) * m * k);
    for (int at = 0; at < m * n; ++at)
      CHECK(double(c[std::size_t(i * m * n + at)]) ==
            Approx(dot(part, false, m, b, false, k, k, at % m, at / m)).margin(1e-4));
  }
  const DeviceArray<double> x(std::vector<double>{3.0}), y(std::vector<double>{1.0 / 3.0}), z(1);
  const double done = 1, dzero = 0;
  REQUIRE(cublasDgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &done, x.data, 1, y.data, 1, &dzero, z.data,
                      1) == CUBLAS_STATUS_SUCCESS);
  CHECK(z.host()[0] == 3.0 * (1.0 / 3.0));
  cublasDestroy(handle);
}

TEST_CASE("simt: TF32 and bfloat16 products") {
  cublasHandle_t handle = nullptr;
  REQUIRE(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS);
  const float one = 1, zero = 0;
  const DeviceArray<float> fine(std::vector<float>{1.0f + 0x1p-12f}), unit(std::vector<float>{1}), product(1);
  const auto multiply = [&](cublasComputeType_t compute) {
    REQUIRE(cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, fine.data, CUDA_R_32F, 1, unit.data,
                         CUDA_R_32F, 1, &zero, product.data, CUDA_R_32F, 1, compute,
                         CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS);
    return product.host()[0];
  };
  CHECK(multiply(CUBLAS_COMPUTE_32F) == 1.0f + 0x1p-12f);
  CHECK(multiply(CUBLAS_COMPUTE_32F_FAST_TF32) == 1.0f);
  REQUIRE(cublasSetMathMode(handle, CUBLAS_TF32_TENSOR_OP_MATH) == CUBLAS_STATUS_SUCCESS);
  CHECK(multiply(CUBLAS_COMPUTE_32F) == 1.0f);

  const DeviceArray<__nv_bfloat16> half(std::vector<__nv_bfloat16>{1.5f}),
      third(std::vector<__nv_bfloat16>{0.25f});
  REQUIRE(cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, half.data, CUDA_R_16BF, 1, third.data,
                       CUDA_R_16BF, 1, &zero, product.data, CUDA_R_32F, 1, CUBLAS_COMPUTE_32F,
                       CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS);
  CHECK(product.host()[0] == 0.375f);
  CHECK(cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, half.data, CUDA_R_16BF, 1, third.data,
                     CUDA_R_32F, 1, &zero, product.data, CUDA_R_32F, 1, CUBLAS_COMPUTE_32F,
                     CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_NOT_SUPPORTED);
  cublasDestroy(handle);
}

namespace {

// A cublasLt product of transposed A (m,k) by B (k,n), as a row-major layer y = x w^T + b calls it.
struct LtProduct {
  static constexpr int m = 6, n = 5, k = 9;
  std::vector<float> a = draw(k * m, 11), b = draw(k * n, 12), bias = draw(m, 13);
  DeviceArray<float> da{a}, db{b}, dbias{bias}, dd{std::size_t(m * n)};
  DeviceArray<unsigned char> mask{std::size_t(128 / 8 * n)}, workspace{4096};
  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t desc = nullptr;
  cublasLtMatrixLayout_t la = nullptr, lb = nullptr, ld = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;

  LtProduct() {
    cublasLtCreate(&handle);
    cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(dbias.data));
    set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, static_cast<void*>(mask.data));
    set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, std::int64_t(128));
    cublasLtMatrixLayoutCreate(&la, CUDA_R_32F, k, m, k);
    cublasLtMatrixLayoutCreate(&lb, CUDA_R_32F, k, n, k);
    cublasLtMatrixLayoutCreate(&ld, CUDA_R_32F, m, n, m);
    cublasLtMatmulPreferenceCreate(&preference);
    const std::uint64_t bytes = 4096;
    cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes,
                                         sizeof bytes);
  }
  ~LtProduct() {
    cublasLtMatmulPreferenceDestroy(preference);
    for (const auto layout : {la, lb, ld}) cublasLtMatrixLayoutDestroy(layout);
    cublasLtMatmulDescDestroy(desc);
    cublasLtDestroy(handle);
  }
  template <class T>
  cublasStatus_t set(cublasLtMatmulDescAttributes_t attribute, T value) {
    return cublasLtMatmulDescSetAttribute(desc, attribute, &value, sizeof value);
  }
  cublasStatus_t multiply(std::size_t workspace_bytes = 4096) {
    cublasLtMatmulHeuristicResult_t found = {};
    int count = 0;
    const auto status =
        cublasLtMatmulAlgoGetHeuristic(handle, desc, la, lb, ld, ld, preference, 1, &found, &count);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    const float one = 1, zero = 0;
    return cublasLtMatmul(handle, desc, &one, da.data, la, db.data, lb, &zero, dd.data, ld, dd.data, ld,
                          &found.algo, workspace.data, workspace_bytes, nullptr);
  }
  double expected(int at) const { return dot(a, true, k, b, false, k, k, at % m, at / m); }
};

}  // namespace

TEST_CASE("simt: cublasLt adds a bias, applies ReLU and keeps its mask") {
  LtProduct p;
  REQUIRE(p.set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_RELU_AUX_BIAS) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(p.multiply() == CUBLAS_STATUS_SUCCESS);
  const auto relu = p.dd.host();
  REQUIRE(p.set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DRELU) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(p.multiply() == CUBLAS_STATUS_SUCCESS);
  const auto masked = p.dd.host();
  int positive = 0;
  for (int at = 0; at < p.m * p.n; ++at) {
    const double value = p.expected(at) + double(p.bias[std::size_t(at % p.m)]);
    positive += value > 0;
    CHECK(double(relu[std::size_t(at)]) == Approx(std::max(value, 0.0)).margin(1e-4));
    CHECK(double(masked[std::size_t(at)]) == Approx(value > 0 ? p.expected(at) : 0.0).margin(1e-4));
  }
  CHECK(positive > 0);
  CHECK(positive < p.m * p.n);
}

TEST_CASE("simt: cublasLt sums an operand for the gradient of a bias") {
  LtProduct p;
  REQUIRE(p.set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BGRADA) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(p.multiply() == CUBLAS_STATUS_SUCCESS);
  const auto rows = p.dbias.host();
  for (int i = 0; i < p.m; ++i) {
    double sum = 0;
    for (int q = 0; q < p.k; ++q) sum += double(p.a[std::size_t(q + i * p.k)]);
    CHECK(double(rows[std::size_t(i)]) == Approx(sum).margin(1e-5));
  }
  REQUIRE(p.set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BGRADB) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(p.multiply() == CUBLAS_STATUS_SUCCESS);
  const auto columns = p.dbias.host();
  for (int j = 0; j < p.n; ++j) {
    double sum = 0;
    for (int q = 0; q < p.k; ++q) sum += double(p.b[std::size_t(q + j * p.k)]);
    CHECK(double(columns[std::size_t(j)]) == Approx(sum).margin(1e-5));
  }
}

TEST_CASE("simt: cublasLt rejects arguments that do not fit") {
  LtProduct p;
  CHECK(p.multiply(100) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(p.set(CUBLASLT_MATMUL_DESC_TRANSA, std::int64_t(1)) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(p.set(CUBLASLT_MATMUL_DESC_EPILOGUE, 77) == CUBLAS_STATUS_INVALID_VALUE);
  p.set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_N);
  CHECK(p.multiply() == CUBLAS_STATUS_NOT_SUPPORTED);
  p.set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
  p.set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_RELU_AUX);
  p.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, std::int64_t(6));
  CHECK(p.multiply() == CUBLAS_STATUS_NOT_SUPPORTED);
  simt::reset_stats();
  p.set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
  CHECK(p.multiply() == CUBLAS_STATUS_SUCCESS);
  CHECK(simt::stats().library_calls == 1);
  CHECK(simt::launch_log() == std::vector<std::string>{"cublasLtMatmul"});
  p.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(p.bias.data()));
  CHECK_THROWS_AS(p.multiply(), simt::Violation);
}
