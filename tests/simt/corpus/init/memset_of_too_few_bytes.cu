// expect: init never written
// cudaMemset counts bytes, and the program gives elements. Hardware: three quarters keep their old values.
#include <cstdio>
#include <vector>

__global__ void add(float* sums, const float* x) { sums[threadIdx.x] += x[threadIdx.x]; }

int main() {
  const int n = 64;
  std::vector<float> h(n, 1.0f);
  float *sums, *x;
  cudaMalloc(&sums, n * sizeof(float));
  cudaMalloc(&x, n * sizeof(float));
  cudaMemset(sums, 0, n);
  cudaMemcpy(x, h.data(), n * sizeof(float), cudaMemcpyHostToDevice);
  add<<<1, n>>>(sums, x);
  cudaMemcpy(h.data(), sums, n * sizeof(float), cudaMemcpyDeviceToHost);
  std::printf("%g\n", h[n - 1]);
  cudaFree(sums);
  cudaFree(x);
}
