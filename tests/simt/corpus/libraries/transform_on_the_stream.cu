// expect: nothing
// The plan has the stream of the kernel that makes its input.
#include <cufft.h>

#include <cstdio>

__global__ void fill(cufftComplex* c) { c[threadIdx.x] = make_cuComplex(threadIdx.x, 0); }

int main() {
  constexpr int n = 128;
  cufftComplex* c;
  cudaMalloc(&c, n * sizeof *c);
  cudaStream_t stream;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  cufftHandle plan;
  cufftPlan1d(&plan, n, CUFFT_C2C, 1);
  cufftSetStream(plan, stream);
  fill<<<1, n, 0, stream>>>(c);
  cufftExecC2C(plan, c, c, CUFFT_FORWARD);
  std::printf("%s\n", cudaGetErrorString(cudaDeviceSynchronize()));
  cufftDestroy(plan);
  cudaStreamDestroy(stream);
  cudaFree(c);
  return 0;
}
