// Implements what the compiler's checks of types call: -fsanitize=bounds for an index outside of an array
// whose size its type holds (shared, device and local arrays, rows of tables), and -fsanitize=alignment for
// an object at an address that its type does not allow.
#include <cstdint>
#include <string>
#include <utility>

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
struct Misaligned {
  const char* file;
  std::uint32_t line, column;
  const TypeName* type;
  unsigned char alignment, kind;  // alignment: its logarithm; kind: 0 a load, 1 a store, others neither
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

// CUB means memory of its own to be aligned to less than its type says.
void report(const Misaligned& fault, std::uintptr_t at, const void* place) {
  if (simt::watching == nullptr || !simt::checking || simt::is_cub(place)) return;
  const simt::Watch& watch = *std::exchange(simt::watching, nullptr);
  watch.fail_alignment(at, std::size_t(1) << fault.alignment,
                       fault.kind == 1 ? simt::AccessKind::write : simt::AccessKind::read, place);
}

}  // namespace

extern "C" {
void __ubsan_handle_type_mismatch_v1(const Misaligned* fault, std::uintptr_t at) {
  report(*fault, at, __builtin_return_address(0));
}
void __ubsan_handle_type_mismatch_v1_abort(const Misaligned* fault, std::uintptr_t at) {
  report(*fault, at, __builtin_return_address(0));
}
void __ubsan_handle_out_of_bounds(const OutOfBounds* fault, std::uintptr_t index) {
  report(*fault, index, __builtin_return_address(0));
}
void __ubsan_handle_out_of_bounds_abort(const OutOfBounds* fault, std::uintptr_t index) {
  report(*fault, index, __builtin_return_address(0));
}
}
