// Implements what -fsanitize=bounds calls for an index outside of an array whose size its type holds: arrays
// of shared, device and local memory, and rows of tables.
#include <cstdint>
#include <string>

#include "checks/watch.h"
#include "machine/block.h"

namespace {

struct TypeName {
  std::uint16_t kind,
      info;  // kind 0: integers; info: bit 0 signed, the other bits the logarithm of the width
  char text[1];
};
struct OutOfBounds {
  const char* file;
  std::uint32_t line, column;
  const TypeName *array, *index;
};

std::string number(const TypeName& type, std::uintptr_t value) {
  const unsigned width = 1u << (type.info >> 1);
  if ((type.info & 1) == 0) return std::to_string(value);
  if (width >= 64) return std::to_string(std::int64_t(value));
  return std::to_string(std::int64_t(value << (64 - width)) >> (64 - width));
}

// Host code of the same file is not the emulator's business.
void report(const OutOfBounds& fault, std::uintptr_t index, const void* place) {
  if (simt::watching == nullptr || !simt::checking) return;
  simt::watching = nullptr;
  simt::machine().break_off(
      simt::Check::bounds,
      "out of bounds: index " + number(*fault.index, index) + " of an array of type " + fault.array->text,
      place);
}

}  // namespace

extern "C" {
void __ubsan_handle_out_of_bounds(const OutOfBounds* fault, std::uintptr_t index) {
  report(*fault, index, __builtin_return_address(0));
}
void __ubsan_handle_out_of_bounds_abort(const OutOfBounds* fault, std::uintptr_t index) {
  report(*fault, index, __builtin_return_address(0));
}
}
