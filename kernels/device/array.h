// A typed, contiguous span of device memory: every kernel takes some and owns none.
#pragma once
#include <cstdint>

#include "kernels/device/dtype.h"
#include "kernels/device/memory.h"

namespace stillpoint {

using Index = std::int64_t;  // sizes, places and counts of elements

struct Array {
  void* data = nullptr;
  std::int64_t size = 0;  // elements
  DType dtype = DType::float32;
  Device device = Device::cpu;

  // Returns the elements as T. Throws Error if T is not the array's type.
  template <class T>
  T* as() const {
    require(dtype_of<T>() == dtype, "Array: given ", name_of(dtype), ", expected ", name_of(dtype_of<T>()),
            ", convert the tensor first");
    return static_cast<T*>(data);
  }
};

}  // namespace stillpoint
