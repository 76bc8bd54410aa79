// expect: race|init data race|never written
// Exercise 1: the transpose of a matrix by tiles in shared memory. Why is it wrong only sometimes?
#include <cstdio>
#include <vector>

constexpr int tile = 16;

__global__ void transpose(const float* in, float* out, int n) {
  __shared__ float block[tile][tile + 1];
  int row = blockIdx.y * tile + threadIdx.y, column = blockIdx.x * tile + threadIdx.x;
  if (row < n && column < n) block[threadIdx.y][threadIdx.x] = in[row * n + column];
  row = blockIdx.x * tile + threadIdx.y;
  column = blockIdx.y * tile + threadIdx.x;
  if (row < n && column < n) out[row * n + column] = block[threadIdx.x][threadIdx.y];
}

int main() {
  const int n = 48;
  std::vector<float> h(n * n), t(n * n);
  for (int i = 0; i < n * n; ++i) h[i] = float(i);
  float *in, *out;
  cudaMalloc(&in, n * n * sizeof(float));
  cudaMalloc(&out, n * n * sizeof(float));
  cudaMemcpy(in, h.data(), n * n * sizeof(float), cudaMemcpyHostToDevice);
  transpose<<<dim3(n / tile, n / tile), dim3(tile, tile)>>>(in, out, n);
  cudaMemcpy(t.data(), out, n * n * sizeof(float), cudaMemcpyDeviceToHost);
  int wrong = 0;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) wrong += t[j * n + i] != h[i * n + j];
  std::printf("%d wrong\n", wrong);
  cudaFree(in);
  cudaFree(out);
  return wrong != 0;
}
