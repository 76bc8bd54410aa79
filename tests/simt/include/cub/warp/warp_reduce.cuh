// Stand-in for cub::WarpReduce: lane 0 of a logical warp has the result, every other lane gets poison.
#pragma once
#include <cstring>
#include <type_traits>

#include "cuda_runtime.h"

namespace cub {

template <class T, int LogicalWarpThreads = 32>
class WarpReduce {
  static_assert(std::is_trivially_copyable_v<T>);
  static_assert(LogicalWarpThreads >= 1 && LogicalWarpThreads <= 32 &&
                (LogicalWarpThreads & (LogicalWarpThreads - 1)) == 0);

 public:
  struct TempStorage {
    alignas(T) unsigned char bytes[sizeof(T) * LogicalWarpThreads];
  };

  explicit WarpReduce(TempStorage& storage) : storage_(storage) {}

  template <class Op>
  T Reduce(T input, Op op, int valid = LogicalWarpThreads, simt::Where where = simt::Where::current()) {
    const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    const unsigned lane = thread % LogicalWarpThreads;
    const unsigned mask =
        LogicalWarpThreads == 32 ? ~0u : ((1u << (LogicalWarpThreads % 32)) - 1u) << (thread % 32 - lane);
    std::memcpy(storage_.bytes + lane * sizeof(T), &input, sizeof(T));
    simt::warp_collective(simt::Collective::syncwarp, mask, 0, 0, 32, where);
    T values[LogicalWarpThreads];
    for (int i = 0; i < LogicalWarpThreads; ++i)
      std::memcpy(static_cast<void*>(values + i), storage_.bytes + std::size_t(i) * sizeof(T), sizeof(T));
    // Nothing is read after this, so that the storage may be used again, as with shuffles.
    simt::warp_collective(simt::Collective::syncwarp, mask, 0, 0, 32, where);
    if (lane != 0) {
      std::memset(static_cast<void*>(&input), 0xff, sizeof(T));
      return input;
    }
    for (int step = 1; step < valid; step *= 2)
      for (int i = 0; i + step < valid; i += 2 * step) values[i] = op(values[i], values[i + step]);
    return values[0];
  }
  T Sum(T input, int valid = LogicalWarpThreads, simt::Where where = simt::Where::current()) {
    return Reduce(
        input, [](const T& a, const T& b) { return T(a + b); }, valid, where);
  }

 private:
  TempStorage& storage_;
};

}  // namespace cub
