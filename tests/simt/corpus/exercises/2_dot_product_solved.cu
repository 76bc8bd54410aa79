// expect: nothing
// The solution of 2_dot_product.cu.
#include <cstdio>
#include <vector>

__global__ void dot(const float* x, const float* y, float* result, int n) {
  __shared__ float products[128];
  const int i = threadIdx.x;
  products[i] = i < n ? x[i] * y[i] : 0.0f;
  __syncthreads();
  for (int step = 64; step > 0; step /= 2) {
    if (i < step) products[i] += products[i + step];
    __syncthreads();
  }
  if (i == 0) *result = products[0];
}

int main() {
  const int n = 100;
  std::vector<float> h(n, 2.0f);
  float *x, *y, *result, value;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&y, n * sizeof(float));
  cudaMalloc(&result, sizeof(float));
  cudaMemcpy(x, h.data(), n * sizeof(float), cudaMemcpyHostToDevice);
  cudaMemcpy(y, h.data(), n * sizeof(float), cudaMemcpyHostToDevice);
  dot<<<1, 128>>>(x, y, result, n);
  cudaMemcpy(&value, result, sizeof(float), cudaMemcpyDeviceToHost);
  std::printf("%g\n", value);
  cudaFree(x);
  cudaFree(y);
  cudaFree(result);
  return value == 4.0f * n ? 0 : 1;
}
