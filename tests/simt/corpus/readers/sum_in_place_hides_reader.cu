// expect: race (another stream|nothing orders the two)
// cuBLAS reads x on one stream. A kernel on another one waits for nothing, reads x and then updates it in
// place.
#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <cstdio>

__global__ void scale(float* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] *= 0.5f;
}

int main() {
  const int n = 32;
  float *a, *b, *c;
  cudaMalloc(&a, n * n * sizeof(float));
  cudaMalloc(&b, n * n * sizeof(float));
  cudaMalloc(&c, n * n * sizeof(float));
  cudaMemset(a, 0, n * n * sizeof(float));
  cudaMemset(b, 0, n * n * sizeof(float));
  cudaMemset(c, 0, n * n * sizeof(float));
  cudaStream_t products, updates;
  cudaStreamCreateWithFlags(&products, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&updates, cudaStreamNonBlocking);
  cudaEvent_t done;
  cudaEventCreate(&done);
  cublasHandle_t handle;
  cublasCreate(&handle);
  cublasSetStream(handle, products);
  const float one = 1;
  cudaDeviceSynchronize();
  cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, n, n, n, &one, a, n, b, n, &one, c, n);
  cudaEventRecord(done, products);
  scale<<<n * n / 256, 256, 0, updates>>>(c, n * n);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cublasDestroy(handle);
  cudaFree(a);
  cudaFree(b);
  cudaFree(c);
  return error == cudaSuccess ? 0 : 1;
}
