// expect: init never written
// The grid covers only whole blocks, the copy takes everything. Hardware: the tail is what the memory held
// before.
#include <cstdio>
#include <vector>

__global__ void square(const float* in, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = in[i] * in[i];
}

int main() {
  const int n = 300;
  std::vector<float> h(n, 3.0f);
  float *in, *out;
  cudaMalloc(&in, n * sizeof(float));
  cudaMalloc(&out, n * sizeof(float));
  cudaMemcpy(in, h.data(), n * sizeof(float), cudaMemcpyHostToDevice);
  square<<<n / 128, 128>>>(in, out, n);
  cudaMemcpy(h.data(), out, n * sizeof(float), cudaMemcpyDeviceToHost);
  std::printf("%g\n", h[n - 1]);
  cudaFree(in);
  cudaFree(out);
}
