// expect: bounds freed allocation
// cudaFreeAsync stands before the last use on the same stream. Hardware: the pool may hand the block out
// again.
#include <cstdio>

__global__ void fill(float* x, float value) { x[threadIdx.x] = value; }

int main() {
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  float* x;
  cudaMallocAsync(&x, 64 * sizeof(float), stream);
  fill<<<1, 64, 0, stream>>>(x, 1.0f);
  cudaFreeAsync(x, stream);
  fill<<<1, 64, 0, stream>>>(x, 2.0f);
  cudaStreamSynchronize(stream);
  cudaStreamDestroy(stream);
}
