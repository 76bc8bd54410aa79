// expect: bounds out of bounds: index 4
// A local array of 4 sums, and a loop over 5 classes. Hardware: it damages the thread's other variables.
#include <cstdio>
#include <vector>

__global__ void count(const int* in, int* out, int n, int classes) {
  int sums[4] = {0, 0, 0, 0};
  for (int i = threadIdx.x; i < n; i += blockDim.x)
    for (int k = 0; k < classes; ++k) sums[k] += in[i] % classes == k;
  for (int k = 0; k < 4; ++k) atomicAdd(&out[k], sums[k]);
}

int main() {
  const int n = 200;
  std::vector<int> h(n);
  for (int i = 0; i < n; ++i) h[i] = i;
  int *in, *out, sums[4];
  cudaMalloc(&in, n * sizeof(int));
  cudaMalloc(&out, sizeof sums);
  cudaMemcpy(in, h.data(), n * sizeof(int), cudaMemcpyHostToDevice);
  cudaMemset(out, 0, sizeof sums);
  count<<<1, 64>>>(in, out, n, 5);
  cudaMemcpy(sums, out, sizeof sums, cudaMemcpyDeviceToHost);
  std::printf("%d\n", sums[0]);
  cudaFree(in);
  cudaFree(out);
}
