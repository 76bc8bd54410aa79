// Compares the distances with those that the host computes.
#include <cmath>
#include <cstdio>
#include <vector>

#include "distances.cuh"

int main() {
  const int rows = 20, columns = 7;
  std::vector<float> x(rows * columns), d(rows * rows);
  for (size_t i = 0; i < x.size(); ++i) x[i] = float(i * 31 % 17) - 8;
  float *dx, *dd;
  cudaMalloc(&dx, x.size() * sizeof(float));
  cudaMalloc(&dd, d.size() * sizeof(float));
  cudaMemcpy(dx, x.data(), x.size() * sizeof(float), cudaMemcpyHostToDevice);
  cublasHandle_t handle;
  if (cublasCreate(&handle) != CUBLAS_STATUS_SUCCESS) return 3;
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  cudaDeviceSynchronize();
  distances(dx, dd, rows, columns, handle, stream);
  if (cudaStreamSynchronize(stream) != cudaSuccess) return 2;
  cudaMemcpy(d.data(), dd, d.size() * sizeof(float), cudaMemcpyDeviceToHost);
  double worst = 0;
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < rows; ++j) {
      double sum = 0;
      for (int c = 0; c < columns; ++c) sum += std::pow(x[i * columns + c] - x[j * columns + c], 2);
      worst = std::fmax(worst, std::fabs(sum - d[i * rows + j]));
    }
  std::printf("largest difference %g\n", worst);
  cublasDestroy(handle);
  cudaStreamDestroy(stream);
  cudaFree(dx);
  cudaFree(dd);
  return worst < 1e-2 ? 0 : 1;
}
