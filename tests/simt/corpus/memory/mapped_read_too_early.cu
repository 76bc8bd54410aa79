// expect: order mapped memory
// The host reads mapped memory while the kernel may still write it. Hardware: old values.
#include <cstdio>

__global__ void squares(const int* in, int* out, int n) {
  int i = threadIdx.x;
  if (i < n) out[i] = in[i] * in[i];
}

int main() {
  const int n = 100;
  int *in, *out, *device_in, *device_out;
  cudaHostAlloc(&in, n * sizeof(int), cudaHostAllocMapped);
  cudaHostAlloc(&out, n * sizeof(int), cudaHostAllocMapped);
  for (int i = 0; i < n; ++i) in[i] = i;
  cudaHostGetDevicePointer(&device_in, in, 0);
  cudaHostGetDevicePointer(&device_out, out, 0);
  squares<<<1, 128>>>(device_in, device_out, n);
  std::printf("%d\n", out[9]);
  cudaDeviceSynchronize();
  cudaFreeHost(in);
  cudaFreeHost(out);
}
