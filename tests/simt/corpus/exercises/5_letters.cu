// expect: init never written
// Exercise 5: how often each letter occurs. The counts are right with 128 threads a block, and wrong with 16.
#include <cstdio>
#include <cstring>

__global__ void count_letters(const char* text, int n, int* counts) {
  __shared__ int local[26];
  if (threadIdx.x < 26) local[threadIdx.x] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    if (text[i] >= 'a' && text[i] <= 'z') atomicAdd(&local[text[i] - 'a'], 1);
  __syncthreads();
  for (int letter = threadIdx.x; letter < 26; letter += blockDim.x) atomicAdd(&counts[letter], local[letter]);
}

int main() {
  const char* const text = "the quick brown fox jumps over the lazy dog";
  const int n = int(std::strlen(text));
  char* d;
  int *counts, h[26];
  cudaMalloc(&d, n);
  cudaMalloc(&counts, sizeof h);
  cudaMemset(counts, 0, sizeof h);
  cudaMemcpy(d, text, n, cudaMemcpyHostToDevice);
  count_letters<<<2, 16>>>(d, n, counts);
  cudaMemcpy(h, counts, sizeof h, cudaMemcpyDeviceToHost);
  std::printf("e %d, o %d, z %d\n", h[4], h[14], h[25]);
  cudaFree(d);
  cudaFree(counts);
  return h[4] == 3 && h[14] == 4 && h[25] == 1 ? 0 : 1;
}
