// The shadow of device and shared memory. It records for every 4 bytes whether they exist, whether they are
// written, and who used them last.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#ifndef SIMT_WATCHED
#define SIMT_WATCHED 0
#endif

namespace simt {

struct Record;

// Is false if kernels are compiled without the hooks. AddressSanitizer may then watch exact allocations on
// the heap.
inline constexpr bool watched = SIMT_WATCHED != 0;

// Whether accesses are checked now; set_checks changes it.
extern bool checking;

// Returns the emulator's time. It grows where an order of accesses begins or ends: at launches, blocks,
// barriers and __syncwarp. Queued work runs one piece after the other, so one counter is enough.
inline constinit std::uint64_t latest_time = 1;
inline std::uint64_t now() { return latest_time; }
inline std::uint64_t tick() { return ++latest_time; }

// One use of a cell, in one word: time has 38 bits, the thread of the block 10, the bytes of the cell 4,
// atomic 1, flags 11.
class Use {
 public:
  constexpr Use() = default;
  constexpr Use(std::uint64_t time, unsigned thread, unsigned bytes, bool atomic)
      : word_(time << 26 | std::uint64_t(thread) << 16 | std::uint64_t(bytes) << 12 |
              std::uint64_t(atomic) << 11) {}
  std::uint64_t time() const { return word_ >> 26; }
  int thread() const { return int(word_ >> 16 & 1023); }
  unsigned bytes() const { return unsigned(word_ >> 12 & 15); }
  bool is_atomic() const { return (word_ >> 11 & 1) != 0; }
  std::uint64_t flags() const { return word_ & 2047; }
  bool operator==(const Use&) const = default;
  bool has(std::uint64_t flag) const { return (word_ & flag) != 0; }
  Use with(std::uint64_t flags) const { return Use((word_ & ~std::uint64_t(2047)) | flags); }

 private:
  constexpr explicit Use(std::uint64_t word) : word_(word) {}
  std::uint64_t word_ = 0;
};

// Places are offsets from the start of the program's code, so that they fit into 32 bits. A block is known by
// its number in the grid.
struct alignas(32) Cell {
  Use write;  // flags: bits 0-3 bytes that exist, bits 4-7 bytes that are written, then the two below
  Use read;   // flags: those below
  std::uint32_t write_place = 0, read_place = 0;
  std::uint32_t write_block = 0, read_block = 0;

  unsigned live() const { return unsigned(write.flags() & 15); }
  unsigned defined() const { return unsigned(write.flags() >> 4 & 15); }
};
// What a cell's last read stands for: other lanes of the warp, warps of the block or blocks read it too and
// nothing orders them. `more` says that the cell has others_of().
inline constexpr std::uint64_t many_lanes = 1, many_warps = 2, other_block = 4, more = 8;
inline constexpr std::uint64_t block_scope = 256, by_volatile = 512;  // of a write; the second of a read, too
inline constexpr std::uint64_t several_threads = 1024;  // of an update kept beside the cell: of its block

// A use that the cell itself has no room for.
struct OtherUse {
  Use use;
  std::uint32_t block = 0, place = 0;
};
// Earlier reads that are not ordered before the cell's last one, and its atomic updates since the last plain
// write.
struct OtherUses {
  std::vector<OtherUse> readers, updates;
  bool for_block = false;  // some update holds for its block only
};
// Returns whether these 4 bytes, of an object or an array between two cells, look like the padding of a
// record that has a member of 8 bytes: one store has written the 8 bytes beside the word that they are the
// half of, and another one the other half. `upper` means that they are the upper half.
bool is_padding_of_word(const Cell* cell, bool upper, const Cell* begin, const Cell* end);
// Returns the cell's other uses; makes them, if there are none, and sets `more`.
OtherUses& others_of(Cell& cell);
const OtherUses* find_others(const Cell& cell);
// Adds the cell's last read to the other uses. The present launch, or call, began at that time.
void keep_reader(Cell& cell, std::uint64_t launch);
// Forgets the other uses of all cells. Everything has to be ordered before what follows.
void forget_others();

// -- device memory: one range of addresses that the host cannot touch --

struct Arena {
  std::uintptr_t base = 1;
  std::size_t bytes = 0;  // 0 if nothing is watched
  Cell* cells = nullptr;

  bool holds(std::uintptr_t at) const { return at - base < bytes; }
  Cell& cell(std::uintptr_t at) const { return cells[(at - base) / 4]; }
};
// Returns address space with zeros, which costs what is touched of it; null if there is not so much.
void* reserve_memory(std::size_t bytes, bool open = true);
// Returns closed address space of the first of these sizes that there is, with a shadow; an empty arena if
// there is none.
Arena reserve_arena(std::initializer_list<std::size_t> sizes);
// Returns the arena, which the first call reserves.
const Arena& arena();

// Returns the shadow of pinned and managed memory, which the device reaches too; see pinned.h.
const Arena& reachable();
// Returns the shadow of the variables of the device, see globals.h.
const Arena& globals();
// Returns the arena that holds the address, or null.
const Arena* arena_of(std::uintptr_t at);

// Installs the handler that reports what host code may not touch.
void report_faults();

// Returns 256-byte aligned memory, or null if none is left. Freed addresses are reused late.
void* arena_allocate(std::size_t bytes);
void arena_free(void* pointer, std::size_t bytes);

// Makes device memory accessible to the calling thread for as long as the object lives.
class OpenArena {
 public:
  OpenArena();
  ~OpenArena();
  OpenArena(const OpenArena&) = delete;
  OpenArena& operator=(const OpenArena&) = delete;
};

// Makes the bytes of [pointer, +live) exist, all of them undefined, and those of [pointer + live, + bytes)
// not exist. Fills them with 0xFF. Queued work that does this has to be ordered with what uses the bytes; if
// the host does it, it comes before everything.
void shadow_extent(void* pointer, std::size_t live, std::size_t bytes, bool queued);
// Takes the bytes that exist (with `live`, all of them from now on) for written, before everything that
// follows.
void shadow_accept(const void* pointer, std::size_t bytes, bool live = false);
// Notes that a call of the host or of a library writes the bytes.
void shadow_define(const void* pointer, std::size_t bytes);
// Notes a copy on the device: the target's bytes become as defined as the source's.
void shadow_copy(const void* to, const void* from, std::size_t bytes);
// Returns the index of the first undefined byte, or `bytes`. Sets `missing` to whether that byte does not
// exist.
std::size_t shadow_first_undefined(const void* pointer, std::size_t bytes, bool* missing = nullptr);

// Notes that the host or a library call reads the bytes.
void shadow_read(const void* pointer, std::size_t bytes);
// Throws a Violation if work on another stream used the bytes and nothing orders it before the work that runs
// now. A reader conflicts only with writes.
void require_ordered(const void* pointer, std::size_t bytes, const char* call, bool writes = true);

// Throws a Violation if a copy or a library call would read bytes that were never written or do not exist.
// The padding of records may be: of the `record` that it copies or, if that is null, what looks like one.
void require_defined(const void* pointer, std::size_t bytes, const char* call, const char* argument,
                     const Record* record = nullptr);

}  // namespace simt
