// expect: nothing
// The threads without data fill the tile with zeros.
#include <cstdio>
#include <vector>

__global__ void sum(const float* in, float* out, int n) {
  __shared__ float tile[128];
  unsigned t = threadIdx.x;
  tile[t] = t < n ? in[t] : 0.0f;
  __syncthreads();
  for (unsigned step = 64; step > 0; step /= 2) {
    if (t < step) tile[t] += tile[t + step];
    __syncthreads();
  }
  if (t == 0) *out = tile[0];
}

int main() {
  const int n = 100;
  std::vector<float> h(n, 1.0f);
  float *in, *out, total = 0.0f;
  cudaMalloc(&in, n * sizeof(float));
  cudaMalloc(&out, sizeof(float));
  cudaMemcpy(in, h.data(), n * sizeof(float), cudaMemcpyHostToDevice);
  sum<<<1, 128>>>(in, out, n);
  cudaMemcpy(&total, out, sizeof total, cudaMemcpyDeviceToHost);
  std::printf("%g\n", total);
  cudaFree(in);
  cudaFree(out);
}
