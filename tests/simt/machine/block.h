// The machine that runs a grid: its blocks, and a fiber for every device thread that has to wait.
#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checks/watch.h"
#include "machine/fiber.h"
#include "simt/machine.h"

namespace simt {

// splitmix64: mixes a 64-bit state that counts up.
class Random {
 public:
  void seed(std::uint64_t value) { state_ = value; }
  std::uint64_t next();
  // Returns a number in [0, n), n < 2^32.
  std::uint32_t below(std::uint32_t n) { return std::uint32_t(((next() >> 32) * n) >> 32); }

 private:
  std::uint64_t state_ = 0;
};

// Holds the threads that may run: at most 1024, each at most once.
class ReadyQueue {
 public:
  enum class Order { first, last, any };
  void clear(Order order) { head_ = count_ = 0, order_ = order; }
  bool empty() const { return count_ == 0; }
  unsigned size() const { return count_; }
  void fill(const std::vector<std::uint16_t>& threads) {
    std::copy(threads.begin(), threads.end(), slots_.begin());
    head_ = 0;
    count_ = unsigned(threads.size());
  }
  void push(int thread) { slots_[(head_ + count_++) % capacity] = std::uint16_t(thread); }
  // Adds a thread at the end that is served last.
  void push_behind(int thread);
  int pop(Random& random);
  // Returns the thread that `pop` most likely returns next; there is one.
  int next(Random random) const {
    const unsigned last = (head_ + count_ - 1) % capacity;
    if (order_ == Order::any) return slots_[(head_ + random.below(count_)) % capacity];
    return slots_[order_ == Order::first ? head_ : last];
  }

 private:
  static constexpr unsigned capacity = 1024;
  std::array<std::uint16_t, capacity> slots_ = {};
  unsigned head_ = 0, count_ = 0;
  Order order_ = Order::first;
};

enum class State : std::uint8_t {
  fresh,
  ready,
  at_barrier,
  in_collective,
  in_active_mask,
  in_grid_barrier,
  in_cluster_barrier,
  returned
};

// What every start and barrier touches is in the first cache line.
struct alignas(64) Thread {
  uint3 index;
  State state;
  bool waited;  // for the kernel that the launch may have overtaken
  bool left;    // the thread ended inside of a function, by exit_thread
  Fiber* fiber;
  std::uint64_t result;   // of the collective
  Where where;            // of the wait
  std::uint64_t calls;    // identifies the calls that led there
  std::uint64_t arrived;  // in this phase of the cluster's barrier, from 1; 0: it has not
  // What a lane gives to a collective.
  std::uint64_t value;
  std::uint64_t* all;  // receives the values of all lanes, if the collective gives them
  unsigned mask;
  int operand, width;
  Collective kind;
  std::array<std::uintptr_t, 2> waits_for;  // what it read when it could give way
};
static_assert(sizeof(Thread) == 128);

struct Warp {
  unsigned waiting = 0;   // lanes in a collective
  unsigned asking = 0;    // lanes in __activemask
  unsigned returned = 0;  // lanes that returned or that the block does not have
};

// Is thrown on a fiber's small stack. It becomes a Violation on the host's stack, where a name can be
// demangled.
struct Fault {
  uint3 block, thread;
  Check check;
  std::string text;
  const void* place = nullptr;  // address in the code, if known
};

// Thrown by a thread that ends inside of a function.
struct Exit {};

// A block that has begun and not ended.
struct Block {
  std::uint64_t number = 0, launch = 0, cluster = 0;
  uint3 index = {};
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  ReadyQueue ready;
  int live = 0, waiting = 0;  // threads that have not returned; those at the barrier
  int returned_example = -1, waiting_example = -1;
  int votes = 0, result = 0;  // of the present barrier, and of the last one
  bool waited = false;        // a thread at the barrier has
  unsigned idle = 0;          // how often a thread gave way in vain since the block resumed

