// Blurs a constant, whose middle stays.
#include <filter.cuh>

#include <cmath>
#include <cstdio>
#include <vector>

int main() {
  const int n = 300;
  std::vector<double> h(n, 5.0);
  double *in, *out;
  cudaMalloc(&in, n * sizeof *in);
  cudaMalloc(&out, n * sizeof *out);
  cudaMemcpy(in, h.data(), n * sizeof *in, cudaMemcpyHostToDevice);
  filters::run_blur<BLUR_RADIUS>(in, out, n);
  cudaMemcpy(h.data(), out, n * sizeof *in, cudaMemcpyDeviceToHost);
  std::printf("%g %g\n", h[0], h[n / 2]);
  cudaFree(in);
  cudaFree(out);
  return std::fabs(h[n / 2] - 5.0) < 1e-12 && std::fabs(h[0] - 3.0) < 1e-12 ? 0 : 1;
}
