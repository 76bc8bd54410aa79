// Shadow of device and shared memory: for every 4 bytes, whether they exist, are written, and who used them
// last.
#pragma once
#include <cstddef>
#include <cstdint>

#ifndef STILLPOINT_SIMT_WATCHED
#define STILLPOINT_SIMT_WATCHED 0
#endif

namespace simt {

// False where kernels are compiled without the hooks: then AddressSanitizer may watch exact allocations of
// the heap.
inline constexpr bool watched = STILLPOINT_SIMT_WATCHED != 0;

// The emulator's time: grows where the order of accesses begins or ends, at launches, blocks, barriers and
// __syncwarp. Queued work runs one piece after the other, so that one counter serves all.
std::uint64_t now();
std::uint64_t tick();

// One use of a cell in one word: time 40 bits, thread of the block 10, bytes of the cell 4, atomic 1, nine
// more.
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

// Places are offsets of the code from the start of the program, so that they fit.
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
  std::size_t bytes = 0;  // 0 where nothing is watched
  Cell* cells = nullptr;

  bool holds(std::uintptr_t at) const { return at - base < bytes; }
  Cell& cell(std::uintptr_t at) const { return cells[(at - base) / 4]; }
};
// Reserved at the first call.
const Arena& arena();

// 256-byte aligned; freed addresses come back late. Null where nothing is left.
void* arena_allocate(std::size_t bytes);
void arena_free(void* pointer, std::size_t bytes);

// Device memory is accessible to the calling thread while one of these lives.
class OpenArena {
 public:
  OpenArena();
  ~OpenArena();
  OpenArena(const OpenArena&) = delete;
  OpenArena& operator=(const OpenArena&) = delete;
};

// Bytes of [pointer, +live) exist, all undefined; those of [pointer + live, + bytes) do not. Fills them with
// 0xFF. As queued work it has to be ordered with what uses them; as an act of the host it comes before
// everything.
void shadow_extent(void* pointer, std::size_t live, std::size_t bytes, bool queued);
// Bytes are written by a call of the host or of a library.
void shadow_define(const void* pointer, std::size_t bytes);
// A copy on the device: the target's bytes are as defined as the source's.
void shadow_copy(const void* to, const void* from, std::size_t bytes);
// Index of the first byte that is undefined, or `bytes`; `missing` where that byte does not exist.
std::size_t shadow_first_undefined(const void* pointer, std::size_t bytes, bool* missing = nullptr);

// The host or a library call reads the bytes.
void shadow_read(const void* pointer, std::size_t bytes);
// A Violation where something on another stream used the bytes and nothing orders it before the work that
// runs now; a reader only minds writes.
void require_ordered(const void* pointer, std::size_t bytes, const char* call, bool writes = true);

// Thrown where a copy or a library call would read bytes that were never written or that are not there.
void require_defined(const void* pointer, std::size_t bytes, const char* call, const char* argument);

}  // namespace simt
