// expect: nothing
// The next step waits for the copy.
#include <cstdio>

__global__ void step(float* x, const float* gradient, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] -= 0.1f * gradient[i];
}

int main() {
  const int n = 1 << 12;
  float *x, *gradient, *copy;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&gradient, n * sizeof(float));
  cudaMalloc(&copy, n * sizeof(float));
  cudaMemset(x, 0, n * sizeof(float));
  cudaMemset(gradient, 0, n * sizeof(float));
  cudaStream_t train, save;
  cudaStreamCreateWithFlags(&train, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&save, cudaStreamNonBlocking);
  cudaEvent_t stepped, saved;
  cudaEventCreate(&stepped);
  cudaEventCreate(&saved);
  cudaDeviceSynchronize();
  step<<<n / 256, 256, 0, train>>>(x, gradient, n);
  cudaEventRecord(stepped, train);
  cudaStreamWaitEvent(save, stepped, 0);
  cudaMemcpyAsync(copy, x, n * sizeof(float), cudaMemcpyDeviceToDevice, save);
  cudaEventRecord(saved, save);
  cudaStreamWaitEvent(train, saved, 0);
  step<<<n / 256, 256, 0, train>>>(x, gradient, n);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaFree(x);
  cudaFree(gradient);
  cudaFree(copy);
  return error == cudaSuccess ? 0 : 1;
}
