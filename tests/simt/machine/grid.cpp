// Runs the blocks of a grid: one to its end, unless it waits for another one, which then runs meanwhile.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <numeric>
#include <utility>

#include "machine/block.h"
#include "machine/choices.h"
#include "machine/watchdog.h"
#include "runtime/runtime.h"

constinit thread_local uint3 threadIdx = {0, 0, 0};
constinit thread_local uint3 blockIdx = {0, 0, 0};
constinit thread_local dim3 blockDim = {};
constinit thread_local dim3 gridDim = {};

namespace simt {

void Block::FreeDeleter::operator()(void* p) const { std::free(p); }

constinit thread_local Machine* own_machine = nullptr;

Machine& make_machine() {
  thread_local Machine instance;
  own_machine = &instance;
  return instance;
}

void Machine::run(const Grid& grid) {
  if (running()) fail(current_, Check::api, "a kernel was launched from inside a kernel");
  prepare(grid);
  const Guarded guarded(*this);
  while (ended_ < blocks_) {
    if (Block* const parked = next_parked()) {
      resume_block(*parked);
    } else {
      start_block(next_number());
    }
    run_block();
    if (error_) abandon();
    if (std::exchange(parks_, false)) {
      park_block();
      starts_ = true;
    } else {
      retire_block();
      starts_ = false;
    }
  }
  watch_.end_launch();
  grid_ = nullptr;
  count_threads(blocks_ * std::uint64_t(size_));
}

void Machine::prepare(const Grid& grid) {
  std::uint64_t version = 0;
  const std::uint64_t seed = current_seed(&version);
  if (version != seed_version_) random_.seed(seed);
  seed_ = seed;
  seed_version_ = version;
  grid_ = &grid;
  ++launch_;
  blockDim = grid.block;
  gridDim = grid.grid;
  size_ = int(grid.block.x * grid.block.y * grid.block.z);
  order_.resize(std::size_t(size_));
  std::iota(order_.begin(), order_.end(), std::uint16_t(0));
  watch_.start_launch(grid);
  blocks_ = std::uint64_t(grid.grid.x) * grid.grid.y * grid.grid.z;
  atomic_ = nullptr;
  starts_ = false;
  begun_ = ended_ = lowest_ = at_grid_barrier_ = unit_ = 0;
  cluster_size_ = std::uint64_t(grid.cluster.x) * grid.cluster.y * grid.cluster.z;
  units_ = blocks_ / cluster_size_;
  has_begun_.clear();
  most_resident_ = most_resident_blocks(grid);
  // Unit i * step + offset visits all of them if step and their number have no common factor.
  step_ = 1;
  offset_ = 0;
  turn_ = cluster_size_ > 1 && seed_ != 0 && is_drawn() ? random_.next() % cluster_size_ : 0;
  if (seed_ != 0 && units_ > 1 && is_drawn()) {
    offset_ = random_.next() % units_;
    do step_ = 1 + random_.next() % units_;
    while (std::gcd(step_, units_) != 1);
  }
}

// Once a block waits for others, the lowest units begin first, as on a device.
std::uint64_t Machine::next_unit() {
  const std::uint64_t begun = begun_ / cluster_size_;
  if (resident_.empty()) {
    if (has_begun_.empty()) return (begun * step_ % units_ + offset_) % units_;
  } else if (has_begun_.empty()) {
    has_begun_.resize(units_);
    for (std::uint64_t i = 0; i < begun; ++i) has_begun_[(i * step_ % units_ + offset_) % units_] = true;
  }
  while (has_begun_[lowest_]) ++lowest_;
  return lowest_;
}

// The blocks of a cluster begin one behind the other, so that none waits for one that cannot begin.
std::uint64_t Machine::next_number() {
  if (begun_ % cluster_size_ == 0) {
    unit_ = next_unit();
    if (!has_begun_.empty()) has_begun_[unit_] = true;
  }
  if (cluster_size_ == 1) return unit_;
  return number_in_cluster(unit_, (begun_ + turn_) % cluster_size_);
}

// Returns the block that resumes, or null if a new one starts. After a block had to wait, a new one goes
// first; after a block ended, one that waits.
Block* Machine::next_parked() {
  if (may_start() && (starts_ || parked_.empty())) return nullptr;
  for (std::size_t i = 0; i < parked_.size(); ++i) {
    Block* const block = parked_.front();
    parked_.pop_front();
    if (!block->ready.empty()) return block;
    parked_.push_back(block);
  }
  if (may_start()) return nullptr;
  refuse_waits();
}

std::unique_ptr<Block> Machine::new_block() {
  std::unique_ptr<Block> block;
  if (spare_.empty()) {
    block = std::make_unique<Block>();
  } else {
    block = std::move(spare_.back());
    spare_.pop_back();
    if (block->launch == launch_) return block;
  }
  block->launch = launch_;
  block->threads.resize(std::size_t(size_));
  block->warps.resize(std::size_t(size_ + 31) / 32);
  uint3 index = {0, 0, 0};
  for (auto& thread : block->threads) {
    thread.index = index;
    if (++index.x < grid_->block.x) continue;
    index.x = 0;
    if (++index.y < grid_->block.y) continue;
    index.y = 0;
    ++index.z;
  }
  void* shared = nullptr;
  if (grid_->shared_bytes > 0 && ::posix_memalign(&shared, 1024, grid_->shared_bytes) != 0)
    throw std::bad_alloc();
  block->shared.reset(shared);
  return block;
}

uint3 Machine::index_of(std::uint64_t number) const {
  const std::uint64_t row = number / grid_->grid.x;
  return {unsigned(number % grid_->grid.x), unsigned(row % grid_->grid.y), unsigned(row / grid_->grid.y)};
}

void Machine::start_block(std::uint64_t number) {
  resident_.push_back(cluster_size_ == 1 ? new_block() : block_for(number));
  block_ = resident_.back().get();
  ++begun_;
  note_change();
  Block& b = *block_;
  b.number = number;
  b.cluster = unit_;
  b.index = index_of(number);
  blockIdx = b.index;
  watch_.set_shared(b.shared.get(), grid_->shared_bytes);
  if (b.shared != nullptr) std::memset(b.shared.get(), 0xff, grid_->shared_bytes);
  watch_.start_block(number);
  for (auto& warp : b.warps) warp = {};
  if (size_ % 32 != 0) b.warps.back().returned = ~0u << (size_ % 32);
  b.live = size_;
  b.waiting = b.votes = 0;
  b.waited = false;
  b.idle = 0;
  b.begun = true;
  b.ended = false;
  b.uses.clear();
  b.returned_example = b.waiting_example = -1;
  b.ready.clear(seed_ != 0 && is_drawn() ? ReadyQueue::Order(random_.below(3)) : ReadyQueue::Order::first);
  wake_block(State::fresh);
}

// Static shared variables have one place for all blocks, so that those of a parked block are kept elsewhere.
void Machine::park_block() {
  Block& b = *block_;
  for (const auto& [begin, end, name] : watch_.used_statics())
    std::memcpy(reinterpret_cast<void*>(begin + shift_of_statics(b)), reinterpret_cast<const void*>(begin),
                end - begin);
  b.watch = watch_.park_block();
  compare_atomic();
  parked_.push_back(&b);
  block_ = nullptr;
}

void Machine::resume_block(Block& block) {
  block_ = &block;
  block.idle = 0;
  for (const auto& [begin, end, name] : block.watch->statics)
    std::memcpy(reinterpret_cast<void*>(begin),
                reinterpret_cast<const void*>(begin + shift_of_statics(block)), end - begin);
  blockIdx = block.index;
  watch_.set_shared(block.shared.get(), grid_->shared_bytes);
  watch_.resume_block(*block.watch);
}

void Machine::retire_block() {
  watch_.end_block();
  ++ended_;
  block_->ended = true;
  const auto found = std::find_if(resident_.begin(), resident_.end(),
                                  [this](const auto& block) { return block.get() == block_; });
  auto block = std::move(*found);
  *found = std::move(resident_.back());
  resident_.pop_back();
  block_ = nullptr;
  leave_cluster(std::move(block));
}

void Machine::run_block() {
  const int next = block_->ready.pop(random_);
  active_ = &host_;
  if (thread(next).state == State::fresh) {
    assigned_ = next;
    switch_to(idle_fiber());
  } else {
    switch_to(*thread(next).fiber);
  }
}

// Drops the half-run threads where they stand, after a violation.
void Machine::abandon() {
  idle_.clear();
  for (const auto& fiber : fibers_) {
    fiber->reset();
    idle_.push_back(fiber.get());
  }
  resident_.clear();
  parked_.clear();
  clusters_.clear();
  parks_ = false;
  block_ = nullptr;
  const void* kernel = std::exchange(grid_, nullptr)->kernel;
  watch_.end_launch();
  current_ = -1;
  try {
    std::rethrow_exception(std::exchange(error_, nullptr));
  } catch (const Fault& fault) {
    const std::string place = fault.place != nullptr ? " (" + describe_place(fault.place) + ")" : "";
    throw Violation(fault.check, kernel_name(kernel), fault.block, fault.thread, fault.text + place);
  }
}

}  // namespace simt
