// expect: nothing
// Records with padding, written field by field and by assignment, and copied by memcpy and by cudaMemcpy.
#include <cstdio>
#include <cstring>

struct Record {
  char tag;
  int count;
  short size;
};

__global__ void fill(Record* records) {
  records[threadIdx.x].tag = 'a';
  records[threadIdx.x].count = int(threadIdx.x);
  records[threadIdx.x].size = 2;
}
__global__ void copy(const Record* in, Record* out) {
  Record record = in[threadIdx.x];
  record.count += 1;
  out[threadIdx.x] = record;
}
__global__ void copy_bytes(const Record* in, Record* out) {
  memcpy(&out[threadIdx.x], &in[threadIdx.x], sizeof(Record));
}

int main() {
  Record *a, *b, *c, h[32];
  cudaMalloc(&a, sizeof h);
  cudaMalloc(&b, sizeof h);
  cudaMalloc(&c, sizeof h);
  fill<<<1, 32>>>(a);
  copy<<<1, 32>>>(a, b);
  copy_bytes<<<1, 32>>>(b, c);
  cudaMemcpy(h, c, sizeof h, cudaMemcpyDeviceToHost);
  std::printf("%d %d\n", h[31].count, int(h[3].size));
  cudaFree(a);
  cudaFree(b);
  cudaFree(c);
}
