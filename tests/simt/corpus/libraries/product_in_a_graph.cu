// expect: nothing
// The handle is made before the capture; the graph repeats the product.
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <cstdio>
#include <vector>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

int main() {
  const int n = 32;
  float *a, *c;
  cudaMalloc(&a, n * n * sizeof(float));
  cudaMalloc(&c, n * n * sizeof(float));
  fill<<<4, 256>>>(a, 1.0f, n * n);
  cudaDeviceSynchronize();
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  cublasHandle_t handle;
  if (cublasCreate(&handle) != CUBLAS_STATUS_SUCCESS) return 1;
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
  cublasSetStream(handle, stream);
  const float one = 1, zero = 0;
  cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, n, n, n, &one, a, n, a, n, &zero, c, n);
  cudaGraph_t graph;
  if (cudaStreamEndCapture(stream, &graph) != cudaSuccess) return 1;
  cudaGraphExec_t executable;
  cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphLaunch(executable, stream);
  cudaStreamSynchronize(stream);
  float value;
  cudaMemcpy(&value, c, sizeof value, cudaMemcpyDeviceToHost);
  std::printf("%g\n", value);
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  cublasDestroy(handle);
  cudaStreamDestroy(stream);
  cudaFree(a);
  cudaFree(c);
  return value == 32.0f ? 0 : 1;
}
