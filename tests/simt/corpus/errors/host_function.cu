// expect: nothing
// A function of cudaLaunchHostFunc reads the result of the copy before it, without a call of CUDA.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

struct Job {
  float *x, *pinned;
  double sum;
};

void finish(void* data) {
  Job* job = static_cast<Job*>(data);

  for (int i = 0; i < 256; ++i) job->sum += job->pinned[i];
}

int main() {
  Job job = {nullptr, nullptr, 0};
  cudaMalloc(&job.x, 256 * sizeof(float));
  cudaMallocHost(&job.pinned, 256 * sizeof(float));
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  fill<<<2, 128, 0, stream>>>(job.x, 0.5f, 256);
  cudaMemcpyAsync(job.pinned, job.x, 256 * sizeof(float), cudaMemcpyDeviceToHost, stream);
  cudaLaunchHostFunc(stream, finish, &job);
  cudaStreamSynchronize(stream);
  std::printf("%g\n", job.sum);
  cudaStreamDestroy(stream);
  cudaFreeHost(job.pinned);
  cudaFree(job.x);
}
