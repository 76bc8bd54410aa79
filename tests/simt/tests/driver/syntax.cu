// CUDA's syntax in the forms that programs use, for simt++: launches, dynamic shared memory, qualifiers.
#include "cuda_runtime.h"
#include "device_launch_parameters.h"

#include <assert.h>
#include <stdio.h>

#include <iostream>
#include <vector>

#include "syntax.cuh"

#define N (1 << 10)
// clang-format off
#define gpuErrchk(ans) { gpuAssert((ans), __FILE__, __LINE__); }
inline void gpuAssert(cudaError_t code, const char *file, int line, bool abort=true)
{
   if (code != cudaSuccess) { fprintf(stderr,"GPUassert: %s %s %d\n", cudaGetErrorString(code), file, line); if (abort) exit(code); }
}
#define RUN(kernel, grid, block, ...) do { kernel<<<grid, block>>>(__VA_ARGS__); gpuErrchk(cudaGetLastError()); } while (0)
#define DEFINE_SCALE(name, T, op) __global__ void name(T* x) { x[threadIdx.x] = x[threadIdx.x] op T(2); }
DEFINE_SCALE(twice, float, *)
static __device__ __forceinline__ int dev_add(int a, int b) { return a + b; }
struct Functor { float k; __host__ __device__ explicit Functor(float kk) : k(kk) {} __device__ float operator()(float x) const { return k * x; } };

template <typename T, int BLOCK = 128, typename Op>
__global__ void __launch_bounds__(BLOCK) tk(T *out, const T *in, size_t n, Op op) {
  __shared__ T tile[BLOCK];
  static __shared__ int flag;
  size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (threadIdx.x == 0) flag = 1;
  tile[threadIdx.x] = i < n ? in[i] : T();
  __syncthreads();
  if (i < n) out[i] = op(tile[threadIdx.x]) + (flag - 1);
}
extern __shared__ float g_smem[];
__global__ void uses_global_shared(float* out) {
  float* a = g_smem; float* b = (float*)&g_smem[blockDim.x];
  a[threadIdx.x] = threadIdx.x; b[threadIdx.x] = 2.f * threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = g_smem[blockDim.x - 1 - threadIdx.x] + b[threadIdx.x];
}
__global__ void carve(int* o, int n) {
  extern __shared__ __align__(16) char raw[];
  extern __shared__ volatile int same[], again[];
  int* ints = (int*)raw; float* floats = (float*)(raw + n * sizeof(int));
  ints[threadIdx.x] = threadIdx.x; floats[threadIdx.x] = 0.5f;
  __syncthreads();
  o[threadIdx.x] = same[n - 1 - threadIdx.x] + int(2 * floats[threadIdx.x]) + 0 * again[0];
}
extern "C" __global__ void c_kernel(int* p) { if (p) p[threadIdx.x] = dev_add(1, threadIdx.x); }
__global__ void printer() { if (threadIdx.x == 0) printf("hello from block %d of %d\n", blockIdx.x, gridDim.x); }
class Runner {
 public:
  template <class F> void launch(F f, float* x, cudaStream_t s = 0) { dim3 g(2), b(32, 2); run_it<<<g, b, 0, s>>>(f, x); gpuErrchk(cudaPeekAtLastError()); }
 private:
  template <class F> friend __global__ void run_it(F f, float* x);
};
template <class F> __global__ void run_it(F f, float* x) { int i = blockIdx.x * 64 + threadIdx.y * 32 + threadIdx.x; x[i] = f(i); }
namespace a { namespace b { struct Tag {}; template <class T, class U> __global__ void deep(U* u, T) { u[threadIdx.x] += 1; } } }
struct Params { float* p; int n; float4 v; };
__global__ void by_struct(Params params, const Params* __restrict__, float (*fn)(float)) { if (threadIdx.x < params.n && fn == nullptr) params.p[threadIdx.x] = params.v.w; }
__global__ void arr(const int x[], int y[4]) { y[threadIdx.x] = x[threadIdx.x]; }
template <int A, bool B> __global__ void nontype(int* o) { if constexpr (B) o[threadIdx.x] = A; }
template <class... Args> __global__ void pack(int* o, Args... args) { if (threadIdx.x == 0) *o = (0 + ... + int(args)); }
__global__ void overloaded(int* o) { o[0] = 1; }
__global__ void overloaded(int* o, int v) { o[1] = v; }
template <> __global__ void of_header<double>(double* x) { x[threadIdx.x] = 5; }
void (*const table[])(int*) = {c_kernel, overloaded};

int main(int argc, char** argv) {
  float *x, *y; int *z; double* w;
  gpuErrchk(cudaMalloc((void**)&x, N * sizeof(float)));
  gpuErrchk(cudaMalloc((void**)&y, N * sizeof(float)));
  gpuErrchk(cudaMalloc(&z, N * sizeof(int)));
  gpuErrchk(cudaMalloc(&w, N * sizeof(double)));
  gpuErrchk(cudaMemset(x, 0, N * sizeof(float))); gpuErrchk(cudaMemset(z, 0, N * sizeof(int)));
  tk<float><<<(N + 127) / 128, 128>>>(y, x, N, Functor(2.f));
  tk<float, 64> <<< dim3((N + 63) / 64, 1, 1), dim3(64) >>> (y, x, N,
      [] __device__ (float v) {
        return v + 1;
      });
  uses_global_shared<<<1, 64, 2 * 64 * sizeof(float)>>>(x);
  carve<<<1, 32, 32 * (sizeof(int) + sizeof(float))>>>(z, 32);
  RUN(twice, 1, 32, x);
  c_kernel<<<1, 32>>>(z);
  printer<<<2, 32>>>();
  Runner r; r.launch([=] __host__ __device__ (int i) { return float(i); }, x);
  a::b::deep<a::b::Tag><<<1, 8>>>(x, a::b::Tag{});
  a::b::deep<std::vector<std::vector<int>>*><<<1, 8>>>(x, (std::vector<std::vector<int>>*)nullptr);
  Params p{x, 4, make_float4(1, 2, 3, 4)};
  by_struct<<<1, 32>>>(p, NULL, nullptr);
  arr<<<1, 4>>>(z, z + 32);
  const bool on = N > 5;
  if (on) nontype<(3 > 2) ? 4 : 5, (N > 3)><<<1, 4>>>(z); else nontype<1, false><<<1, 4>>>(z);
  for (int i = 0; i < 2; i++) pack<<<1, 1>>>(z + 100 + i, 1, 2.0f, 'a' - 'a', i);
  table[1]<<<1, 1>>>(z + 200); (*table)<<<1, 1>>>(z + 300);
  overloaded<<<1, 1>>>(z + 200, 9);
  fill_header(w, 7.0); of_header<<<1, 4>>>(w);
  extern void other_source(int*); other_source(z + 400); extern void sides(int*); sides(z + 450);
  int h[512]; gpuErrchk(cudaMemcpy(h, z, sizeof h, cudaMemcpyDeviceToHost));
  printf("%d %d %d %d %d %d %d %d\n", h[0], h[5], h[101], h[200], h[201], h[300], h[400], h[450]);
  double d[5]; gpuErrchk(cudaMemcpy(d, w, sizeof d, cudaMemcpyDeviceToHost));
  std::cout << d[0] << " " << d[4] << " " << "kernel<<<1, 2>>>(x)" << '<' << R"(raw <<<a>>>(b))" << (1 << 3) << "\n";
  gpuErrchk(cudaDeviceSynchronize());
  cudaFree(x); cudaFree(y); cudaFree(z); cudaFree(w);
  return 0;
}
