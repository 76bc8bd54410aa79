// expect: api CUBLAS_STATUS_NOT_SUPPORTED
// The heuristic chose the algorithm for the small product, and the large one uses it.
#include <cublasLt.h>
#include <cuda_runtime.h>

#include <cstdio>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

struct Product {
  cublasLtMatmulDesc_t desc;
  cublasLtMatrixLayout_t a, b, c;
  cublasLtMatmulHeuristicResult_t found;

  Product(cublasLtHandle_t handle, int m, int n, int k, size_t workspace) {
    cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    cublasLtMatrixLayoutCreate(&a, CUDA_R_32F, m, k, m);
    cublasLtMatrixLayoutCreate(&b, CUDA_R_32F, k, n, k);
    cublasLtMatrixLayoutCreate(&c, CUDA_R_32F, m, n, m);
    cublasLtMatmulPreference_t preference;
    cublasLtMatmulPreferenceCreate(&preference);
    cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace,
                                         sizeof workspace);
    int count = 0;
    cublasLtMatmulAlgoGetHeuristic(handle, desc, a, b, c, c, preference, 1, &found, &count);
    cublasLtMatmulPreferenceDestroy(preference);
  }
  ~Product() {
    cublasLtMatrixLayoutDestroy(a);
    cublasLtMatrixLayoutDestroy(b);
    cublasLtMatrixLayoutDestroy(c);
    cublasLtMatmulDescDestroy(desc);
  }
  cublasStatus_t run(cublasLtHandle_t handle, const float* x, const float* y, float* z,
                     const cublasLtMatmulAlgo_t& algorithm, void* workspace, size_t bytes,
                     cudaStream_t stream) {
    const float one = 1, zero = 0;
    return cublasLtMatmul(handle, desc, &one, x, a, y, b, &zero, z, c, z, c, &algorithm, workspace, bytes,
                          stream);
  }
};

int main() {
  const size_t bytes = 1 << 16;
  cublasLtHandle_t handle;
  cublasLtCreate(&handle);
  float *x, *z;
  char* workspace;
  cudaMalloc(&x, 4096 * sizeof(float));
  cudaMalloc(&z, 2 * 4096 * sizeof(float));
  cudaMalloc(&workspace, 2 * bytes);
  fill<<<16, 256>>>(x, 1.0f, 4096);
  cudaDeviceSynchronize();
  cudaStream_t streams[2];
  for (auto& stream : streams) cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  Product large(handle, 64, 64, 64, bytes), small(handle, 32, 32, 32, bytes);
  large.run(handle, x, x, z, small.found.algo, workspace, bytes, streams[0]);
  small.run(handle, x, x, z + 4096, small.found.algo, workspace, bytes, streams[0]);
  cudaDeviceSynchronize();
  float value = 0;
  cudaMemcpy(&value, z, sizeof value, cudaMemcpyDeviceToHost);
  std::printf("%g\n", value);
  for (auto& stream : streams) cudaStreamDestroy(stream);
  cublasLtDestroy(handle);
  cudaFree(workspace);
  cudaFree(x);
  cudaFree(z);
}
