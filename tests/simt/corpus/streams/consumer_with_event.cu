// expect: nothing
// A stream waits by an event for what another one writes.
#include <cstdio>
#include <vector>

__global__ void produce(float* x, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) x[i] = float(i);
}
__global__ void consume(const float* x, float* y, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) y[i] = 2 * x[i];
}

int main() {
  const int n = 1024;
  float *x, *y;
  cudaMalloc(&x, n * sizeof *x);
  cudaMalloc(&y, n * sizeof *y);
  cudaMemset(x, 0, n * sizeof *x);
  cudaDeviceSynchronize();
  cudaStream_t a, b;
  cudaEvent_t done;
  cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking);
  cudaEventCreateWithFlags(&done, cudaEventDisableTiming);
  produce<<<4, 128, 0, a>>>(x, n);
  cudaEventRecord(done, a);
  cudaStreamWaitEvent(b, done, 0);
  consume<<<4, 128, 0, b>>>(x, y, n);
  std::vector<float> h(n);
  cudaMemcpyAsync(h.data(), y, n * sizeof(float), cudaMemcpyDeviceToHost, b);
  cudaStreamSynchronize(b);
  std::printf("%g\n", h[n - 1]);
  cudaStreamDestroy(a);
  cudaStreamDestroy(b);
  cudaEventDestroy(done);
  cudaFree(x);
  cudaFree(y);
  return h[n - 1] == 2.0f * (n - 1) ? 0 : 1;
}
