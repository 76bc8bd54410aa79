// Textures: fetches from linear memory, rows with a pitch and arrays, point and linear, with each address
// mode.
#include <cstdio>
#include <vector>

__global__ void from_linear(cudaTextureObject_t t, float* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = tex1Dfetch<float>(t, i - 1);  // an index of -1 gives 0
}
__global__ void from_rows(cudaTextureObject_t t, float* out, int width, int height, float shift) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x < width && y < height) out[y * width + x] = tex2D<float>(t, x + shift, y + shift);
}
__global__ void normalised(cudaTextureObject_t t, float4* out, int n) {
  const int i = threadIdx.x;
  if (i < n) out[i] = tex2D<float4>(t, (i - 0.5f) / 3, 0.5f);
}

constexpr int width = 20, height = 6;
constexpr std::size_t size = sizeof(float) * width * height;

void print_linear(float* linear, float* out, bool freed_early) {
  std::vector<float> got(width * height);
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypeLinear;
  resource.res.linear.devPtr = linear;
  resource.res.linear.desc = cudaCreateChannelDesc<float>();
  resource.res.linear.sizeInBytes = size;
  cudaTextureDesc how = {};
  cudaTextureObject_t texture = 0;
  cudaCreateTextureObject(&texture, &resource, &how, nullptr);
  from_linear<<<2, 64>>>(texture, out, width * height);
  cudaMemcpy(got.data(), out, size, cudaMemcpyDeviceToHost);
  std::printf("linear %g %g %g\n", got[0], got[1], got[45]);
  if (freed_early) cudaFree(linear);  // the texture stays
  from_linear<<<2, 64>>>(texture, out, width * height);
  cudaDeviceSynchronize();
  cudaDestroyTextureObject(texture);
}

void print_filtered(const std::vector<float>& h, float* out) {
  std::vector<float> got(width * height);
  cudaArray_t array;
  const cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
  cudaMallocArray(&array, &format, width, height);
  cudaMemcpy2DToArray(array, 0, 0, h.data(), width * sizeof(float), width * sizeof(float), height,
                      cudaMemcpyHostToDevice);
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypeArray;
  resource.res.array.array = array;
  cudaTextureDesc how = {};
  how.addressMode[0] = how.addressMode[1] = cudaAddressModeClamp;
  how.filterMode = cudaFilterModeLinear;
  cudaTextureObject_t texture = 0;
  cudaCreateTextureObject(&texture, &resource, &how, nullptr);
  const dim3 block(8, 8), grid(3, 1);
  from_rows<<<grid, block>>>(texture, out, width, height, 0.75f);  // a quarter behind the centre
  cudaMemcpy(got.data(), out, size, cudaMemcpyDeviceToHost);
  std::printf("filtered %g %g %g\n", got[0], got[width + 2], got[width * height - 1]);
  cudaDestroyTextureObject(texture);
  cudaFreeArray(array);
}

void print_modes(float* out) {
  const cudaChannelFormatDesc bytes = cudaCreateChannelDesc<uchar4>();
  const uchar4 colours[3] = {{255, 0, 51, 255}, {0, 255, 102, 255}, {0, 0, 0, 0}};
  cudaArray_t array;
  cudaMallocArray(&array, &bytes, 3, 1);
  cudaMemcpy2DToArray(array, 0, 0, colours, sizeof colours, sizeof colours, 1, cudaMemcpyHostToDevice);
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypeArray;
  resource.res.array.array = array;
  cudaTextureDesc how = {};
  how.filterMode = cudaFilterModePoint;
  how.readMode = cudaReadModeNormalizedFloat;
  how.normalizedCoords = 1;
  for (const cudaTextureAddressMode mode :
       {cudaAddressModeWrap, cudaAddressModeMirror, cudaAddressModeBorder}) {
    how.addressMode[0] = mode;
    cudaTextureObject_t texture = 0;
    cudaCreateTextureObject(&texture, &resource, &how, nullptr);
    normalised<<<1, 32>>>(texture, reinterpret_cast<float4*>(out), 6);
    float4 seen[6];
    cudaMemcpy(seen, out, sizeof seen, cudaMemcpyDeviceToHost);
    for (const float4& v : seen) std::printf("%g,%g,%.1f ", v.x, v.y, v.z);
    std::printf("\n");
    cudaDestroyTextureObject(texture);
  }
  cudaFreeArray(array);
}

int main(int arguments, char**) {
  std::vector<float> h(width * height);
  for (int i = 0; i < width * height; ++i) h[i] = float(i % width + 100 * (i / width));
  float *linear, *out;
  cudaMalloc(&linear, size);
  cudaMalloc(&out, size);
  cudaMemcpy(linear, h.data(), size, cudaMemcpyHostToDevice);
  print_linear(linear, out, arguments > 1);
  print_filtered(h, out);
  print_modes(out);
  if (arguments == 1) cudaFree(linear);
  cudaFree(out);
}
