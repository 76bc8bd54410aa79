// Functions of both sides that ask for __CUDA_ARCH__.
#include <cstdio>
#if defined(__CUDACC__)
#define HD __host__ __device__
#else
#define HD
#endif
HD int side(int x) {
#ifdef __CUDA_ARCH__
  const int t = threadIdx.x;
  return x + t;
#else
  return x + 100;
#endif
}
struct Number {
  int value;
  HD explicit Number(int v) : value(v) {
#if defined(__CUDA_ARCH__)
    value += 1;
#endif
  }
  HD int get() const { return value; }
};
__global__ void on_device(int* o) {
  __shared__ int s[32];
#if __CUDA_ARCH__ >= 700
  s[threadIdx.x] = side(1);
#endif
  __syncthreads();
  o[threadIdx.x] = s[31 - threadIdx.x] + Number(3).get();
}
void sides(int* o) {
  on_device<<<1, 32>>>(o);
  std::printf("host %d %d\n", side(1), Number(3).get());
}
