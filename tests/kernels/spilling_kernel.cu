// A kernel that cannot do without spills: what bench/kernel_resources.py has to refuse.
namespace {

constexpr int values = 40;  // doubles of a thread, of which 32 registers hold 16

}  // namespace

__global__ void __launch_bounds__(1024, 2) spilling(const double* x, double* y) {
  double kept[values];
#pragma unroll
  for (int i = 0; i < values; ++i) kept[i] = x[threadIdx.x + i * 1024];
  __syncthreads();
#pragma unroll
  for (int i = 0; i < values; ++i) y[threadIdx.x * values + i] = kept[values - 1 - i] * kept[i * 7 % values];
}
