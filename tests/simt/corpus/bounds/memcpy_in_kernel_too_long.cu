// expect: bounds out of bounds: (reads|writes)
// A thread copies a record by memcpy, the last one with the size of two. Hardware: it reads behind the end.
#include <cstdio>
#include <cstring>
#include <vector>

struct Record {
  float values[8];
};

__global__ void gather(const Record* in, Record* out, int n, size_t bytes) {
  int i = threadIdx.x;
  if (i < n) memcpy(&out[i], &in[n - 1 - i], bytes);
}

int main() {
  const int n = 16;
  std::vector<Record> h(n);
  Record *in, *out;
  cudaMalloc(&in, n * sizeof(Record));
  cudaMalloc(&out, 2 * n * sizeof(Record));
  cudaMemcpy(in, h.data(), n * sizeof(Record), cudaMemcpyHostToDevice);
  gather<<<1, 1>>>(in, out, n, 2 * sizeof(Record));
  cudaDeviceSynchronize();
  cudaFree(in);
  cudaFree(out);
}
