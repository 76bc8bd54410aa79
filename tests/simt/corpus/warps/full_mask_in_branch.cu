// expect: sync mask|lane
// Half of the warp shuffles with a mask that names all lanes. By the programming guide every lane of the mask
// has to execute the same intrinsic.
#include <cstdio>

__global__ void half(int* x) {
  int value = int(threadIdx.x);
  if (threadIdx.x < 16) value += __shfl_xor_sync(0xffffffffu, value, 8);
  x[threadIdx.x] = value;
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  half<<<1, 32>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}
