// expect: leak never freed
// Each step allocates a buffer and none is freed. Hardware: memory runs out some day.
#include <cstdio>

__global__ void fill(int* x, int value) { x[threadIdx.x] = value; }

int main() {
  for (int step = 0; step < 4; ++step) {
    int* scratch;
    cudaMalloc(&scratch, 64 * sizeof(int));
    fill<<<1, 64>>>(scratch, step);
    cudaDeviceSynchronize();
  }
  std::printf("done\n");
}
