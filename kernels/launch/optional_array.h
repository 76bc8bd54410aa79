// The data of an array that a kernel may lack.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

template <class T>
T* pointer_or_null(const Array& a) {
  return a.data == nullptr ? nullptr : a.as<T>();
}

}  // namespace stillpoint::kernels
