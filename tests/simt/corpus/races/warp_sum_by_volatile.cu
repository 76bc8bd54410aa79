// expect: race nothing orders the two
// Since Volta the lanes of a warp do not run in lockstep: volatile does not replace __syncwarp.
#include <cstdio>

__global__ void sum(const float* x, float* out) {
  __shared__ float partial[64];
  int t = threadIdx.x;
  partial[t] = x[t];
  __syncthreads();
  if (t < 32) {
    volatile float* p = partial;
    p[t] += p[t + 32];
    if (t < 16) p[t] += p[t + 16];
    if (t < 8) p[t] += p[t + 8];
    if (t < 4) p[t] += p[t + 4];
    if (t < 2) p[t] += p[t + 2];
    if (t < 1) p[t] += p[t + 1];
  }
  if (t == 0) out[0] = partial[0];
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
