// expect: nothing
// The second kernel may begin while the first one runs, and waits for its results before it reads them.
#include <cstdio>
#include <vector>

constexpr int n = 1024;

__global__ void produce(float* x) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  cudaTriggerProgrammaticLaunchCompletion();
  x[i] = i;
}

__global__ void consume(const float* x, float* y) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float scale = 0.5f;
  cudaGridDependencySynchronize();
  y[i] = scale * x[i];
}

int main() {
  std::vector<float> result(n);
  float *x, *y;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&y, n * sizeof(float));
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  produce<<<4, n / 4, 0, stream>>>(x);
  cudaLaunchAttribute attribute[1];
  attribute[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute[0].val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = 4;
  config.blockDim = n / 4;
  config.stream = stream;
  config.attrs = attribute;
  config.numAttrs = 1;
  cudaLaunchKernelEx(&config, consume, (const float*)x, y);
  cudaMemcpyAsync(result.data(), y, n * sizeof(float), cudaMemcpyDeviceToHost, stream);
  cudaStreamSynchronize(stream);
  cudaStreamDestroy(stream);
  cudaFree(x);
  cudaFree(y);
  return result[10] == 5 ? 0 : 1;
}
