// Clusters: blocks that run at the same time, meet at a barrier and reach each other's shared memory.
#include <algorithm>
#include <sstream>
#include <utility>

#include "machine/block.h"

namespace simt {

std::string text_of(uint3 index) {
  std::ostringstream text;
  text << '(' << index.x << ", " << index.y << ", " << index.z << ')';
  return text.str();
}

// Both are as far from a multiple of 64 bytes, so that cells of the shadow hold the same bytes.
std::uintptr_t shift_of_statics(Block& block) {
  std::uintptr_t start = 0;
  std::size_t bytes = 0;
  own_thread_local(&start, &bytes);
  if (block.statics == nullptr) block.statics.reset(new char[bytes + 64]);
  const auto kept = reinterpret_cast<std::uintptr_t>(block.statics.get());
  return kept + (start - kept) % 64 - start;
}

std::uint64_t Machine::number_in_cluster(std::uint64_t cluster, std::uint64_t rank) const {
  const dim3 &grid = grid_->grid, &size = grid_->cluster;
  const std::uint64_t columns = grid.x / size.x, rows = grid.y / size.y;
  const std::uint64_t x = cluster % columns * size.x + rank % size.x;
  const std::uint64_t y = cluster / columns % rows * size.y + rank / size.x % size.y;
  const std::uint64_t z = cluster / columns / rows * size.z + rank / size.x / size.y;
  return (z * grid.y + y) * grid.x + x;
}

// Returns the cluster of the running block.
Cluster& Machine::cluster() {
  const auto [found, fresh] = clusters_.try_emplace(block_->cluster);
  if (fresh) found->second.blocks = {block_}, found->second.live = block_->live;
  return found->second;
}

// Makes the blocks of the cluster when the first one begins, because threads may ask for their addresses.
std::unique_ptr<Block> Machine::block_for(std::uint64_t number) {
  const auto [found, fresh] = clusters_.try_emplace(unit_);
  Cluster& c = found->second;
  for (std::uint64_t rank = 0; fresh && rank < cluster_size_; ++rank) {
    auto block = new_block();
    block->number = number_in_cluster(unit_, rank);
    block->index = index_of(block->number);
    block->begun = false;
    c.live += size_;
    c.blocks.push_back(block.get());
    c.kept.push_back(std::move(block));
  }
  const auto own = std::find_if(c.kept.begin(), c.kept.end(),
                                [number](const auto& block) { return block->number == number; });
  auto block = std::move(*own);
  c.kept.erase(own);
  return block;
}

// Keeps a block that has ended until its whole cluster has, so that accesses to it are known.
void Machine::leave_cluster(std::unique_ptr<Block> block) {
  const auto found = clusters_.find(block->cluster);
  if (found == clusters_.end()) return spare_.push_back(std::move(block));
  Cluster& c = found->second;
  c.kept.push_back(std::move(block));
  if (++c.ended < c.blocks.size()) return;
  for (auto& each : c.kept) spare_.push_back(std::move(each));
  clusters_.erase(found);
}

void Machine::cluster_arrive(Where where) {
  const Unwatched emulator;
  Thread& self = thread(current_);
  if (self.arrived != 0)
    fail(current_, Check::sync,
         "barrier divergence: the thread arrives at the barrier of the cluster at " + describe(where) +
             " before it has waited behind its last arrival");
  watch_.settle();
  Cluster& c = cluster();
  self.arrived = c.phase;
  ++c.arrived;
  note_change();
  complete_cluster_barrier(c);
}

void Machine::cluster_wait(Where where) {
  const Unwatched emulator;
  Thread& self = thread(current_);
  if (self.arrived == 0)
    fail(current_, Check::sync,
         "barrier divergence: the thread waits at the barrier of the cluster at " + describe(where) +
             " without having arrived");
  if (self.arrived == cluster().phase) {
    self.state = State::in_cluster_barrier;
    self.where = where;
    suspend();
  }
  thread(current_).arrived = 0;
}

void Machine::complete_cluster_barrier(Cluster& c) {
  if (c.arrived == 0 || c.arrived < c.live) return;
  c.arrived = 0;
  ++c.phase;
  std::vector<std::uint32_t> numbers;
  for (Block* const block : c.blocks) {
    if (block->ended) continue;
    numbers.push_back(std::uint32_t(block->number));
    if (block == block_)
      watch_.barrier(block->live);
    else
      watch_.barrier_of(*block->watch, block->live);
  }
  watch_.meet_blocks(numbers, 1 + block_->cluster);
  for (Block* const block : c.blocks)
    for (std::size_t i = 0; !block->ended && i < block->threads.size(); ++i)
      if (block->threads[i].state == State::in_cluster_barrier) {
        block->threads[i].state = State::ready;
        block->ready.push(int(i));
      }
}

// The barrier does not wait for a thread that has returned.
void Machine::leave_cluster_barrier(Thread& thread) {
  const auto found = clusters_.find(block_->cluster);
  if (found == clusters_.end()) return;
  Cluster& c = found->second;
  --c.live;
  if (thread.arrived == c.phase) --c.arrived;
  complete_cluster_barrier(c);
}

// Fails if an access of another block to the shared memory of this one, which ends, could come later.
void Machine::check_uses(const Block& block) const {
  for (const OtherUse& use : block.uses)
    if (!watch_.knows(use)) {
      watching = nullptr;
      const int user = use.use.thread();
      throw Fault{index_of(use.block), block.threads[std::size_t(user)].index, Check::sync,
                  "uses the shared memory of block " + text_of(block.index) + " of the cluster at " +
                      describe_place(use.place) +
                      ", which may have ended: no barrier of the cluster is behind"};
    }
}

Block* Machine::block_of_shared(std::uintptr_t at) const {
  if (cluster_size_ == 1 || block_ == nullptr) return nullptr;
  std::uintptr_t start = 0;
  std::size_t bytes = 0;
  own_thread_local(&start, &bytes);
  for (Block* const block : clusters_.at(block_->cluster).blocks) {
    if (block == block_) continue;
    if (at - reinterpret_cast<std::uintptr_t>(block->shared.get()) < grid_->shared_bytes) return block;
    if (at - shift_of_statics(*block) - start < bytes) return block;
  }
  return nullptr;
}

void* Machine::map_shared(const void* own, unsigned rank, Where where) {
  const Unwatched emulator;
  const auto at = reinterpret_cast<std::uintptr_t>(own);
  if (rank >= cluster_size_)
    fail(current_, Check::bounds,
         "the cluster has " + std::to_string(cluster_size_) + " blocks, there is no rank " +
             std::to_string(rank) + " at " + describe(where));
  std::uintptr_t start = 0;
  std::size_t bytes = 0;
  own_thread_local(&start, &bytes);
  const auto shared = reinterpret_cast<std::uintptr_t>(block_->shared.get());
  const bool dynamic = shared != 0 && at - shared <= grid_->shared_bytes;
  if (!dynamic && (at - start >= bytes || !watched || !watch_.wanted()))
    fail(current_, Check::bounds,
         "map_shared_rank at " + describe(where) + ": the address is not in the block's shared memory");
  Block* const other = cluster().blocks[rank];
  if (other == block_) return const_cast<void*>(own);
  return reinterpret_cast<void*>(dynamic ? at - shared + reinterpret_cast<std::uintptr_t>(other->shared.get())
                                         : at + shift_of_statics(*other));
}

unsigned Machine::rank_of_shared(std::uintptr_t at) {
  const auto& blocks = cluster().blocks;
  const Block* const other = block_of_shared(at);
  return unsigned(std::find(blocks.begin(), blocks.end(), other == nullptr ? block_ : other) -
                  blocks.begin());
}

void Machine::wait_for_dependency() {
  if (!running()) return;
  const Unwatched emulator;
  watch_.settle();
  thread(current_).waited = true;
  watch_.set_waited(true);
}

// Returns whether a thread of the block waits for other blocks at a barrier.
bool Machine::waits_for_blocks() const {
  for (const auto& t : block_->threads)
    if (t.state == State::in_grid_barrier || t.state == State::in_cluster_barrier) return true;
  return false;
}

// Fails because every block that has begun waits at a barrier of the grid or of a cluster, and no other can
// come.
void Machine::refuse_waits() {
  block_ = parked_.front();
  const auto waits = [this](int index) {
    return thread(index).state == State::in_grid_barrier || thread(index).state == State::in_cluster_barrier;
  };
  int index = 0;
  while (index + 1 < size_ && !waits(index)) ++index;
  const bool grid = thread(index).state == State::in_grid_barrier;
  std::string text = "deadlock: the thread waits for the " + std::string(grid ? "grid" : "cluster") + " at " +
                     describe(thread(index).where) + ", where ";
  if (grid)
    text += std::to_string(at_grid_barrier_) + " of " + std::to_string(blocks_) + " blocks have come, and " +
            std::to_string(ended_) + " have ended";
  else
    text +=
        std::to_string(cluster().arrived) + " of " + std::to_string(cluster().live) + " threads have come";
  error_ = std::make_exception_ptr(Fault{block_->index, thread(index).index, Check::sync, text});
  abandon();
}

bool Watch::knows(const OtherUse& use) const {
  return comes_before(use, {0, 0, AccessKind::read, nullptr, Scope::device});
}

// Handles shared memory of another block of the cluster, which does not run now.
void Watch::access_remote(Now& a, Block& other) {
  const std::string memory = "uses the shared memory of block " + text_of(other.index) + " of the cluster, ";
  if (!other.begun ||
      (!other.ended && !knows({Use(other.watch->block, 0, 15, false), std::uint32_t(other.number), 0})))
    fail(a, Check::sync, memory + "which may not have begun: no barrier of the cluster is before");
  if (other.ended) fail(a, Check::sync, memory + "which may have ended: no barrier of the cluster is behind");
  const OtherUse mine{Use(now(), unsigned(thread_), 15, false), number_, short_place(a.place)};
  const auto before = std::find_if(other.uses.begin(), other.uses.end(),
                                   [&](const OtherUse& use) { return use.block == number_; });
  if (before == other.uses.end())
    other.uses.push_back(mine);
  else
    *before = mine;
  Parked& parked = *other.watch;
  a.in_shared = true;
  a.begun = parked.block;
  const std::uintptr_t offset = a.at - reinterpret_cast<std::uintptr_t>(other.shared.get());
  if (offset < shared_bytes_) {
    if (a.bytes > shared_bytes_ - offset) fail_bounds(a);
    return check_range(parked.shared_cells.get(), offset, a);
  }
  Cell* const cell = static_cells(a, {parked.static_cells.get(), parked.static_bytes, parked.statics,
                                      parked.block, shift_of_statics(other)});
  if (cell == nullptr) fail_bounds(a);
  check_range(cell, a.at % 4, a);
}

// -- the functions that device code calls --

void cluster_arrive(Where where) { machine().cluster_arrive(where); }
void cluster_wait(Where where) { machine().cluster_wait(where); }
void* map_shared(const void* own, unsigned rank, Where where) {
  return machine().map_shared(own, rank, where);
}
unsigned rank_of_shared(const void* address) {
  return machine().rank_of_shared(reinterpret_cast<std::uintptr_t>(address));
}
dim3 cluster_dim() { return machine().grid()->cluster; }
void wait_for_dependency() { machine().wait_for_dependency(); }

}  // namespace simt
