// expect: race data race
// cuFFT works on the stream of its plan. The kernel that makes its input is on another one, and nothing
// orders the two.
#include <cufft.h>

#include <cstdio>

__global__ void fill(cufftComplex* c) { c[threadIdx.x] = make_cuComplex(threadIdx.x, 0); }

int main() {
  constexpr int n = 128;
  cufftComplex* c;
  cudaMalloc(&c, n * sizeof *c);
  cudaStream_t makes, transforms;
  cudaStreamCreateWithFlags(&makes, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&transforms, cudaStreamNonBlocking);
  cufftHandle plan;
  cufftPlan1d(&plan, n, CUFFT_C2C, 1);
  cufftSetStream(plan, transforms);
  fill<<<1, n, 0, makes>>>(c);
  cufftExecC2C(plan, c, c, CUFFT_FORWARD);
  std::printf("%s\n", cudaGetErrorString(cudaDeviceSynchronize()));
  cufftDestroy(plan);
  cudaStreamDestroy(makes);
  cudaStreamDestroy(transforms);
  cudaFree(c);
  return 0;
}
