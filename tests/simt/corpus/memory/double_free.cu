// expect: api cudaErrorInvalidValue
// The same pointer is freed twice. Hardware: the second call fails.
#include <cstdio>

int main() {
  float *x, *alias;
  cudaMalloc(&x, 256);
  alias = x;
  cudaFree(x);
  cudaFree(alias);
  std::printf("done\n");
}
