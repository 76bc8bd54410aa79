// Tests bounds of shared arrays and variables of the device, copies in kernels, launch limits, and memory of
// the host that the device reaches.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstring>

#include "support.h"

using namespace simt_check;

namespace {

__device__ int steps[4] = {1, 2, 3, 4};
__device__ unsigned calls = 0;
__constant__ float weights[3];
__managed__ int total = 5;

__global__ void use_variables(float* y, int last) {
  for (int i = 0; i <= last; ++i) y[threadIdx.x] += weights[i];
  atomicAdd(&calls, 1u);
  atomicAdd(&total, steps[threadIdx.x % 4]);
}
__global__ void set_at(int* x, int i) { x[i] = 7; }

__device__ void fill(float* tile, unsigned count) {
  for (unsigned i = threadIdx.x; i < count; i += blockDim.x) tile[i] = 1.0f;
}
__global__ void one_array(float* y, unsigned count) {
  __shared__ float tile[64];
  fill(tile, count);
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x];
}
__global__ void two_arrays(float* y, unsigned count, int last = 31) {
  __shared__ float first[64];
  __shared__ float second[32];
  fill(first, count);
  fill(second, 32);
  __syncthreads();
  y[threadIdx.x] = first[threadIdx.x] + (&second[0])[last];
}
__global__ void pairs_in_shared(const __nv_bfloat16* x, float* y) {
  __shared__ __nv_bfloat16 tile[64];
  tile[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = float(tile[63 - threadIdx.x]);
}

template <class T>
__global__ void load_at(const unsigned char* bytes, int offset, T* y) {
  *y = *reinterpret_cast<const T*>(bytes + offset);
}

struct Pair {
  double value;
  long index;
};
struct Record {
  char tag;
  int values[7];
};
__global__ void copies(const Record* from, Record* to, int i, std::size_t bytes) {
  std::memcpy(&to[i], &from[i], bytes);
}

__global__ void store_at(float* x, std::ptrdiff_t offset) { x[offset + std::ptrdiff_t(threadIdx.x)] = 1; }
__global__ void store_through(float** table, int i) { table[i][threadIdx.x] = 1; }
__global__ void store_popped(unsigned long long* head) {
  if (threadIdx.x == 0) *reinterpret_cast<float*>(atomicExch(head, 0ull)) = 1;
}

__global__ void __launch_bounds__(96) bounded(float* y) { y[threadIdx.x] = 1; }
template <int Threads>
__global__ void __launch_bounds__(Threads / 2) half_bounded(float* y) {
  y[threadIdx.x] = 1;
}
__global__ void large_shared(float* y) {
  __shared__ float tile[8192];
  tile[threadIdx.x] = y[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = 2 * tile[63 - threadIdx.x];
}
__global__ void twice(int* x) { x[threadIdx.x] *= 2; }

}  // namespace

TEST_CASE("simt: variables of the device have their initial values, their symbols and their bounds") {
  const DeviceArray<float> y(std::vector<float>(32, 0.0f));
  const float values[] = {1, 2, 3};
  REQUIRE(cudaMemcpyToSymbol(weights, values, sizeof values) == cudaSuccess);
  REQUIRE(run(use_variables, 1, 32, 0, y.data, 2) == cudaSuccess);
  CHECK(y.host()[31] == 6.0f);
  unsigned count = 0;
  REQUIRE(cudaMemcpyFromSymbol(&count, calls, sizeof count) == cudaSuccess);
  CHECK(count == 32);
  CHECK(total == 85);
  CHECK(cudaMemcpyToSymbol(weights, values, sizeof values, 4) == cudaErrorInvalidValue);
  if (!simt::checks_accesses()) return;
  CHECK(violation(use_variables, 1, 32, y.data, 4000) != "");
  CHECK(cudaMemcpy(steps, values, 4, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  holds(violation(set_at, 1, 1, steps, 0), "the host's address of `steps`");
  int* address = nullptr;
  REQUIRE(cudaGetSymbolAddress(reinterpret_cast<void**>(&address), steps) == cudaSuccess);
  REQUIRE(run(set_at, 1, 1, 0, address, 0) == cudaSuccess);
  holds(violation(set_at, 1, 1, address, -1000000), "host memory");
}

TEST_CASE("simt: every static shared array has its own bounds") {
  if (!simt::checks_accesses()) return;
  const DeviceArray<float> y(64);
  REQUIRE(run(one_array, 2, 64, 0, y.data, 64u) == cudaSuccess);
  holds(violation(one_array, 1, 64, y.data, 4096u), "of 256 of tile");
  for (const auto seed : seeds) {  // whichever thread comes first
    simt::set_seed(seed);
    holds(violation(one_array, 1, 64, y.data, 4096u), "of 256 of tile");
    holds(violation(two_arrays, 1, 64, y.data, 65u, 31), "byte 256 of 256 of first");
    holds(violation(two_arrays, 1, 64, y.data, 64u, -1), "byte -4 of 128 of second");
  }
  simt::set_seed(1);
  const DeviceArray<__nv_bfloat16> x(std::vector<__nv_bfloat16>(64, __float2bfloat16(1.5f)));
  REQUIRE(run(pairs_in_shared, 2, 64, 0, x.data, y.data) == cudaSuccess);
  CHECK(y.host()[5] == 1.5f);
}

TEST_CASE("simt: an index that reaches another allocation is reported, a pointer from memory is not") {
  if (!simt::checks_accesses()) return;
  const DeviceArray<float> x(64), y(64);
  holds(violation(store_at, 1, 32, x.data, y.data - x.data),
        "no pointer to this allocation, only to byte 0 of an allocation of 256 bytes");
  holds(violation(store_at, 1, 32, x.data, std::ptrdiff_t(1) << 27), "bytes behind the end of");
  CHECK(run(store_at, 1, 32, 0, x.data - 8, std::ptrdiff_t(8)) == cudaSuccess);
  const DeviceArray<float*> table(std::vector<float*>{x.data, y.data});
  CHECK(run(store_through, 1, 32, 0, table.data, 1) == cudaSuccess);
  CHECK(run(store_popped, 1, 32, 0, reinterpret_cast<unsigned long long*>(table.data + 1)) == cudaSuccess);
}

TEST_CASE("simt: misaligned loads of every size are reported") {
  if (!simt::checks_accesses()) return;
  const DeviceArray<unsigned char> bytes(std::vector<unsigned char>(64, 1));
  const DeviceArray<float4> y(1);
  const auto at = [&](auto kind, int offset) {
    return violation(load_at<decltype(kind)>, 1, 1, bytes.data, offset,
                     reinterpret_cast<decltype(kind)*>(y.data));
  };
  CHECK(at(Pair{}, 8) == "");  // 16 bytes, but its type needs only an address that is a multiple of 8
  CHECK(at(short{}, 2) + at(int{}, 4) + at(float2{}, 8) + at(float4{}, 16) == "");
  holds(at(short{}, 1), "misaligned access: 2 bytes");
  holds(at(int{}, 2), "misaligned access: 4 bytes");
  holds(at(float2{}, 4), "misaligned access: 8 bytes");
  holds(at(float4{}, 8), "misaligned access: 16 bytes");
  holds(at(__half2{}, 2), "misaligned access: 4 bytes");
}

TEST_CASE("simt: memcpy in a kernel writes what it copies, inside of bounds") {
  if (!simt::checks_accesses()) return;
  const std::vector<Record> records(4, Record{'a', {1, 2, 3, 4, 5, 6, 7}});
  const DeviceArray<Record> from(records), to(4);
  for (int i = 0; i < 4; ++i)
    REQUIRE(run(copies, 1, 1, 0, from.data, to.data, i, sizeof(Record)) == cudaSuccess);
  CHECK(to.host()[3].values[6] == 7);
  holds(violation(copies, 1, 1, from.data, to.data, 3, sizeof(Record) + 8), "out of bounds");
}

TEST_CASE("simt: launches keep their bounds and the size of shared memory") {
  const DeviceArray<float> y(std::vector<float>(128, 1.0f));
  CHECK(run(bounded, 1, 96, 0, y.data) == cudaSuccess);
  CHECK(run(bounded, 1, 97, 0, y.data) == cudaErrorInvalidValue);
  CHECK(run(half_bounded<128>, 1, 65, 0, y.data) == cudaErrorInvalidValue);
  CHECK(run(large_shared, 1, 64, 16384, y.data) == cudaSuccess);
  CHECK(run(large_shared, 1, 64, 16388, y.data) == cudaErrorInvalidValue);
  CHECK(cudaFuncSetAttribute(large_shared, cudaFuncAttributeMaxDynamicSharedMemorySize, 227 << 10) ==
        cudaErrorInvalidValue);
  CHECK(cudaFuncSetAttribute(large_shared, cudaFuncAttributeMaxDynamicSharedMemorySize, 195 << 10) ==
        cudaSuccess);
  CHECK(run(large_shared, 1, 64, 195 << 10, y.data) == cudaSuccess);
  cudaFuncAttributes attributes;
  REQUIRE(cudaFuncGetAttributes(&attributes, large_shared) == cudaSuccess);
  CHECK(attributes.sharedSizeBytes == 32768);
  REQUIRE(cudaFuncGetAttributes(&attributes, bounded) == cudaSuccess);
  CHECK(attributes.maxThreadsPerBlock == 96);
  CHECK(run(nothing, dim3(1, 65536), 1, 0) == cudaErrorInvalidConfiguration);
  CHECK(run(nothing, 0, 1, 0) == cudaErrorInvalidConfiguration);
  CHECK(run(nothing, 1, 1025, 0) == cudaErrorInvalidConfiguration);
  cudaGetLastError();
}

TEST_CASE("simt: kernels reach managed and mapped memory, and rows keep their pitch") {
  int *managed = nullptr, *mapped = nullptr, *device = nullptr;
  REQUIRE(cudaMallocManaged(&managed, 32 * sizeof(int)) == cudaSuccess);
  REQUIRE(cudaHostAlloc(&mapped, 32 * sizeof(int), cudaHostAllocMapped) == cudaSuccess);
  REQUIRE(cudaHostGetDevicePointer(&device, mapped, 0) == cudaSuccess);
  for (int i = 0; i < 32; ++i) managed[i] = mapped[i] = i;
  REQUIRE(run(twice, 1, 32, 0, managed) == cudaSuccess);
  REQUIRE(run(twice, 1, 32, 0, device) == cudaSuccess);
  CHECK(managed[31] + mapped[30] == 122);
  if (simt::checks_accesses())
    holds(violation(twice, 1, 33, managed), "behind the end of managed memory of 128 bytes");
  CHECK(cudaFree(managed) == cudaSuccess);
  CHECK(cudaFreeHost(mapped) == cudaSuccess);

  char* rows = nullptr;
  std::size_t pitch = 0;
  REQUIRE(cudaMallocPitch(&rows, &pitch, 12, 3) == cudaSuccess);
  const std::vector<int> dense{1, 2, 3, 4, 5, 6, 7, 8, 9};
  std::vector<int> back(9, 0);
  REQUIRE(cudaMemcpy2D(rows, pitch, dense.data(), 12, 12, 3, cudaMemcpyHostToDevice) == cudaSuccess);
  REQUIRE(cudaMemcpy2D(back.data(), 12, rows, pitch, 12, 3, cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(back == dense);
  CHECK(cudaFree(rows) == cudaSuccess);
}

TEST_CASE("simt: half and bfloat16 round as the hardware does") {
  int wrong = 0;
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const __half h = __ushort_as_half(static_cast<unsigned short>(bits));
    if (__half2float(h) == __half2float(h))
      wrong += __half_as_ushort(__float2half(__half2float(h))) != static_cast<unsigned short>(bits);
  }
  CHECK(wrong == 0);
  CHECK(__half_as_ushort(__float2half(65520.0f)) == 0x7c00);
  CHECK(__half_as_ushort(__float2half(65519.0f)) == 0x7bff);
  CHECK(__half_as_ushort(__float2half(0x1p-25f)) == 0);
  CHECK(__half_as_ushort(__float2half(0x1.8p-25f)) == 1);
  CHECK(float(__float2half_rz(1.9999f)) == 1.9990234375f);
  CHECK(float(__float2half_ru(-1.9999f)) == -1.9990234375f);
  CHECK(float(__float2half(2048.0f) + __float2half(1.0f)) == 2048.0f);
  const __half2 p = __hfma2(__floats2half2_rn(1, 2), __float2half2_rn(3.0f), __floats2half2_rn(1, 1));
  CHECK(__low2float(p) + __high2float(p) == 11.0f);
  CHECK(float(__float2bfloat16(256.0f) + __float2bfloat16(1.0f)) == 256.0f);
  CHECK(__fadd_ru(1.0f, 1e-9f) > 1.0f);
  CHECK(__fadd_rz(1.0f, 1e-9f) == 1.0f);
  CHECK(__float2int_rn(2.5f) + __float2int_ru(2.5f) + __float2int_rz(-2.5f) == 3);
  CHECK(__float2int_rz(1e20f) == 2147483647);
  CHECK(__brev(1u) == 0x80000000u);
  CHECK(__byte_perm(0x33221100u, 0x77665544u, 0x7531u) == 0x77553311u);
  CHECK(__funnelshift_l(0x80000000u, 1u, 1) == 3u);
  CHECK(__dp4a(0x01020304, 0x01010101, 5) == 15);
  CHECK(erfinvf(0.5f) == Approx(0.476936276).epsilon(1e-6));
  CHECK(normcdff(1.0f) == Approx(0.841344746).epsilon(1e-6));
}
