// A kernel that cannot avoid spills; bench/kernel_resources.py has to refuse it.
namespace {

constexpr int values = 40;  // doubles per thread; 32 registers hold 16 of them

}  // namespace

__global__ void __launch_bounds__(1024, 2) spilling(const double* x, double* y) {
  double kept[values];
#pragma unroll
  for (int i = 0; i < values; ++i) kept[i] = x[threadIdx.x + i * 1024];
  __syncthreads();
#pragma unroll
  for (int i = 0; i < values; ++i) y[threadIdx.x * values + i] = kept[values - 1 - i] * kept[i * 7 % values];
}
