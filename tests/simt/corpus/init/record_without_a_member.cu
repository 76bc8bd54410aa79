// expect: init byte 12 of 768 of the source was never written
// The second number of each record is no padding: the kernel forgets it, and the host prints it.
#include <cstdio>

struct Particle {
  double x;
  int id, mark;
};

__global__ void make(Particle* p) {
  p[threadIdx.x].x = threadIdx.x;
  p[threadIdx.x].id = threadIdx.x;
}

int main() {
  Particle host[48];
  Particle* p;
  cudaMalloc(&p, sizeof host);
  make<<<1, 48>>>(p);
  cudaMemcpy(host, p, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%g %d %d\n", host[7].x, host[7].id, host[7].mark);
  cudaFree(p);
  return 0;
}
