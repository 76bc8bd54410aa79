// expect: nothing
// Products of vectors: with a result on the host, each call waits for it.
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <cstdio>
#include <vector>

int main() {
  const int n = 100;
  std::vector<float> x(n), y(n, 2.0f);
  for (int i = 0; i < n; ++i) x[i] = float(i - 60);
  float *dx, *dy, dot = 0, norm = 0;
  cudaMalloc(&dx, n * sizeof(float));
  cudaMalloc(&dy, n * sizeof(float));
  cublasSetVector(n, sizeof(float), x.data(), 1, dx, 1);
  cublasSetVector(n, sizeof(float), y.data(), 1, dy, 1);
  cublasHandle_t handle;
  cublasCreate(&handle);
  const float three = 3;
  int largest = 0;
  cublasSaxpy(handle, n, &three, dx, 1, dy, 1);
  cublasSdot(handle, n, dx, 1, dy, 1, &dot);
  cublasSnrm2(handle, n, dy, 1, &norm);
  cublasIsamax(handle, n, dx, 1, &largest);
  double expected_dot = 0, expected_norm = 0;
  for (int i = 0; i < n; ++i) {
    const double value = 2.0 + 3.0 * x[i];
    expected_dot += x[i] * value;
    expected_norm += value * value;
  }
  std::printf("%g %g, %g %g, %d\n", dot, expected_dot, norm * norm, expected_norm, largest);
  cublasDestroy(handle);
  cudaFree(dx);
  cudaFree(dy);
  return largest == 1 && dot == float(expected_dot) ? 0 : 1;
}
