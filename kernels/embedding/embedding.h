// Embedding rows by index, and the adjoint, which adds rows back in a fixed order.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// table (tables,vocabulary,width), ids (tables,n) int32 in [0,vocabulary), y (tables,n,width); for each table
// t:
//   embedding  y[t,i,:] = table[t,ids[t,i],:], or NaN if ids[t,i] is outside
//   adjoint    table[t,v,:] = sum over i with ids[t,i] == v of y[t,i,:]
// The order of a sum depends only on the sizes, the ids and the device.
void embedding(std::int64_t width, const Array& table, const Array& ids, const Array& y,
               std::int64_t tables = 1);
void embedding_adjoint(std::int64_t width, const Array& y, const Array& ids, const Array& table,
                       std::int64_t tables = 1);

}  // namespace stillpoint::kernels
