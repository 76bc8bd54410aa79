// expect: nothing
// Vector loads from even elements.
#include <cstdio>
#include <vector>

__global__ void sum_pairs(const float* in, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n / 2 - 1) return;
  float2 pair = *reinterpret_cast<const float2*>(in + 2 * i);
  out[i] = pair.x + pair.y;
}

int main() {
  const int n = 256;
  std::vector<float> h(n, 1.0f);
  float *in, *out;
  cudaMalloc(&in, n * sizeof(float));
  cudaMalloc(&out, n * sizeof(float));
  cudaMemcpy(in, h.data(), n * sizeof(float), cudaMemcpyHostToDevice);
  sum_pairs<<<1, 128>>>(in, out, n);
  cudaMemcpy(h.data(), out, 100 * sizeof(float), cudaMemcpyDeviceToHost);
  std::printf("%g\n", h[3]);
  cudaFree(in);
  cudaFree(out);
}
