// The machine that runs a grid: one block at a time, a fiber for every device thread that has to wait.
#pragma once
#include <array>
#include <cstdint>
#include <exception>
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
  void push(int thread) { slots_[(head_ + count_++) % capacity] = std::uint16_t(thread); }
  // Adds a thread at the end that is served last.
  void push_behind(int thread);
  int pop(Random& random);

 private:
  static constexpr unsigned capacity = 1024;
  std::array<std::uint16_t, capacity> slots_ = {};
  unsigned head_ = 0, count_ = 0;
  Order order_ = Order::first;
};

class Machine {
 public:
  void run(const Grid& grid);
  int barrier(bool predicate, Where where);
  std::uint64_t collective(Collective kind, unsigned mask, std::uint64_t value, int operand, int width,
                           Where where);
  unsigned active_lanes() const;
  void preempt();
  [[noreturn]] void fail(int thread, const std::string& text) const;
  // Fails inside a load or store, which no exception can pass through: the thread ends where it stands.
  [[noreturn]] void break_off(const std::string& text, const void* place);
  void enter(const void* parameters, std::size_t bytes);
  void note_atomic(const void* address, std::size_t bytes, bool adds_floats, const void* place);
  bool running() const { return grid_ != nullptr; }
  int current() const { return current_; }
  void* shared() const { return shared_.get(); }

 private:
  enum class State : std::uint8_t { fresh, ready, at_barrier, in_collective, returned };
  struct Thread {
    uint3 index;
    Fiber* fiber;
    State state;
    bool predicate;  // this thread's argument of the barrier
    // What a lane gives to a collective, and what it receives from it.
    Collective kind;
    unsigned mask;
    int operand, width;
    std::uint64_t value, result;
    Where where;  // of the wait
  };
  struct Warp {
    unsigned waiting = 0;   // lanes in a collective
    unsigned returned = 0;  // lanes that returned or that the block does not have
  };

  void prepare(const Grid& grid);
  void start_block(std::uint64_t block);
  void run_block();
  void abandon();

  static void fiber_entry();
  void work();
  void run_thread(int thread);
  void finish_thread(int thread);
  int next_or_finish();
  void switch_to(Fiber& fiber);
  void suspend();
  Fiber& idle_fiber();
  void watch(int thread);

  void wake_block();
  bool try_complete(int warp, unsigned mask);
  void finish_collective(int warp, unsigned lanes);
  void finish_matrix(int warp, unsigned lanes);
  std::uint64_t shuffled(int warp, int lane, unsigned lanes) const;
  int source_lane(const Thread& thread, int lane) const;
  std::string waiting_report() const;

  const Grid* grid_ = nullptr;
  int size_ = 0;  // number of threads in a block
  std::uint64_t block_ = 0;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<std::uint16_t> order_;
  ReadyQueue ready_;
  Random random_;
  std::uint64_t seed_ = 0, seed_version_ = 0;

  int live_ = 0, waiting_ = 0;  // threads that have not returned; those at the barrier
  int returned_example_ = -1, waiting_example_ = -1;
  int current_ = -1;
  int assigned_ = -1;     // the thread that an idle fiber starts with
  unsigned preempt_ = 0;  // preemption points passed

  Fiber host_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  Fiber* active_ = nullptr;
  std::exception_ptr error_;
  Watch watch_;

  struct FreeDeleter {
    void operator()(void* p) const;
  };
  std::unique_ptr<void, FreeDeleter> shared_;
};

// Returns the machine of the calling host thread.
Machine& machine();

// Returns the seed that all machines share. `version` grows with every set_seed.
std::uint64_t current_seed(std::uint64_t* version);
void count_barrier();
void count_threads(std::uint64_t threads);

std::string describe(Where where);
const char* name_of(Collective kind);

}  // namespace simt
