// A call of NCCL, and the reductions over the arrays of all ranks.
#pragma once
#include <string>
#include <vector>

#include "libraries/blas.h"
#include "libraries/communicator.h"

namespace simt {

enum class CollectiveKind : std::int64_t {
  all_reduce,
  reduce,
  broadcast,
  all_gather,
  reduce_scatter,
  send,
  receive
};
inline constexpr const char* nccl_names[] = {"ncclAllReduce", "ncclReduce",        "ncclBroadcast",
                                             "ncclAllGather", "ncclReduceScatter", "ncclSend",
                                             "ncclRecv"};

inline std::size_t size_of(ncclDataType_t type) {
  if (type == ncclInt8 || type == ncclUint8) return 1;
  return type == ncclInt64 || type == ncclUint64 || type == ncclFloat64 ? 8 : 4;
}
inline bool is_type(ncclDataType_t type) { return type >= ncclInt8 && type <= ncclFloat64 && int(type) != 6; }

// What a call queues. `root` is the peer of ncclSend and ncclRecv.
struct NcclCall {
  CollectiveKind kind;
  std::shared_ptr<ncclComm> comm;
  const void* send;
  void* receive;
  std::int64_t count, number;
  ncclDataType_t type;
  ncclRedOp_t op;
  int root;

  const char* name() const { return nccl_names[int(kind)]; }
  std::size_t bytes() const { return std::size_t(count) * size_of(type); }
  std::int64_t parts(CollectiveKind many) const { return kind == many ? comm->size : 1; }
  // The bytes that this rank gives and receives.
  std::size_t given() const {
    const bool gives =
        kind != CollectiveKind::receive && (kind != CollectiveKind::broadcast || comm->rank == root);
    return gives ? bytes() * std::size_t(parts(CollectiveKind::reduce_scatter)) : 0;
  }
  std::size_t received() const {
    const bool receives =
        kind != CollectiveKind::send && (kind != CollectiveKind::reduce || comm->rank == root);
    return receives ? bytes() * std::size_t(parts(CollectiveKind::all_gather)) : 0;
  }
  std::string text() const {
    return std::string(name()) + ", call " + std::to_string(number) + " of its communicator, of " +
           std::to_string(count) + " elements";
  }
};

// Combines the ranks' arrays, which follow each other in `all`, from element `first` of each on, in the order
// of ranks.
void reduce(const NcclCall& call, const std::vector<char>& all, std::size_t first);

}  // namespace simt
