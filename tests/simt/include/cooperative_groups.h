// Cooperative groups on the emulator's barriers and warp collectives.
#pragma once
#include <cuda_pipeline.h>
#include <cuda_runtime.h>

#include <type_traits>

#include "simt/warp_functions.h"

namespace cooperative_groups {

using simt::Where;

class thread_block;
thread_block this_thread_block();

namespace details {

inline unsigned count(dim3 d) { return d.x * d.y * d.z; }

// Shuffles any type in pieces of 4 bytes.
template <class T, class F>
SIMT_MEETING T by_words(const T& value, F shuffle) {
  unsigned words[(sizeof(T) + 3) / 4] = {};
  std::memcpy(words, &value, sizeof(T));
  for (unsigned& word : words) word = shuffle(word);
  T result;
  std::memcpy(static_cast<void*>(&result), words, sizeof(T));
  return result;
}

}  // namespace details

// Threads of one warp, whose lanes are a mask. Ranks follow the order of lanes.
class thread_group {
 public:
  unsigned size() const { return num_threads(); }
  unsigned num_threads() const { return mask_ == 0 ? details::count(blockDim) : unsigned(__popc(mask_)); }
  unsigned thread_rank() const {
    return mask_ == 0 ? simt::thread_rank()
                      : unsigned(__popc(mask_ & ((1u << simt::thread_rank() % 32) - 1)));
  }
  SIMT_MEETING void sync(Where where = Where::current()) const {
    if (mask_ == 0)
      simt::block_barrier(false, where);
    else
      simt::warp_collective(simt::Collective::syncwarp, mask_, 0, 0, 32, where);
  }

 protected:
  explicit thread_group(unsigned mask) : mask_(mask) {}
  unsigned mask_;  // 0 means the whole block
  friend thread_group tiled_partition(const thread_group&, unsigned);
};

// What tiles and coalesced groups have in common.
class warp_group : public thread_group {
 public:
  template <class T>
  SIMT_MEETING T shfl(T value, unsigned rank, Where where = Where::current()) const {
    const int lane = lane_of(rank % num_threads());
    return details::by_words(value, [&](unsigned w) { return __shfl_sync(mask_, w, lane, 32, where); });
  }
  template <class T>
  SIMT_MEETING T shfl_down(T value, unsigned delta, Where where = Where::current()) const {
    const unsigned rank = thread_rank() + delta;
    return shfl(value, rank < num_threads() ? rank : thread_rank(), where);
  }
  template <class T>
  SIMT_MEETING T shfl_up(T value, unsigned delta, Where where = Where::current()) const {
    return shfl(value, thread_rank() < delta ? thread_rank() : thread_rank() - delta, where);
  }
  template <class T>
  SIMT_MEETING T shfl_xor(T value, unsigned bits, Where where = Where::current()) const {
    const unsigned rank = thread_rank() ^ bits;
    return shfl(value, rank < num_threads() ? rank : thread_rank(), where);
  }
  SIMT_MEETING int any(int predicate, Where where = Where::current()) const {
    return __any_sync(mask_, predicate, where);
  }
  SIMT_MEETING int all(int predicate, Where where = Where::current()) const {
    return __all_sync(mask_, predicate, where);
  }
  SIMT_MEETING unsigned ballot(int predicate, Where where = Where::current()) const {
    return packed(__ballot_sync(mask_, predicate, where));
  }
  template <class T>
  SIMT_MEETING unsigned match_any(T value, Where where = Where::current()) const {
    return packed(__match_any_sync(mask_, value, where));
  }
  template <class T>
  SIMT_MEETING unsigned match_all(T value, int& predicate, Where where = Where::current()) const {
    return packed(__match_all_sync(mask_, value, &predicate, where));
  }
  unsigned lanes() const { return mask_; }

 protected:
  using thread_group::thread_group;
  int lane_of(unsigned rank) const {
    unsigned rest = mask_;
    while (rank-- > 0) rest &= rest - 1;
    return __ffs(int(rest)) - 1;
  }
  // Renumbers the bits of lanes by rank.
  unsigned packed(unsigned lanes) const {
    unsigned result = 0, bit = 0;
    for (unsigned rest = mask_; rest != 0; rest &= rest - 1, ++bit)
      if ((lanes & rest & -rest) != 0) result |= 1u << bit;
    return result;
  }
};

class coalesced_group : public warp_group {
 public:
  unsigned meta_group_size() const { return groups_; }
  unsigned meta_group_rank() const { return group_; }
  explicit coalesced_group(unsigned mask, unsigned group = 0, unsigned groups = 1)
      : warp_group(mask), group_(group), groups_(groups) {}

