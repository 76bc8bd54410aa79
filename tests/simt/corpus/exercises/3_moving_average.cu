// expect: bounds out of bounds
// Exercise 3: a moving average with a halo in dynamic shared memory. Which of the sizes is one too small?
#include <cstdio>
#include <vector>

constexpr int radius = 3, threads = 64;

__global__ void average(const float* in, float* out, int n) {
  extern __shared__ float row[];
  const int first = blockIdx.x * blockDim.x - radius;
  for (int i = threadIdx.x; i < blockDim.x + 2 * radius; i += blockDim.x) {
    const int at = first + i;
    row[i] = at < 0 || at >= n ? 0.0f : in[at];
  }
  __syncthreads();
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float sum = 0;
  for (int k = 0; k <= 2 * radius; ++k) sum += row[threadIdx.x + k];
  out[i] = sum / (2 * radius + 1);
}

int main() {
  const int n = 1000;
  std::vector<float> h(n, 7.0f);
  float *in, *out;
  cudaMalloc(&in, n * sizeof(float));
  cudaMalloc(&out, n * sizeof(float));
  cudaMemcpy(in, h.data(), n * sizeof(float), cudaMemcpyHostToDevice);
  average<<<(n + threads - 1) / threads, threads, (threads + radius) * sizeof(float)>>>(in, out, n);
  cudaMemcpy(h.data(), out, n * sizeof(float), cudaMemcpyDeviceToHost);
  std::printf("%g\n", h[n / 2]);
  cudaFree(in);
  cudaFree(out);
  return h[n / 2] == 7.0f ? 0 : 1;
}
