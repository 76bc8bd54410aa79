// expect: bounds out of bounds: writes 4 bytes .*dynamic shared memory
// The launch asks for one array, the kernel uses two. Hardware: an illegal address, or another block's
// memory.
#include <cstdio>
#include <vector>

__global__ void rotate(const int* in, int* out) {
  extern __shared__ int tile[];
  int* next = tile + blockDim.x;
  unsigned i = threadIdx.x;
  tile[i] = in[i];
  __syncthreads();
  next[i] = tile[(i + 1) % blockDim.x];
  __syncthreads();
  out[i] = next[i];
}

int main() {
  std::vector<int> h(128);
  for (int i = 0; i < 128; ++i) h[i] = i;
  int *in, *out;
  cudaMalloc(&in, 128 * sizeof(int));
  cudaMalloc(&out, 128 * sizeof(int));
  cudaMemcpy(in, h.data(), 128 * sizeof(int), cudaMemcpyHostToDevice);
  rotate<<<1, 128, 128 * sizeof(int)>>>(in, out);
  cudaMemcpy(h.data(), out, 128 * sizeof(int), cudaMemcpyDeviceToHost);
  std::printf("%d\n", h[127]);
  cudaFree(in);
  cudaFree(out);
}
