// Watches every load and store of a kernel: bounds, written before read, races, alignment.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "checks/fences.h"
#include "checks/order.h"
#include "checks/shadow.h"
#include "report/profile.h"

namespace simt {

struct Grid;
struct Block;

// A volatile access is a relaxed atomic one, as in PTX. An update reads and writes.
enum class AccessKind : std::uint8_t {
  read,
  write,
  volatile_read,
  volatile_write,
  atomic_read,
  atomic_write,
  update,
  float_update
};
constexpr AccessKind access_of(AtomicKind kind) {
  return AccessKind(int(AccessKind::atomic_read) + int(kind));
}
constexpr bool is_volatile(AccessKind kind) {
  return kind == AccessKind::volatile_read || kind == AccessKind::volatile_write;
}
constexpr bool is_read(AccessKind kind) { return kind < AccessKind::update && int(kind) % 2 == 0; }
constexpr bool is_update(AccessKind kind) { return kind >= AccessKind::update; }
constexpr bool is_atomic(AccessKind kind) { return kind >= AccessKind::volatile_read; }

// A variable declared __shared__ without extern: [begin, end) in the calling thread's copies.
struct StaticShared {
  std::uintptr_t begin = 0, end = 0;
  std::string name;
};

// Each machine has one. Its functions run before the access that they are given.
class Watch {
 public:
  // What the watch knows of a block that has begun and not ended, while other blocks run.
  struct Parked;

  void start_launch(const Grid& grid);
  void end_launch();
  // Starts the block of this number.
  void start_block(std::uint64_t number);
  // Keeps the running block for resume_block; another one starts or resumes next.
  std::unique_ptr<Parked> park_block();
  void resume_block(Parked& parked);
  // Notes that the block's threads met; `live` of them have not returned.
  void barrier(int live);
  // Notes that all blocks of the grid met.
  void grid_barrier() { grid_barrier_ = tick(); }
  // Notes that these blocks, by number, met; each of them has done so by `barrier` or `barrier_of`. They meet
  // again under the same word.
  void meet_blocks(const std::vector<std::uint32_t>& numbers, std::uintptr_t word);
  // Does what `barrier` does, for a block that does not run.
  void barrier_of(Parked& parked, int live);
  // Notes that lanes of a warp met in __syncwarp; `whole` means all lanes that have not returned.
  void sync_lanes(int warp, unsigned lanes, bool whole);
  void end_block() { profiler_.end_block(); }
  // Returns whether the use, which was in this launch, comes before what the running thread does.
  bool knows(const OtherUse& use) const;
  // Returns the static shared variables that the block has used.
  const std::vector<StaticShared>& used_statics() const { return statics_; }
  // Sets the thread that runs from now on, on the stack [low, low + bytes).
  void set_thread(int thread, std::uintptr_t low, std::size_t bytes) {
    thread_ = thread;
    stack_ = low;
    stack_bytes_ = bytes;
  }
  // Says whether the thread has waited for the kernel that this launch may have overtaken.
  void set_waited(bool waited) {
    if (!may_wait_) return;
    order::set_waited(waited);
    ordered_ = waited ? ordered_after_ : ordered_before_;
  }
  // Sets where the kernel's parameters are.
  void set_parameters(const void* parameters, std::size_t bytes) {
    parameters_ = reinterpret_cast<std::uintptr_t>(parameters);
    parameter_bytes_ = bytes;
  }
  void set_shared(void* shared, std::size_t bytes);
  // Starts accesses to parts of one object. Its padding may be unwritten if its first byte is written.
  void start_object(std::uintptr_t at) { may_have_padding_ = is_written(at); }
  void end_object() { may_have_padding_ = false; }

  // Returns whether anybody wants to know of accesses.
  bool wanted() const { return checking || profiler_.on(); }
  void access(std::uintptr_t at, std::size_t bytes, AccessKind kind, const void* place,
              Scope scope = Scope::device);
  // Does the same for a plain access that needs no judgement. Returns false if it has to be judged: `access`
  // does it then. See quick.h.
  template <std::size_t bytes, bool writes>
  bool quick_access(std::uintptr_t at, const void* place);
  // Returns how often kernels wrote memory, except by atomic operations.
  std::uint64_t writes() const { return writes_; }
  const void* latest_place() const { return latest_place_; }
  // Ends the kernel: an object at this address needs one that is a multiple of `alignment`.
  void fail_alignment(std::uintptr_t at, std::size_t alignment, AccessKind kind, const void* place) const;
  void fence(Scope scope);
  // Orders an atomic access that has just been noted. Without an explicit order, as atomicAdd and volatile
  // have none, a load counts as acquired, because a thread that depends on the value comes later.
  void synchronise(std::uintptr_t at, AccessKind kind, Scope scope, MemoryOrder order);
  // See cuda_pipeline.h.
  void start_copy(std::uintptr_t to, std::size_t bytes, const void* barrier, const void* place);
  void commit_copies();
  void wait_for_copies(std::size_t batches);
  void end_copies(const void* barrier);
  // Has to be called before another thread runs: reports the thread's last write if that was a race.
  void settle() {
    if (doubtful_.bytes != 0) settle_doubt();
    if (stored_.bytes != 0) look_at_stored();
  }

