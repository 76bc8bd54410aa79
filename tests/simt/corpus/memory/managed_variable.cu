// expect: nothing
// A __managed__ variable, written by both sides in turn.
#include <cstdio>

__managed__ int counter = 5;
__device__ int steps[4] = {1, 2, 3, 4};

__global__ void count() { atomicAdd(&counter, steps[threadIdx.x % 4]); }

int main() {
  counter += 1;
  count<<<1, 32>>>();
  cudaDeviceSynchronize();
  std::printf("%d\n", counter);
  return counter == 86 ? 0 : 1;
}
