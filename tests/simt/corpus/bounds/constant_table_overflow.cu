// expect: bounds out of bounds
// The loop reads one weight too many. Hardware: the next constant, or zero.
#include <cstdio>
#include <vector>

__constant__ float weights[9] = {1, 2, 1, 2, 4, 2, 1, 2, 1};

__global__ void blur(const float* in, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float sum = 0.0f;
  for (int k = 0; k <= 9; ++k) sum += weights[k] * in[(i + k) % n];
  out[i] = sum / 16.0f;
}

int main() {
  const int n = 100;
  std::vector<float> h(n, 1.0f);
  float *in, *out;
  cudaMalloc(&in, n * sizeof(float));
  cudaMalloc(&out, n * sizeof(float));
  cudaMemcpy(in, h.data(), n * sizeof(float), cudaMemcpyHostToDevice);
  blur<<<1, 128>>>(in, out, n);
  cudaMemcpy(h.data(), out, n * sizeof(float), cudaMemcpyDeviceToHost);
  std::printf("%g\n", h[3]);
  cudaFree(in);
  cudaFree(out);
}