 private:
  struct Now {  // of one access
    std::uintptr_t at;
    std::size_t bytes;
    AccessKind kind;
    const void* place;
    Scope scope;
    bool in_shared = false;
    std::uint64_t begun = 0;  // the block of the shared memory; what was there before does not count
    std::size_t done = 0;     // bytes before the cell
  };
  // A write to bytes that another thread wrote, which is no race if it writes the same value.
  struct Doubt {
    std::uintptr_t at = 0;
    std::size_t bytes = 0;  // 0: there is none
    std::uint32_t mask = 0;
    const void* place = nullptr;
    OtherUse other;
    std::array<unsigned char, 16> before;
  };

  // A copy of a thread to shared memory that is under way.
  struct Copy {
    std::uintptr_t to;
    std::size_t bytes;
    const void *barrier, *place;
    std::size_t commits = 0;  // of the thread since then
  };
  // Calls f(cell, bytes of the cell) for the cells of a range of the block's shared memory.
  template <class F>
  void each_shared_cell(std::uintptr_t at, std::size_t bytes, F f);
  template <class Ended>
  void end_copies(std::vector<Copy>& copies, Ended ended);
  void check_undefined(const Cell& cell, unsigned mask, const Now& a) const;

  void check_cell(Cell& cell, unsigned mask, Now& a);
  void read_cell(Cell& cell, unsigned mask, const Now& a);
  void write_cell(Cell& cell, unsigned mask, const Now& a);
  void check_write(const Cell& cell, unsigned mask, const Now& a);
  void check_readers(const Cell& cell, unsigned mask, const Now& a);
  void check_summary(const Cell& cell, const Now& a);
  void check_use(const OtherUse& earlier, const Now& a, const char* did);
  // What a cell's last read stands for after one more. It is not `whole` if an earlier read may have to be
  // kept beside it.
  struct Readers {
    std::uint64_t flags;
    unsigned bytes;
    bool atomic, whole;
  };
  Readers with_read(const Cell& cell, unsigned mask, bool atomic) const;
  void note_read(Cell& cell, unsigned mask, const Now& a);
  void set_read(Cell& cell, const Readers& readers, bool by_volatile_read, const void* place);
  void set_write(Cell& cell, unsigned mask, bool atomic, std::uint64_t flags, const void* place);
  bool follows_write(const Cell& cell, unsigned mask) const;
  bool follows_reads(const Cell& cell, unsigned mask) const;
  std::uint32_t place_of(const void* place) const;
  Cell* quick_shared_cell(std::uintptr_t at, std::size_t bytes) const;
  bool quick_read(std::uint64_t begun, Cell& cell, unsigned mask, const void* place);
  bool quick_write(std::uint64_t begun, Cell& cell, unsigned mask, const void* place);
  void note_update(Cell& cell, unsigned mask);
  void doubt(const OtherUse& earlier, const Now& a);
  void settle_doubt();
  void look_at_stored();
  void check_range(Cell* cells, std::uintptr_t offset, Now& a);
  bool is_mine(Use use, std::uint32_t block) const {
    return use.time() >= barrier_ && use.thread() == thread_ && block == number_;
  }
  bool comes_before(const OtherUse& earlier, const Now& a) const;
  bool conflict(const OtherUse& earlier, const Now& a) const;
  // Returns whether a __syncwarp is between the use, which was in this block after its last barrier, and now.
  bool met(Use use) const;
  Fences::Actor actor() const;
  void access_elsewhere(Now& a);
  // Knows the allocations to which the kernel has a pointer: in its parameters, or loaded since the launch.
  void start_reach();
  bool is_reached(std::uintptr_t at) const;
  void reach(std::uintptr_t word);
  template <std::size_t bytes>
  bool loads_nothing_new(std::uintptr_t from) const;
  void reach_loaded(std::uintptr_t from, std::size_t bytes);
  void check_reached(const Now& a);
  bool is_written(std::uintptr_t at) const;
  bool may_be_padding(const Cell& cell, unsigned mask, const Now& a) const;
  bool access_other_arena(Now& a);
  void note_pace(const Now& a);
  void count_only(const Now& a);
  void find_index_variables();
  bool is_index_variable(std::uintptr_t at) const;
  // Static shared variables of a block: their shadow, and how far they are from the running block's.
  struct Statics {
    Cell* cells;
    std::size_t& bytes;
    std::vector<StaticShared>& used;
    std::uint64_t begun;
    std::uintptr_t shift;
  };
  Cell* static_cells(const Now& a, const Statics& of);
  Cell* static_cells(const Now& a) {
    return static_cells(a, {static_cells_.get(), static_bytes_, statics_, block_, 0});
  }
  void access_remote(Now& a, Block& other);

