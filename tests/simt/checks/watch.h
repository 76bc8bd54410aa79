// Watches every load and store of a kernel: bounds, written before read, races, alignment.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "checks/shadow.h"
#include "report/profile.h"

namespace simt {

struct Grid;

// A volatile access is a relaxed atomic one, as in PTX.
enum class AccessKind : std::uint8_t { read, write, volatile_read, volatile_write, atomic, float_atomic };
constexpr bool is_read(AccessKind kind) {
  return kind == AccessKind::read || kind == AccessKind::volatile_read;
}
constexpr bool is_atomic(AccessKind kind) { return kind >= AccessKind::volatile_read; }

// Each machine has one. Its functions run before the access that they are given.
class Watch {
 public:
  void start_launch(const Grid& grid);
  void end_launch();
  void start_block();
  void barrier();
  // Notes that lanes of a warp met in __syncwarp; `whole` means all lanes that have not returned.
  void sync_lanes(int warp, unsigned lanes, bool whole);
  void end_block() { profiler_.end_block(); }
  // Sets the thread that runs from now on, on the stack [low, low + bytes).
  void set_thread(int thread, std::uintptr_t low, std::size_t bytes);
  // Sets where the kernel's parameters are.
  void set_parameters(const void* parameters, std::size_t bytes);
  void set_shared(void* shared, std::size_t bytes);

  // Returns whether anybody wants to know of accesses.
  bool wanted() const { return checking || profiler_.on(); }
  void access(std::uintptr_t at, std::size_t bytes, AccessKind kind, const void* place);

 private:
  enum class Space : std::uint8_t { global, shared };
  struct Now {  // of one access
    std::uintptr_t at;
    std::size_t bytes;
    AccessKind kind;
    const void* place;
  };

  void check_cell(Cell& cell, unsigned mask, Space space, const Now& a);
  void read_cell(Cell& cell, unsigned mask, const Now& a);
  void write_cell(Cell& cell, unsigned mask, const Now& a);
  void check_range(Cell* cells, std::uintptr_t offset, Space space, const Now& a);
  bool is_earlier(std::uint64_t time) const;
  bool follows(Use use) const;
  void check_order(Use earlier, std::uint32_t place, bool earlier_writes, const Now& a);
  void access_static_shared(const Now& a);
  void access_elsewhere(const Now& a);
  void count_only(const Now& a);
  bool is_index_variable(std::uintptr_t at) const;
  Cell* static_cells(const Now& a);

  [[noreturn]] void fail(const Now& a, const std::string& text) const;
  [[noreturn]] void fail_bounds(const Now& a) const;
  [[noreturn]] void fail_race(const Now& a, Use other, std::uint32_t place, const char* did,
                              bool launches) const;

  // The current launch began at launch_, its block at block_, the interval since the last barrier at
  // barrier_. What ran before ordered_ in other queued work comes before this work.
  std::uint64_t launch_ = 0, block_ = 0, barrier_ = 0, ordered_ = 0;
  Arena device_;
  int thread_ = 0;
  std::uintptr_t stack_ = 0, shared_ = 0, parameters_ = 0;
  std::size_t stack_bytes_ = 0, shared_bytes_ = 0, parameter_bytes_ = 0;
  std::unique_ptr<Cell[]> shared_cells_;
  std::size_t shared_capacity_ = 0;

  // The times since which lane t of a warp comes after lane u, and after all lanes.
  struct WarpOrder {
    std::uint64_t block = 0, whole = 0;
    bool parts = false;
    std::array<std::array<std::uint64_t, 32>, 32> since;
  };
  std::vector<WarpOrder> warps_;

  std::uintptr_t tls_ = 0;
  std::size_t tls_bytes_ = 0;
  std::unique_ptr<Cell[]> static_cells_;
  std::size_t static_bytes_ = 0;  // static shared memory that the block has used
  Profiler profiler_;
};

// Watches the kernel that runs on this host thread; null in host code and in the emulator itself.
extern constinit thread_local Watch* watching;

// Marks the emulator's own work for as long as it lives: accesses in templates that it shares with kernels
// are not watched.
class Unwatched {
 public:
  Unwatched() : before_(watching) { watching = nullptr; }
  ~Unwatched() { watching = before_; }
  Unwatched(const Unwatched&) = delete;
  Unwatched& operator=(const Unwatched&) = delete;

 private:
  Watch* before_;
};

// -- places and static shared memory, from the symbol table and the line table of the program --

std::uint32_t short_place(const void* place);
// Returns `file.cu:12, called at file.cu:90, in f<float>`, as far as it is known.
std::string describe_place(const void* place);
std::string describe_place(std::uint32_t place);

// A variable declared __shared__ without extern: [begin, end) in the calling thread's copies.
struct StaticShared {
  std::uintptr_t begin = 0, end = 0;
  std::string name;
};
// Returns the variable that holds the address; empty if there is none.
StaticShared static_shared_at(std::uintptr_t at);
// Returns the program's thread-local memory that belongs to the calling thread.
void own_thread_local(std::uintptr_t* begin, std::size_t* bytes);
// Returns whether the address is in the program's constant data, which kernels may read.
bool is_constant_data(std::uintptr_t at);

}  // namespace simt
