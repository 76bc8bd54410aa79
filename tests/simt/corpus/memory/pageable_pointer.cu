// expect: bounds host memory touched by a kernel
// The kernel gets a pointer to the host's heap. Hardware: an illegal address, except where the driver
// migrates pages.
#include <cstdio>
#include <vector>

__global__ void sum(const float* x, int n, float* out) {
  float total = 0.0f;
  for (int i = 0; i < n; ++i) total += x[i];
  *out = total;
}

int main() {
  std::vector<float> x(100, 1.0f);
  float *out, total = 0.0f;
  cudaMalloc(&out, sizeof(float));
  sum<<<1, 1>>>(x.data(), 100, out);
  cudaMemcpy(&total, out, sizeof total, cudaMemcpyDeviceToHost);
  std::printf("%g\n", total);
  cudaFree(out);
}