  [[noreturn]] void fail(const Now& a, Check check, const std::string& text) const;
  [[noreturn]] void fail_bounds(const Now& a) const;
  // Returns if simt-run left out races.
  void fail_race(const Now& a, const OtherUse& other, const char* did) const;

  // The current launch began at launch_, its block at block_, the interval since the last barrier at
  // barrier_. What ran before ordered_ in other queued work comes before this work.
  std::uint64_t launch_ = 0, block_ = 0, barrier_ = 0, ordered_ = 0, grid_barrier_ = 0;
  std::uint64_t ordered_before_ = 0, ordered_after_ = 0;  // the thread has waited
  bool may_wait_ = false;                                 // see set_waited
  std::uint32_t number_ = 0;                              // of the block
  Fences fences_;
  Doubt doubtful_;
  // Gaps are wider than 1 << reach_unit bytes, so that no two allocations share such a unit.
  static constexpr int reach_unit = 30;
  std::vector<std::uint32_t> reached_;  // by GiB of device memory, the number of the launch
  std::uint32_t reached_in_ = 0;
  bool has_reached_parameters_ = false;
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
  std::size_t warp_count_ = 0;

  std::uintptr_t tls_ = 0;
  std::size_t tls_bytes_ = 0;
  std::unique_ptr<Cell[]> static_cells_;
  std::size_t static_bytes_ = 0;           // static shared memory that the block has used
  std::vector<StaticShared> statics_;      // those that the block has used
  std::vector<std::vector<Copy>> copies_;  // under way, by thread
  bool may_have_padding_ = false;
  std::uint32_t first_place_ = 0;                     // the short place of address 0
  bool quick_ = false;                                // quick_access may be used
  std::uintptr_t index_begin_ = 0, index_bytes_ = 0;  // of the index variables, if they lie together
  Profiler profiler_;

  // A thread that has read so often may wait for another one. A volatile read counts as many plain ones. The
  // number is a prime, so that a loop over a table is at another element each time.
  static constexpr int most_reads = 4099, volatile_reads = 128;
  int reads_ = 0;
  std::uint64_t writes_ = 0;
  struct Stored {
    std::uintptr_t at = 0;
    std::size_t bytes = 0;  // 0: there is none
    const void* place = nullptr;
  };
  Stored stored_;  // the latest store to device memory, until it is done
  const void* latest_place_ = nullptr;
};

struct Watch::Parked {
  std::uint32_t number;
  std::uint64_t block, barrier;
  std::unique_ptr<Cell[]> shared_cells, static_cells;
  std::size_t shared_capacity, static_bytes;
  std::vector<WarpOrder> warps;
  std::vector<StaticShared> statics;
  std::vector<std::vector<Copy>> copies;
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
// Returns the lines of the functions inlined at a place, `path:12`, from the innermost out, by addr2line.
std::vector<std::string> lines_at(std::uint32_t place);
// Returns the same with columns, `path:12:5`, by elfutils' eu-addr2line; nothing if that is not installed.
std::vector<std::string> columns_at(std::uint32_t place);
// Returns whether the code at the place is CUB's or Thrust's.
bool is_cub(const void* place);

// Returns the variable that holds the address; empty if there is none.
StaticShared static_shared_at(std::uintptr_t at);
// Returns the variable that an address outside of all was most likely computed from: the nearest, above all
// behind the end of one that the kernel declares or whose begin is in `used`.
StaticShared static_shared_near(std::uintptr_t at, const void* kernel, const std::vector<StaticShared>& used);
// Returns whether the address is in what lies between two of them.
bool is_red_zone(std::uintptr_t at);
// Returns the program's thread-local memory that belongs to the calling thread.
void own_thread_local(std::uintptr_t* begin, std::size_t* bytes);
// Returns whether the address is in the flag of a variable whose initialisation runs once.
bool is_guard_variable(std::uintptr_t at);
// Returns whether the address is in the program's constant data, which kernels may read.
bool is_constant_data(std::uintptr_t at);

}  // namespace simt
