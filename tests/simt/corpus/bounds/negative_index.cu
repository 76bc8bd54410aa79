// expect: bounds out of bounds: reads 4 bytes
// The first thread reads the element before the array. Hardware: whatever lies there.
#include <cstdio>
#include <vector>

__global__ void differences(const int* in, int* out, int n) {
  int i = threadIdx.x;
  if (i < n) out[i] = in[i] - in[i - 1];
}

int main() {
  const int n = 64;
  std::vector<int> h(n, 3);
  int *in, *out;
  cudaMalloc(&in, n * sizeof(int));
  cudaMalloc(&out, n * sizeof(int));
  cudaMemcpy(in, h.data(), n * sizeof(int), cudaMemcpyHostToDevice);
  differences<<<1, n>>>(in, out, n);
  cudaMemcpy(h.data(), out, n * sizeof(int), cudaMemcpyDeviceToHost);
  std::printf("%d\n", h[5]);
  cudaFree(in);
  cudaFree(out);
}
