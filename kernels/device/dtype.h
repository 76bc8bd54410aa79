// Element types, and the dispatch from a runtime type to a template argument.
#pragma once
#include <cstdint>
#include <type_traits>

#include "kernels/device/error.h"

namespace stillpoint {

// float64 exists so that gradient checks and spectra are meaningful; int32 holds labels and token ids.
enum class DType { float32, float64, int32 };

constexpr std::int64_t size_of(DType dtype) { return dtype == DType::float64 ? 8 : 4; }
constexpr const char* name_of(DType dtype) {
  return dtype == DType::float32 ? "float32" : dtype == DType::float64 ? "float64" : "int32";
}

template <class T>
constexpr DType dtype_of() {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, std::int32_t>);
  return std::is_same_v<T, float> ? DType::float32
                                  : (std::is_same_v<T, double> ? DType::float64 : DType::int32);
}

// Calls f(T{}) with T = float or double. Throws Error naming `where` for int32.
template <class F>
decltype(auto) dispatch_real(DType dtype, const char* where, F&& f) {
  require(dtype != DType::int32, where, ": given int32, expected float32 or float64, convert first");
  if (dtype == DType::float64) return f(double{});
  return f(float{});
}

}  // namespace stillpoint
