// A program as others publish them: tiled matrix product, reduction, scan, histogram, streams and a graph,
// each checked against the host.
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <vector>

#define CUDA_CHECK(call)                                                          \
  do {                                                                            \
    const cudaError_t status_ = (call);                                           \
    if (status_ != cudaSuccess) {                                                 \
      std::fprintf(stderr, "%s failed at %s:%d: %s\n", #call, __FILE__, __LINE__, \
                   cudaGetErrorString(status_));                                  \
      std::exit(EXIT_FAILURE);                                                    \
    }                                                                             \
  } while (0)

#define LAUNCH_1D(kernel, n, stream, ...)                                              \
  do {                                                                                 \
    kernel<<<static_cast<unsigned>(((n) + 255) / 256), 256, 0, stream>>>(__VA_ARGS__); \
    CUDA_CHECK(cudaGetLastError());                                                    \
  } while (0)

// -- memory --

template <typename T>
class DeviceBuffer {
 public:
  explicit DeviceBuffer(size_t count) : count_(count) { CUDA_CHECK(cudaMalloc(&data_, count * sizeof(T))); }
  explicit DeviceBuffer(const std::vector<T>& host) : DeviceBuffer(host.size()) { upload(host); }
  ~DeviceBuffer() { cudaFree(data_); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  void upload(const std::vector<T>& host) {
    CUDA_CHECK(cudaMemcpy(data_, host.data(), count_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  std::vector<T> download() const {
    std::vector<T> host(count_);
    CUDA_CHECK(cudaMemcpy(host.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost));
    return host;
  }
  T* get() const { return data_; }
  size_t size() const { return count_; }

 private:
  T* data_ = nullptr;
  size_t count_ = 0;
};

// -- matrix product --

constexpr int kTile = 16;

__global__ void __launch_bounds__(kTile* kTile)
    matrix_product(const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c, int m,
                   int n, int k) {
  __shared__ float tile_a[kTile][kTile + 1];
  __shared__ float tile_b[kTile][kTile + 1];
  const int row = blockIdx.y * kTile + threadIdx.y;
  const int column = blockIdx.x * kTile + threadIdx.x;
  float sum = 0.0f;
  for (int start = 0; start < k; start += kTile) {
    const int ka = start + threadIdx.x, kb = start + threadIdx.y;
    tile_a[threadIdx.y][threadIdx.x] = row < m && ka < k ? a[row * k + ka] : 0.0f;
    tile_b[threadIdx.y][threadIdx.x] = column < n && kb < k ? b[kb * n + column] : 0.0f;
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kTile; ++i) sum += tile_a[threadIdx.y][i] * tile_b[i][threadIdx.x];
    __syncthreads();
  }
  if (row < m && column < n) c[row * n + column] = sum;
}

bool check_matrix_product() {
  const int m = 50, n = 35, k = 70;
  std::vector<float> a(m * k), b(k * n), expected(m * n, 0.0f);
  for (size_t i = 0; i < a.size(); ++i) a[i] = float(int(i * 7 % 11) - 5);
  for (size_t i = 0; i < b.size(); ++i) b[i] = float(int(i * 5 % 13) - 6);
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j)
      for (int l = 0; l < k; ++l) expected[i * n + j] += a[i * k + l] * b[l * n + j];
  DeviceBuffer<float> da(a), db(b), dc(m * n);
  const dim3 block(kTile, kTile), grid((n + kTile - 1) / kTile, (m + kTile - 1) / kTile);
  matrix_product<<<grid, block>>>(da.get(), db.get(), dc.get(), m, n, k);
  CUDA_CHECK(cudaGetLastError());
  CUDA_CHECK(cudaDeviceSynchronize());
  return dc.download() == expected;
}

// -- reduction --

struct Sum {
  __host__ __device__ static float identity() { return 0.0f; }
  __host__ __device__ float operator()(float a, float b) const { return a + b; }
};
struct Maximum {
  __host__ __device__ static float identity() { return -INFINITY; }
  __host__ __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

template <typename Op>
__device__ __forceinline__ float warp_reduce(float value, Op op) {
  for (int offset = warpSize / 2; offset > 0; offset >>= 1)
    value = op(value, __shfl_down_sync(0xffffffff, value, offset));
  return value;
}

template <int kThreads, typename Op>
__global__ void reduce(const float* x, float* result, int n, Op op) {
  extern __shared__ float warp_results[];
  float value = Op::identity();
  for (int i = blockIdx.x * kThreads + threadIdx.x; i < n; i += gridDim.x * kThreads) value = op(value, x[i]);
  value = warp_reduce(value, op);
  const int lane = threadIdx.x % warpSize, warp = threadIdx.x / warpSize;
  if (lane == 0) warp_results[warp] = value;
  __syncthreads();
  if (warp != 0) return;
  value = lane < kThreads / warpSize ? warp_results[lane] : Op::identity();
  value = warp_reduce(value, op);
  if (lane == 0) result[blockIdx.x] = value;
}

template <typename Op>
float reduce_on_device(const DeviceBuffer<float>& x, Op op) {
  constexpr int kThreads = 128, kBlocks = 8;
  const size_t shared = kThreads / 32 * sizeof(float);
  DeviceBuffer<float> partial(kBlocks), total(1);
  reduce<kThreads><<<kBlocks, kThreads, shared>>>(x.get(), partial.get(), int(x.size()), op);
  reduce<kThreads, Op><<<1, kThreads, shared>>>(partial.get(), total.get(), kBlocks, op);
  CUDA_CHECK(cudaGetLastError());
  return total.download()[0];
}

bool check_reduction() {
  std::vector<float> x(3000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = float(i * 37 % 101);
  const DeviceBuffer<float> device(x);
  return reduce_on_device(device, Sum()) == std::accumulate(x.begin(), x.end(), 0.0f) &&
         reduce_on_device(device, Maximum{}) == *std::max_element(x.begin(), x.end());
}

// -- scan --

template <typename T>
__global__ void scan_blocks(const T* in, T* out, T* totals, int n) {
  extern __shared__ __align__(sizeof(double)) unsigned char bytes[];
  T* buffer = reinterpret_cast<T*>(bytes);
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  buffer[threadIdx.x] = i < n ? in[i] : T(0);
  __syncthreads();
  for (int distance = 1; distance < blockDim.x; distance *= 2) {
    const T left = threadIdx.x >= distance ? buffer[threadIdx.x - distance] : T(0);
    __syncthreads();
    buffer[threadIdx.x] += left;
    __syncthreads();
  }
  if (i < n) out[i] = buffer[threadIdx.x];
  if (threadIdx.x == blockDim.x - 1 && totals != nullptr) totals[blockIdx.x] = buffer[threadIdx.x];
}

template <typename T>
__global__ void add_offsets(T* values, const T* offsets, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (blockIdx.x > 0 && i < n) values[i] += offsets[blockIdx.x - 1];
}

bool check_scan() {
  const int n = 1500, threads = 256, blocks = (n + threads - 1) / threads;
  std::vector<long long> x(n), expected(n);
  for (int i = 0; i < n; ++i) x[i] = i % 17 - 3;
  std::partial_sum(x.begin(), x.end(), expected.begin());
  DeviceBuffer<long long> in(x), out(n), totals(blocks), offsets(blocks);
  const size_t shared = threads * sizeof(long long);
  scan_blocks<<<blocks, threads, shared>>>(in.get(), out.get(), totals.get(), n);
  scan_blocks<long long><<<1, threads, shared>>>(totals.get(), offsets.get(), nullptr, blocks);
  add_offsets<<<blocks, threads>>>(out.get(), offsets.get(), n);
  CUDA_CHECK(cudaGetLastError());
  return out.download() == expected;
}

// -- histogram --

constexpr int kBins = 64;
__constant__ float bounds_of_values[2];
__device__ unsigned values_outside;

__global__ void histogram(const float* values, unsigned* counts, int n) {
  __shared__ unsigned local[kBins];
  for (int bin = threadIdx.x; bin < kBins; bin += blockDim.x) local[bin] = 0;
  __syncthreads();
  const float low = bounds_of_values[0], high = bounds_of_values[1];
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    const int bin = int((values[i] - low) / (high - low) * kBins);
    if (bin >= 0 && bin < kBins)
      atomicAdd(&local[bin], 1u);
    else
      atomicAdd(&values_outside, 1u);
  }
  __syncthreads();
  for (int bin = threadIdx.x; bin < kBins; bin += blockDim.x)
    if (local[bin] > 0) atomicAdd(&counts[bin], local[bin]);
}

bool check_histogram() {
  const int n = 4000;
  std::vector<float> values(n);
  for (int i = 0; i < n; ++i) values[i] = float(i * 29 % 1100) / 1000.0f;
  const float bounds[2] = {0.0f, 1.0f};
  const unsigned zero = 0;
  unsigned outside = 0;
  CUDA_CHECK(cudaMemcpyToSymbol(bounds_of_values, bounds, sizeof bounds));
  CUDA_CHECK(cudaMemcpyToSymbol(values_outside, &zero, sizeof zero));
  DeviceBuffer<float> device(values);
  DeviceBuffer<unsigned> counts(kBins);
  CUDA_CHECK(cudaMemset(counts.get(), 0, kBins * sizeof(unsigned)));
  histogram<<<4, 256>>>(device.get(), counts.get(), n);
  CUDA_CHECK(cudaGetLastError());
  CUDA_CHECK(cudaMemcpyFromSymbol(&outside, values_outside, sizeof outside));
  const std::vector<unsigned> host = counts.download();
  return std::accumulate(host.begin(), host.end(), 0u) + outside == unsigned(n) && outside > 0;
}

// -- streams --

template <typename F>
__global__ void transform(float* x, int n, F f) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = f(x[i]);
}

bool check_streams() {
  const int n = 2048, pieces = 4, piece = n / pieces;
  float *pinned, factor = 3.0f;
  CUDA_CHECK(cudaMallocHost(&pinned, n * sizeof(float)));
  for (int i = 0; i < n; ++i) pinned[i] = float(i);
  DeviceBuffer<float> device(n);
  std::vector<cudaStream_t> streams(pieces);
  for (auto& stream : streams) CUDA_CHECK(cudaStreamCreate(&stream));
  for (int p = 0; p < pieces; ++p) {
    float* part = device.get() + p * piece;
    CUDA_CHECK(
        cudaMemcpyAsync(part, pinned + p * piece, piece * sizeof(float), cudaMemcpyHostToDevice, streams[p]));
    LAUNCH_1D(transform, piece, streams[p], part, piece,
              [=] __device__(float x) { return factor * x + 1.0f; });
    CUDA_CHECK(
        cudaMemcpyAsync(pinned + p * piece, part, piece * sizeof(float), cudaMemcpyDeviceToHost, streams[p]));
  }
  bool right = true;
  for (int p = 0; p < pieces; ++p) {
    CUDA_CHECK(cudaStreamSynchronize(streams[p]));
    for (int i = p * piece; i < (p + 1) * piece; ++i) right = right && pinned[i] == factor * float(i) + 1.0f;
  }
  for (auto& stream : streams) CUDA_CHECK(cudaStreamDestroy(stream));
  CUDA_CHECK(cudaFreeHost(pinned));
  return right;
}

// -- a graph --

bool check_graph() {
  const int n = 512, launches = 5;
  DeviceBuffer<float> x(n);
  CUDA_CHECK(cudaMemset(x.get(), 0, n * sizeof(float)));
  CUDA_CHECK(cudaDeviceSynchronize());
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  for (int step = 0; step < 3; ++step) {
    auto increment = [step] __device__(float v) { return v + float(step); };
    transform<<<(n + 127) / 128, 128, 0, stream>>>(x.get(), n, increment);
  }
  CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  CUDA_CHECK(cudaGraphInstantiate(&executable, graph, 0));
  for (int i = 0; i < launches; ++i) CUDA_CHECK(cudaGraphLaunch(executable, stream));
  CUDA_CHECK(cudaStreamSynchronize(stream));
  const std::vector<float> result = x.download();
  CUDA_CHECK(cudaGraphExecDestroy(executable));
  CUDA_CHECK(cudaGraphDestroy(graph));
  CUDA_CHECK(cudaStreamDestroy(stream));
  return std::all_of(result.begin(), result.end(), [](float v) { return v == 3.0f * launches; });
}

int main(int, char** argv) {
  cudaDeviceProp properties;
  CUDA_CHECK(cudaGetDeviceProperties(&properties, 0));
  std::printf("%s on %s, compute capability %d.%d\n", argv[0], properties.name, properties.major,
              properties.minor);
  const struct {
    const char* name;
    bool (*run)();
  } checks[] = {
      {"matrix product", check_matrix_product}, {"reduction", check_reduction}, {"scan", check_scan},
      {"histogram", check_histogram},           {"streams", check_streams},     {"graph", check_graph}};
  int failed = 0;
  for (const auto& check : checks) {
    const bool right = check.run();
    std::printf("%-16s %s\n", check.name, right ? "right" : "WRONG");
    failed += !right;
  }
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
