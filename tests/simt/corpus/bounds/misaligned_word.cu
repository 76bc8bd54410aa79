// expect: bounds misaligned access: 4 bytes
// A header of 6 bytes precedes the words of a packet. Hardware: misaligned address.
#include <cstdio>

__global__ void words(const unsigned char* packet, unsigned* out) {
  const unsigned* payload = reinterpret_cast<const unsigned*>(packet + 6);
  out[threadIdx.x] = payload[threadIdx.x];
}

int main() {
  unsigned char* packet;
  unsigned *out, h[8];
  cudaMalloc(&packet, 64);
  cudaMalloc(&out, sizeof h);
  cudaMemset(packet, 1, 64);
  words<<<1, 8>>>(packet, out);
  cudaMemcpy(h, out, sizeof h, cudaMemcpyDeviceToHost);
  std::printf("%x\n", h[0]);
  cudaFree(packet);
  cudaFree(out);
}
