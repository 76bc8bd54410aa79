// expect: race (another stream|nothing orders the two)
// A third stream clears the array and waits for one of the two readers.
#include <cstdio>

__global__ void sum(const float* x, float* out, int n) {
  float total = 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x) total += x[i];
  out[threadIdx.x] = total;
}
__global__ void clear(float* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = 0;
}

int main() {
  const int n = 1024;
  float *x, *a, *b;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&a, 64 * sizeof(float));
  cudaMalloc(&b, 64 * sizeof(float));
  cudaMemset(x, 0, n * sizeof(float));
  cudaStream_t first, second, third;
  cudaStreamCreateWithFlags(&third, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
  cudaEvent_t first_done, second_done;
  cudaEventCreate(&first_done);
  cudaEventCreate(&second_done);
  cudaDeviceSynchronize();
  sum<<<1, 64, 0, first>>>(x, a, n);
  sum<<<1, 64, 0, second>>>(x, b, n);
  cudaEventRecord(first_done, first);
  cudaStreamWaitEvent(third, first_done, 0);
  clear<<<4, 256, 0, third>>>(x, n);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaFree(x);
  cudaFree(a);
  cudaFree(b);
  return error == cudaSuccess ? 0 : 1;
}
