// expect: bounds out of bounds: index 64
// The last thread reads tile[64], which is the start of another array. Hardware: it gets that value.
#include <cstdio>
#include <vector>

__global__ void neighbours(const float* in, float* out) {
  __shared__ float tile[64];
  __shared__ float sums[64];
  unsigned i = threadIdx.x;
  tile[i] = in[i];
  sums[i] = 0.0f;
  __syncthreads();
  sums[i] = tile[i] + tile[i + 1];
  __syncthreads();
  out[i] = sums[i];
}

int main() {
  std::vector<float> h(64, 1.0f);
  float *in, *out;
  cudaMalloc(&in, 64 * sizeof(float));
  cudaMalloc(&out, 64 * sizeof(float));
  cudaMemcpy(in, h.data(), 64 * sizeof(float), cudaMemcpyHostToDevice);
  neighbours<<<1, 64>>>(in, out);
  cudaMemcpy(h.data(), out, 64 * sizeof(float), cudaMemcpyDeviceToHost);
  std::printf("%g\n", h[1]);
  cudaFree(in);
  cudaFree(out);
}
