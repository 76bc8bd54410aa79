// Kernels that meet at one barrier on a line, and others whose threads part and wait at two. The first
// argument names one.
#include <cstdio>
#include <cstring>

#define MEET __syncthreads()
__device__ void step(int* x) { x[threadIdx.x] += 1, __syncthreads(); }
__device__ __noinline__ void step_apart(int* x) { x[threadIdx.x] += 1, __syncthreads(); }
__device__ void two_deep(int* x) { step(x); }

// clang-format off
__global__ void two_calls(int* x) { if (threadIdx.x % 2 == 0) step(x); else step(x); }
__global__ void two_calls_apart(int* x) { if (threadIdx.x % 2 == 0) step_apart(x); else step_apart(x); }
__global__ void two_deep_calls(int* x) { if (threadIdx.x % 2 == 0) two_deep(x); else two_deep(x); }
__global__ void two_barriers(int* x) { x[threadIdx.x] = 1; if (threadIdx.x % 2 == 0) __syncthreads(); else __syncthreads(); }
__global__ void two_macros(int* x) { x[threadIdx.x] = 1; if (threadIdx.x % 2 == 0) MEET; else MEET; }
__global__ void two_values(int* x) { x[threadIdx.x] = threadIdx.x % 2 == 0 ? __syncthreads_or(1) : __syncthreads_or(0); }
__global__ void two_lambdas(int* x) { const auto f = [x] { step(x); }; if (threadIdx.x % 2 == 0) f(); else f(); }

__global__ void one_uniform(int* x) { if (blockDim.x % 2 == 0) step(x); else step(x); }
__global__ void one_between(int* x) { const bool odd = threadIdx.x % 2; if (odd) x[threadIdx.x] = 3; step(x); if (odd) x[threadIdx.x] *= 2; }
__global__ void one_in_loop(int* x) { for (int i = 0; i < 4; ++i) { if (threadIdx.x % 2) x[threadIdx.x] += i; step(x); if (threadIdx.x % 2) x[threadIdx.x] *= 2; } }
__global__ void one_at_loop_end(int* x) { for (int i = 0; i < 4; step(x), ++i) { if (threadIdx.x % 4 == unsigned(i)) continue; x[threadIdx.x] += i; } }
__global__ void one_in_condition(int* x) { x[threadIdx.x] = threadIdx.x; while (__syncthreads_or(x[threadIdx.x] > 0)) if (x[threadIdx.x] > 0) x[threadIdx.x] -= 16; }
__global__ void one_unrolled(int* x) {
#pragma unroll
  for (int i = 0; i < 4; ++i) { if (threadIdx.x < 8u << i) x[threadIdx.x] += i; step_apart(x); }
}
// clang-format on

int main(int, char** argv) {
  int* x;
  cudaMalloc(&x, 64 * sizeof(int));
  cudaMemset(x, 0, 64 * sizeof(int));
#define RUN(kernel) \
  if (std::strcmp(argv[1], #kernel) == 0) kernel<<<1, 64>>>(x)
  RUN(two_calls);
  RUN(two_calls_apart);
  RUN(two_deep_calls);
  RUN(two_barriers);
  RUN(two_macros);
  RUN(two_values);
  RUN(two_lambdas);
  RUN(one_uniform);
  RUN(one_between);
  RUN(one_in_loop);
  RUN(one_at_loop_end);
  RUN(one_in_condition);
  RUN(one_unrolled);
  cudaDeviceSynchronize();
  cudaFree(x);
  return 0;
}
