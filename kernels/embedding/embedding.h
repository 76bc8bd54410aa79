// Embedding rows by index, and the adjoint, which adds rows back in a fixed order.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// table (vocabulary,width), ids (n) int32 in [0,vocabulary), y (n,width):
//   embedding  y[i,:] = table[ids[i],:], or NaN if ids[i] is outside
//   adjoint    table[v,:] = sum over i with ids[i] == v of y[i,:]
// The order of a sum depends only on the sizes, the ids and the device.
void embedding(std::int64_t width, const Array& table, const Array& ids, const Array& y);
void embedding_adjoint(std::int64_t width, const Array& y, const Array& ids, const Array& table);

}  // namespace stillpoint::kernels
