// expect: nothing
// The host waits for the launch before it changes the source of its copy.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void add(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += x[i];
}

int main() {
  const int n = 256;
  float *x, *sum, *batch;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&sum, n * sizeof(float));
  cudaMallocHost(&batch, n * sizeof(float));
  cudaMemset(sum, 0, n * sizeof(float));
  cudaDeviceSynchronize();
  cudaStream_t stream;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
  cudaMemcpyAsync(x, batch, n * sizeof(float), cudaMemcpyHostToDevice, stream);
  add<<<1, n, 0, stream>>>(x, sum, n);
  cudaGraph_t graph;
  cudaStreamEndCapture(stream, &graph);
  cudaGraphExec_t executable;
  cudaGraphInstantiate(&executable, graph, 0);
  for (int step = 0; step < 3; ++step) {
    for (int i = 0; i < n; ++i) batch[i] = float(step);
    cudaGraphLaunch(executable, stream);
    cudaStreamSynchronize(stream);
  }
  cudaStreamSynchronize(stream);
  float value;
  cudaMemcpy(&value, sum, sizeof value, cudaMemcpyDeviceToHost);
  std::printf("%g\n", value);
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
  cudaFreeHost(batch);
  cudaFree(x);
  cudaFree(sum);
}
