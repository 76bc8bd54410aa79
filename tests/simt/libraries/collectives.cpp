// Implements NCCL's reductions.
#include "libraries/collectives.h"

#include <algorithm>
#include <cstring>

namespace simt {
namespace {

template <class T>
T combine(T a, T b, ncclRedOp_t op) {
  if (op == ncclProd) return T(a * b);
  if (op == ncclMax) return std::max(a, b);
  return op == ncclMin ? std::min(a, b) : T(a + b);
}

// Combines the ranks' arrays from element `first` on, in the order of ranks.
template <class T>
void combine_all(const NcclCall& call, const std::vector<char>& all, std::size_t first) {
  const std::size_t stride = all.size() / std::size_t(call.comm->size), n = std::size_t(call.count);
  std::vector<T> sum(n, T(0)), part(n);
  for (int rank = 0; rank < call.comm->size; ++rank) {
    std::memcpy(part.data(), all.data() + std::size_t(rank) * stride + first * sizeof(T), n * sizeof(T));
    for (std::size_t i = 0; i < n; ++i)
      sum[i] =
          rank == 0 && call.op != ncclSum && call.op != ncclAvg ? part[i] : combine(sum[i], part[i], call.op);
  }
  if (call.op == ncclAvg)
    for (T& value : sum) value = T(value / T(call.comm->size));
  std::memcpy(call.receive, sum.data(), n * sizeof(T));
}

}  // namespace

void reduce(const NcclCall& call, const std::vector<char>& all, std::size_t first) {
  switch (call.type) {
    case ncclFloat32:
      return combine_all<float>(call, all, first);
    case ncclFloat64:
      return combine_all<double>(call, all, first);
    case ncclInt8:
      return combine_all<std::int8_t>(call, all, first);
    case ncclUint8:
      return combine_all<std::uint8_t>(call, all, first);
    case ncclInt32:
      return combine_all<std::int32_t>(call, all, first);
    case ncclUint32:
      return combine_all<std::uint32_t>(call, all, first);
    case ncclInt64:
      return combine_all<std::int64_t>(call, all, first);
    default:
      return combine_all<std::uint64_t>(call, all, first);
  }
}

}  // namespace simt
