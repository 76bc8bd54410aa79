// expect: nothing
// The lanes meet between the reads and the writes of every step, as the Volta guide asks.
#include <cstdio>

__global__ void sum(const float* x, float* out) {
  __shared__ float partial[64];
  int t = threadIdx.x;
  partial[t] = x[t];
  __syncthreads();
  if (t < 32) {
    float v = partial[t] + partial[t + 32];
    for (int step = 16; step > 0; step /= 2) {
      __syncwarp();
      partial[t] = v;
      __syncwarp();
      v += partial[(t + step) % 32];
    }
    if (t == 0) out[0] = v;
  }
}

int main() {
  float *x, *out;
  cudaMalloc(&x, 64 * sizeof(float));
  cudaMalloc(&out, sizeof(float));
  cudaMemset(x, 0, 64 * sizeof(float));
  sum<<<1, 64>>>(x, out);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaFree(x);
  cudaFree(out);
  return error == cudaSuccess ? 0 : 1;
}
