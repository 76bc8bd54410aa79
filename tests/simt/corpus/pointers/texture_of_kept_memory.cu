// expect: nothing
// The memory below a texture object is freed after the object.
#include <cstdio>

__global__ void fetch(cudaTextureObject_t texture, float* out) {
  out[threadIdx.x] = tex1Dfetch<float>(texture, threadIdx.x);
}

int main() {
  float *in, *out, host[64] = {};
  cudaMalloc(&in, sizeof host);
  cudaMalloc(&out, sizeof host);
  cudaMemcpy(in, host, sizeof host, cudaMemcpyHostToDevice);
  cudaResourceDesc memory = {};
  memory.resType = cudaResourceTypeLinear;
  memory.res.linear.devPtr = in;
  memory.res.linear.desc = cudaCreateChannelDesc<float>();
  memory.res.linear.sizeInBytes = sizeof host;
  cudaTextureDesc reading = {};
  reading.readMode = cudaReadModeElementType;
  cudaTextureObject_t texture;
  cudaCreateTextureObject(&texture, &memory, &reading, nullptr);
  fetch<<<1, 64>>>(texture, out);
  std::printf("%s\n", cudaGetErrorString(cudaDeviceSynchronize()));
  cudaDestroyTextureObject(texture);
  cudaFree(in);
  cudaFree(out);
  return 0;
}