 private:
  unsigned group_, groups_;
};

SIMT_MEETING coalesced_group coalesced_threads(Where where = Where::current()) {
  return coalesced_group(simt::active_lanes(where));
}

class thread_block : public thread_group {
 public:
  SIMT_MEETING void sync(Where where = Where::current()) const { simt::block_barrier(false, where); }
  struct arrival_token {};
  arrival_token barrier_arrive() const { return {}; }
  SIMT_MEETING void barrier_wait(arrival_token, Where where = Where::current()) const { sync(where); }
  static dim3 group_index() { return dim3(blockIdx.x, blockIdx.y, blockIdx.z); }
  static dim3 thread_index() { return dim3(threadIdx.x, threadIdx.y, threadIdx.z); }
  static dim3 group_dim() { return blockDim; }
  static dim3 dim_threads() { return blockDim; }

 private:
  thread_block() : thread_group(0) {}
  friend thread_block this_thread_block();
};
inline thread_block this_thread_block() { return {}; }

template <unsigned Size, class Parent = void>
class thread_block_tile : public warp_group {
  static_assert(Size > 0 && Size <= 32 && (Size & (Size - 1)) == 0,
                "a tile has 1, 2, 4, 8, 16 or 32 threads");

 public:
  thread_block_tile()
      : warp_group((Size == 32 ? ~0u : (1u << Size % 32) - 1) << (simt::thread_rank() % 32 / Size * Size)) {}
  static constexpr unsigned size() { return Size; }
  static constexpr unsigned num_threads() { return Size; }
  static unsigned thread_rank() { return simt::thread_rank() % Size; }
  static unsigned meta_group_size() {
    return std::is_void_v<Parent> || std::is_same_v<Parent, thread_block>
               ? (details::count(blockDim) + Size - 1) / Size
               : parent_size() / Size;
  }
  static unsigned meta_group_rank() {
    return std::is_void_v<Parent> || std::is_same_v<Parent, thread_block>
               ? simt::thread_rank() / Size
               : simt::thread_rank() % parent_size() / Size;
  }

