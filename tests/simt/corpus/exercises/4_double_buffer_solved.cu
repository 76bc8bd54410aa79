// expect: nothing
// The solution of 4_double_buffer.cu.
#include <cstdio>
#include <vector>

__global__ void add(const float* batch, float* total, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) total[i] += batch[i];
}

int main() {
  const int n = 256, batches = 4;
  float *pinned, *batch, *total;
  cudaMallocHost(&pinned, n * sizeof(float));
  cudaMalloc(&batch, n * sizeof(float));
  cudaMalloc(&total, n * sizeof(float));
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  cudaMemsetAsync(total, 0, n * sizeof(float), stream);
  for (int b = 0; b < batches; ++b) {
    cudaStreamSynchronize(stream);
    for (int i = 0; i < n; ++i) pinned[i] = float(b + 1);
    cudaMemcpyAsync(batch, pinned, n * sizeof(float), cudaMemcpyHostToDevice, stream);
    add<<<(n + 127) / 128, 128, 0, stream>>>(batch, total, n);
  }
  std::vector<float> h(n);
  cudaMemcpyAsync(h.data(), total, n * sizeof(float), cudaMemcpyDeviceToHost, stream);
  cudaStreamSynchronize(stream);
  std::printf("%g\n", h[5]);
  cudaStreamDestroy(stream);
  cudaFreeHost(pinned);
  cudaFree(batch);
  cudaFree(total);
  return h[5] == 10.0f ? 0 : 1;
}
