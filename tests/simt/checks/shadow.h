// The shadow of device and shared memory. It records for every 4 bytes whether they exist, whether they are
// written, and who used them last.
#pragma once
#include <cstddef>
#include <cstdint>

#ifndef SIMT_WATCHED
#define SIMT_WATCHED 0
#endif

namespace simt {

// Is false if kernels are compiled without the hooks. AddressSanitizer may then watch exact allocations on
// the heap.
inline constexpr bool watched = SIMT_WATCHED != 0;

// Whether accesses are checked now; set_checks changes it.
extern bool checking;

// Returns the emulator's time. It grows where an order of accesses begins or ends: at launches, blocks,
// barriers and __syncwarp. Queued work runs one piece after the other, so one counter is enough.
std::uint64_t now();
std::uint64_t tick();

// One use of a cell, in one word: time has 40 bits, the thread of the block 10, the bytes of the cell 4,
// atomic 1, flags 9.
class Use {
 public:
  constexpr Use() = default;
  constexpr Use(std::uint64_t time, unsigned thread, unsigned bytes, bool atomic)
      : word_(time << 24 | std::uint64_t(thread) << 14 | std::uint64_t(bytes) << 10 |
              std::uint64_t(atomic) << 9) {}
  std::uint64_t time() const { return word_ >> 24; }
  int thread() const { return int(word_ >> 14 & 1023); }
  unsigned bytes() const { return unsigned(word_ >> 10 & 15); }
  bool is_atomic() const { return (word_ >> 9 & 1) != 0; }
  std::uint64_t flags() const { return word_ & 511; }
  Use with(std::uint64_t flags) const { return Use((word_ & ~std::uint64_t(511)) | flags); }
  Use and_bytes(unsigned bytes) const { return Use(word_ | std::uint64_t(bytes) << 10); }

 private:
  constexpr explicit Use(std::uint64_t word) : word_(word) {}
  std::uint64_t word_ = 0;
};

// Places are offsets from the start of the program's code, so that they fit into 32 bits.
struct Cell {
  Use write;  // flags: bits 0-3 bytes that exist, bits 4-7 bytes that are written
  Use read;   // flags: the three below
  std::uint32_t write_place = 0, read_place = 0;

  unsigned live() const { return unsigned(write.flags() & 15); }
  unsigned defined() const { return unsigned(write.flags() >> 4 & 15); }
};
inline constexpr std::uint64_t many_lanes = 1, many_warps = 2, other_block = 4;

// -- device memory: one range of addresses that the host cannot touch --

struct Arena {
  std::uintptr_t base = 1;
  std::size_t bytes = 0;  // 0 if nothing is watched
  Cell* cells = nullptr;

  bool holds(std::uintptr_t at) const { return at - base < bytes; }
  Cell& cell(std::uintptr_t at) const { return cells[(at - base) / 4]; }
};
// Returns the arena, which the first call reserves.
const Arena& arena();

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
// Takes the bytes that exist for written, before everything that follows.
void shadow_accept(const void* pointer, std::size_t bytes);
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
void require_defined(const void* pointer, std::size_t bytes, const char* call, const char* argument);

}  // namespace simt
