// expect: api cudnnConvolutionForward: CUDNN_STATUS_BAD_PARAM
// A convolution whose algorithm asks for a workspace gets none, and nobody looks at the status: y is never
// computed.
#include <cudnn.h>

int main() {
  cudnnHandle_t handle;
  cudnnTensorDescriptor_t in, out;
  cudnnFilterDescriptor_t filter;
  cudnnConvolutionDescriptor_t convolution;
  cudnnCreate(&handle);
  cudnnCreateTensorDescriptor(&in);
  cudnnCreateTensorDescriptor(&out);
  cudnnCreateFilterDescriptor(&filter);
  cudnnCreateConvolutionDescriptor(&convolution);
  cudnnSetTensor4dDescriptor(in, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, 3, 8, 8);
  cudnnSetTensor4dDescriptor(out, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, 4, 8, 8);
  cudnnSetFilter4dDescriptor(filter, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, 4, 3, 3, 3);
  cudnnSetConvolution2dDescriptor(convolution, 1, 1, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT);
  float *x, *w, *y;
  cudaMalloc(&x, 3 * 64 * sizeof(float));
  cudaMalloc(&w, 4 * 27 * sizeof(float));
  cudaMalloc(&y, 4 * 64 * sizeof(float));
  cudaMemset(x, 0, 3 * 64 * sizeof(float));
  cudaMemset(w, 0, 4 * 27 * sizeof(float));
  const float one = 1, zero = 0;
  cudnnConvolutionForward(handle, &one, in, x, filter, w, convolution,
                          CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, nullptr, 0, &zero, out, y);
  cudaDeviceSynchronize();
  cudaFree(x);
  cudaFree(w);
  cudaFree(y);
  cudnnDestroyConvolutionDescriptor(convolution);
  cudnnDestroyFilterDescriptor(filter);
  cudnnDestroyTensorDescriptor(out);
  cudnnDestroyTensorDescriptor(in);
  cudnnDestroy(handle);
}