  struct FreeDeleter {
    void operator()(void* p) const;
  };
  std::unique_ptr<void, FreeDeleter> shared;
  // While other blocks run: what the watch knows, and the static shared variables, which are as far apart
  // there as in the memory of an OS thread.
  std::unique_ptr<Watch::Parked> watch;
  std::unique_ptr<char[]> statics;
  bool begun = false, ended = false;
  std::vector<OtherUse> uses;  // of its shared memory by other blocks of its cluster, the last of each
};

// Returns how far the block's static shared variables, while it does not run, are from those of the running
// one.
std::uintptr_t shift_of_statics(Block& block);

// Blocks that run at the same time.
struct Cluster {
  std::vector<Block*> blocks;                // by rank
  std::vector<std::unique_ptr<Block>> kept;  // those that do not run yet, or any more
  int live = 0, arrived = 0;                 // threads that have not returned; those at the barrier
  std::uint64_t phase = 1;                   // of the barrier
  std::size_t ended = 0;                     // blocks
};

class Machine {
 public:
  void run(const Grid& grid);
  int barrier(bool predicate, Where where, std::uint64_t calls);
  void grid_barrier(Where where);
  void cluster_arrive(Where where);
  void cluster_wait(Where where);
  void* map_shared(const void* own, unsigned rank, Where where);
  // Returns the other block of the running one's cluster whose shared memory holds the address, or null.
  Block* block_of_shared(std::uintptr_t at) const;
  unsigned rank_of_shared(std::uintptr_t at);
  void wait_for_dependency();
  // `all` receives the values of all lanes, by lane, or is null.
  std::uint64_t collective(Collective kind, unsigned mask, std::uint64_t value, int operand, int width,
                           Where where, std::uint64_t calls, std::uint64_t* all = nullptr);
  unsigned active_lanes(Where where, std::uint64_t calls);
  // Varies the order of arrival with the seed.
  void preempt();
  // Lets other threads run, because the caller has read memory `reads` times, at last at that address, and
  // may wait for a change.
  void give_way(unsigned reads, std::uintptr_t at);
  // Notes that memory changed, or time, so that a thread that waits may go on.
  void note_change() {
    changes_.store(changes_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  [[noreturn]] void fail(int thread, Check check, const std::string& text) const;
  // Fails inside a load or store, which no exception can pass through: the thread ends where it stands.
  [[noreturn]] void break_off(Check check, const std::string& text, const void* place);
  // `caller` is the frame of the function that calls the kernel.
  void enter(const void* parameters, std::size_t bytes, const void* caller);
  void note_atomic(const void* address, std::size_t bytes, AtomicKind kind, Scope scope, const void* place);
  void note_atomic_done(const void* address, AtomicKind kind, Scope scope, MemoryOrder order);
  void fence(Scope scope);
  bool running() const { return grid_ != nullptr; }
  int current() const { return current_; }
  void* shared() const { return block_ == nullptr ? nullptr : block_->shared.get(); }
  const Grid* grid() const { return grid_; }
  const Fiber* fiber() const { return active_; }
  // Fails for the watchdog, from a signal handler in the kernel.
  [[noreturn]] void stop_hang();
  // For the watchdog's thread.
  std::string describe_hang() const;
  std::uint64_t changes() const { return changes_.load(std::memory_order_relaxed) + watch_.writes(); }

 private:
  void prepare(const Grid& grid);
  std::uint64_t next_number();
  std::uint64_t next_unit();
  uint3 index_of(std::uint64_t number) const;
  std::uint64_t number_in_cluster(std::uint64_t cluster, std::uint64_t rank) const;
  std::unique_ptr<Block> block_for(std::uint64_t number);
  void leave_cluster(std::unique_ptr<Block> block);
  void complete_cluster_barrier(Cluster& cluster);
  void leave_cluster_barrier(Thread& thread);
  void check_uses(const Block& block) const;
  Cluster& cluster();
  Block* next_parked();
  std::unique_ptr<Block> new_block();
  void start_block(std::uint64_t number);
  void resume_block(Block& block);
  void park_block();
  void retire_block();
  void run_block();
  [[noreturn]] void abandon();
  bool may_start() const { return begun_ < blocks_ && resident_.size() < most_resident_; }

  static void fiber_entry();
  void work();
  void run_thread(int thread);
  void finish_thread(int thread);
  int next_or_finish();
  void switch_to(Fiber& fiber);
  void suspend();
  void prefetch_next() const {
    if (block_->ready.empty()) return;
    const Thread& next = thread(block_->ready.next(random_));
    if (next.state != State::fresh) next.fiber->prefetch();
  }
  // These are functions of their own, because every waiting thread keeps the frame of the function that
  // would hold their texts.
  [[noreturn, gnu::noinline]] void refuse_depth();
  [[noreturn, gnu::noinline]] void refuse_deadlock();
  Fiber& idle_fiber();
  void watch(int thread);

  void wait_in_vain(unsigned reads);
  [[noreturn]] void report_hang();
  void remember_atomic(const void* address, std::size_t bytes);
  void compare_atomic();

  void wake_block(State state);
  void complete_barrier();
  void check_same_barrier(const Thread& self, const Thread& other) const;
  void check_returned(const std::string& text) const;
  bool waits_for_blocks() const;
  [[noreturn]] void refuse_waits();
  bool try_complete(int warp, unsigned mask);
  [[noreturn, gnu::noinline]] void refuse_collective(Collective kind, unsigned mask, int width,
                                                     Where where) const;
  void check_lanes(int warp, unsigned lanes) const;
  void finish_collective(int warp, unsigned lanes);
  void give_results(int warp, unsigned lanes, Collective kind);
  void finish_matrix(int warp, unsigned lanes);
  bool answer_active_masks(int warp, bool spinning);
  std::uint64_t shuffled(int warp, int lane, unsigned lanes) const;
  int source_lane(const Thread& thread, int lane) const;
  std::string waiting_report() const;
  Thread& thread(int index) const { return block_->threads[std::size_t(index)]; }

  const Grid* grid_ = nullptr;
  int size_ = 0;  // number of threads in a block
  std::uint64_t launch_ = 0;
  std::vector<std::uint16_t> order_;
  Random random_;
  std::uint64_t seed_ = 0, seed_version_ = 0;

  // The order in which units begin: blocks, or whole clusters.
  std::uint64_t blocks_ = 0, units_ = 0, step_ = 1, offset_ = 0;
  std::uint64_t cluster_size_ = 1, turn_ = 0;  // the rank that begins first
  std::uint64_t unit_ = 0;                     // that began last
  std::uint64_t begun_ = 0, ended_ = 0, most_resident_ = 1;
  std::vector<bool> has_begun_;                // by unit, once a block was parked
  std::uint64_t lowest_ = 0;                   // all units below have begun
  std::map<std::uint64_t, Cluster> clusters_;  // by number: those of which a block runs
  Block* block_ = nullptr;                     // that runs
  std::vector<std::unique_ptr<Block>> resident_, spare_;
  std::deque<Block*> parked_;
  bool parks_ = false;                 // the block stops, because it waits for others
  bool starts_ = false;                // a new block goes before those that wait
  std::uint64_t at_grid_barrier_ = 0;  // blocks

  int current_ = -1;
  int assigned_ = -1;     // the thread that an idle fiber starts with
  unsigned preempt_ = 0;  // preemption points passed

  std::atomic<std::uint64_t> changes_ = 0;
  std::uint64_t seen_changes_ = 0, vain_ = 0;  // reads since then
  // The latest atomic operation, and what was there before it.
  const void* atomic_ = nullptr;
  std::uint64_t atomic_before_ = 0;
  std::size_t atomic_bytes_ = 0;

  Fiber host_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  Fiber* active_ = nullptr;
  std::exception_ptr error_;
  Watch watch_;
};

extern constinit thread_local Machine* own_machine;
Machine& make_machine();
// Returns the machine of the calling host thread.
inline Machine& machine() { return own_machine != nullptr ? *own_machine : make_machine(); }

// Returns the seed that all machines share. `version` grows with every set_seed.
std::uint64_t current_seed(std::uint64_t* version);
void count_barrier();
void count_threads(std::uint64_t threads);

std::string describe(Where where);
std::string text_of(uint3 index);
const char* name_of(Collective kind);

}  // namespace simt
