// expect: nothing
// Blelloch's scan: sums go up a balanced tree in shared memory and down again, with a barrier before each
// level. A gap after every 32 elements, which nobody writes, keeps the accesses of a warp in different banks.
#include <cstdio>

__device__ int place(int i) { return i + i / 32; }

__global__ void sums_before(float* x, int n) {
  extern __shared__ float s[];
  const int t = threadIdx.x;
  int apart = 1;
  s[place(t)] = x[t];
  s[place(t + n / 2)] = x[t + n / 2];
  for (int nodes = n / 2; nodes > 0; nodes /= 2, apart *= 2) {
    __syncthreads();
    if (t < nodes) s[place(apart * (2 * t + 2) - 1)] += s[place(apart * (2 * t + 1) - 1)];
  }
  if (t == 0) s[place(n - 1)] = 0;
  for (int nodes = 1; nodes < n; nodes *= 2) {
    apart /= 2;
    __syncthreads();
    if (t >= nodes) continue;
    const int left = place(apart * (2 * t + 1) - 1), right = place(apart * (2 * t + 2) - 1);
    const float sum = s[left];
    s[left] = s[right];
    s[right] += sum;
  }
  __syncthreads();
  x[t] = s[place(t)];
  x[t + n / 2] = s[place(t + n / 2)];
}

int main() {
  constexpr int n = 512;
  float host[n], *x;
  for (float& value : host) value = 1;
  cudaMalloc(&x, sizeof host);
  cudaMemcpy(x, host, sizeof host, cudaMemcpyHostToDevice);
  sums_before<<<1, n / 2, (n + n / 32) * sizeof(float)>>>(x, n);
  cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%g\n", host[n - 1]);
  cudaFree(x);
  return host[n - 1] == n - 1 ? 0 : 1;
}
