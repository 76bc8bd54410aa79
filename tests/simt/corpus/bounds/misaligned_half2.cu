// expect: bounds misaligned access: 4 bytes
// Rows of an odd number of halves, read in pairs: every other row is misaligned. Hardware: misaligned
// address.
#include <cuda_fp16.h>
#include <cstdio>
#include <vector>

__global__ void sum_rows(const __half* in, float* out, int width) {
  const __half* row = in + threadIdx.x * width;
  const __half2* pairs = reinterpret_cast<const __half2*>(row);
  float sum = 0.0f;
  for (int i = 0; i < width / 2; ++i) sum += __low2float(pairs[i]) + __high2float(pairs[i]);
  out[threadIdx.x] = sum;
}

int main() {
  const int width = 9, height = 4;
  std::vector<__half> h(width * height, __float2half(0.5f));
  __half* in;
  float *out, sums[height];
  cudaMalloc(&in, h.size() * sizeof(__half));
  cudaMalloc(&out, sizeof sums);
  cudaMemcpy(in, h.data(), h.size() * sizeof(__half), cudaMemcpyHostToDevice);
  sum_rows<<<1, height>>>(in, out, width);
  cudaMemcpy(sums, out, sizeof sums, cudaMemcpyDeviceToHost);
  std::printf("%g\n", sums[0]);
  cudaFree(in);
  cudaFree(out);
}
