// expect: init never written
// Rows with a pitch, copied as if they were dense. Hardware: the picture is sheared.
#include <cstdio>
#include <vector>

__global__ void fill(char* image, size_t pitch, int width, int height) {
  int x = threadIdx.x, y = blockIdx.x;
  float* row = reinterpret_cast<float*>(image + y * pitch);
  if (x < width && y < height) row[x] = float(x + y);
}

int main() {
  const int width = 100, height = 20;
  char* image;
  size_t pitch = 0;
  cudaMallocPitch(&image, &pitch, width * sizeof(float), height);
  fill<<<height, 128>>>(image, pitch, width, height);
  std::vector<float> h(width * height);
  cudaMemcpy(h.data(), image, width * height * sizeof(float), cudaMemcpyDeviceToHost);
  std::printf("%g\n", h[width * height - 1]);
  cudaFree(image);
}