 private:
  static unsigned parent_size() {
    if constexpr (std::is_void_v<Parent> || std::is_same_v<Parent, thread_block>)
      return details::count(blockDim);
    else
      return Parent::size();
  }
};

template <unsigned Size, class Parent>
thread_block_tile<Size, Parent> tiled_partition(const Parent&) {
  return {};
}
inline thread_group tiled_partition(const thread_group& parent, unsigned size) {
  const unsigned first = simt::thread_rank() % 32 / size * size;
  const unsigned tile = (size == 32 ? ~0u : (1u << size) - 1) << first;
  if (parent.mask_ == 0) return thread_group(tile);
  unsigned rank = 0, mask = 0;
  const unsigned own = parent.thread_rank() / size;
  for (unsigned rest = parent.mask_; rest != 0; rest &= rest - 1, ++rank)
    if (rank / size == own) mask |= rest & -rest;
  return thread_group(mask);
}

// Splits a group by a label or a predicate.
template <class Group>
SIMT_MEETING coalesced_group labeled_partition(const Group& group, int label,
                                               Where where = Where::current()) {
  const simt::Gathered all = simt::gather(simt::Collective::match, group.lanes(), label, where);
  unsigned mask = 0, groups = 0, own = 0;
  const std::uint64_t mine = all.of[simt::thread_rank() % 32];
  all.each([&](int lane) {
    if (all.of[lane] == mine) mask |= 1u << lane;
    bool first = true;
    all.each([&](int other) { first = first && !(other < lane && all.of[other] == all.of[lane]); });
    if (!first) return;
    if (all.of[lane] == mine) own = groups;
    ++groups;
  });
  return coalesced_group(mask, own, groups);
}
template <class Group>
SIMT_MEETING coalesced_group binary_partition(const Group& group, bool value,
                                              Where where = Where::current()) {
  return labeled_partition(group, int(value), where);
}

class grid_group {
 public:
  bool is_valid() const { return simt::is_cooperative(); }
  SIMT_MEETING void sync(Where where = Where::current()) const {
    simt::block_barrier(false, where);
    if (simt::thread_rank() == 0) simt::grid_barrier(where);
    simt::block_barrier(false, where);
  }
  unsigned long long size() const { return num_threads(); }
  unsigned long long num_threads() const { return num_blocks() * details::count(blockDim); }
  unsigned long long num_blocks() const {
    return static_cast<unsigned long long>(gridDim.x) * gridDim.y * gridDim.z;
  }
  unsigned long long block_rank() const {
    return (static_cast<unsigned long long>(blockIdx.z) * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  }
  unsigned long long thread_rank() const {
    return block_rank() * details::count(blockDim) + simt::thread_rank();
  }
  static dim3 group_dim() { return gridDim; }
  static dim3 dim_blocks() { return gridDim; }
  static dim3 block_index() { return dim3(blockIdx.x, blockIdx.y, blockIdx.z); }
};
inline grid_group this_grid() { return {}; }

// The blocks of a cluster, which run at the same time. Ranks follow the index of the block in it.
class cluster_group {
 public:
  struct arrival_token {};
  SIMT_MEETING static void sync(Where where = Where::current()) {
    simt::cluster_arrive(where);
    simt::cluster_wait(where);
  }
  SIMT_MEETING static arrival_token barrier_arrive(Where where = Where::current()) {
    simt::cluster_arrive(where);
    return {};
  }
  SIMT_MEETING static void barrier_wait(arrival_token = {}, Where where = Where::current()) {
    simt::cluster_wait(where);
  }
  static dim3 dim_blocks() { return simt::cluster_dim(); }
  static unsigned num_blocks() { return details::count(simt::cluster_dim()); }
  static dim3 block_index() {
    const dim3 size = simt::cluster_dim();
    return dim3(blockIdx.x % size.x, blockIdx.y % size.y, blockIdx.z % size.z);
  }
  static unsigned block_rank() {
    const dim3 size = simt::cluster_dim(), index = block_index();
    return (index.z * size.y + index.y) * size.x + index.x;
  }
  static dim3 dim_threads() {
    const dim3 size = simt::cluster_dim();
    return dim3(size.x * blockDim.x, size.y * blockDim.y, size.z * blockDim.z);
  }
  static dim3 thread_index() {
    const dim3 block = block_index();
    return dim3(block.x * blockDim.x + threadIdx.x, block.y * blockDim.y + threadIdx.y,
                block.z * blockDim.z + threadIdx.z);
  }
  static unsigned num_threads() { return num_blocks() * details::count(blockDim); }
  static unsigned size() { return num_threads(); }
  static unsigned thread_rank() { return block_rank() * details::count(blockDim) + simt::thread_rank(); }
  template <class T>
  static T* map_shared_rank(T* own, int rank, Where where = Where::current()) {
    return static_cast<T*>(simt::map_shared(own, unsigned(rank), where));
  }
  static unsigned query_shared_rank(const void* address) { return simt::rank_of_shared(address); }
};
inline cluster_group this_cluster() { return {}; }

template <class Group>
SIMT_MEETING void sync(const Group& group, Where where = Where::current()) {
  group.sync(where);
}

template <class T>
struct plus {
  T operator()(const T& a, const T& b) const { return a + b; }
};
template <class T>
struct less {
  T operator()(const T& a, const T& b) const { return b < a ? b : a; }
};
template <class T>
struct greater {
  T operator()(const T& a, const T& b) const { return a < b ? b : a; }
};
template <class T>
struct bit_and {
  T operator()(const T& a, const T& b) const { return a & b; }
};
template <class T>
struct bit_or {
  T operator()(const T& a, const T& b) const { return a | b; }
};
template <class T>
struct bit_xor {
  T operator()(const T& a, const T& b) const { return a ^ b; }
};

template <class Group, class T, class F>
SIMT_MEETING auto reduce(const Group& group, T value, F f, Where where = Where::current()) {
  std::decay_t<T> result = value;
  for (unsigned rank = 0; rank < group.num_threads(); ++rank) {
    const std::decay_t<T> other = group.shfl(value, rank, where);
    result = rank == 0 ? other : std::decay_t<T>(f(result, other));
  }
  return result;
}
template <class Group, class T, class F>
SIMT_MEETING auto inclusive_scan(const Group& group, T value, F f, Where where = Where::current()) {
  std::decay_t<T> result = value;
  for (unsigned rank = 0; rank < group.num_threads(); ++rank) {
    const std::decay_t<T> other = group.shfl(value, rank, where);
    if (rank == 0)
      result = other;
    else if (rank <= group.thread_rank())
      result = f(result, other);
  }
  return result;
}
template <class Group, class T>
SIMT_MEETING auto inclusive_scan(const Group& group, T value, Where where = Where::current()) {
  return inclusive_scan(group, value, plus<std::decay_t<T>>(), where);
}
template <class Group, class T, class F>
SIMT_MEETING auto exclusive_scan(const Group& group, T value, F f, Where where = Where::current()) {
  std::decay_t<T> result = {};
  for (unsigned rank = 0; rank < group.num_threads(); ++rank) {
    const std::decay_t<T> other = group.shfl(value, rank, where);
    if (rank < group.thread_rank()) result = rank == 0 ? other : std::decay_t<T>(f(result, other));
  }
  return result;
}
template <class Group, class T>
SIMT_MEETING auto exclusive_scan(const Group& group, T value, Where where = Where::current()) {
  return exclusive_scan(group, value, plus<std::decay_t<T>>(), where);
}

// Calls f in one thread of the group.
template <class Group, class F>
void invoke_one(const Group& group, F f) {
  if (group.thread_rank() == 0) f();
}

// Copies by all threads of the group; the data is there after wait().
template <class Group, class T>
SIMT_MEETING void memcpy_async(const Group& group, T* to, const T* from, std::size_t bytes) {
  for (std::size_t i = group.thread_rank(); i < bytes / sizeof(T); i += group.num_threads()) {
    to[i] = from[i];
    simt::start_copy(to + i, sizeof(T));
  }
  simt::commit_copies();
}
template <unsigned Pending, class Group>
SIMT_MEETING void wait_prior(const Group& group, Where where = Where::current()) {
  simt::wait_for_copies(Pending);
  group.sync(where);
}
template <class Group>
SIMT_MEETING void wait(const Group& group, Where where = Where::current()) {
  wait_prior<0>(group, where);
}

}  // namespace cooperative_groups
