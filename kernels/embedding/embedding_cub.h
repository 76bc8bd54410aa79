// Declares the embedding's adjoint on CUDA by sorted ids, for more ids than a thread can look through.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Has the contract of embedding_adjoint, for fewer than 2^31 ids.
void embedding_adjoint_by_cub(std::int64_t width, const Array& y, const Array& ids, const Array& table);

}  // namespace stillpoint::kernels
