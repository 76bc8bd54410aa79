// The widths of a head that relative attention's kernels are compiled for.
#pragma once
#include <type_traits>

#include "kernels/device/dtype.h"
#include "kernels/relative_attention/relative_attention.h"

namespace stillpoint::kernels {

// Calls f(T{}, std::integral_constant<int, E>) with the least E that has room for the features of a head.
template <class F>
void dispatch_head(const char* where, const RelativeAttentionShape& s, DType dtype, F f) {
  dispatch_real(dtype, where, [&](auto zero) {
    if (s.features <= 5) return f(zero, std::integral_constant<int, 5>{});
    if (s.features <= 8) return f(zero, std::integral_constant<int, 8>{});
    static_assert(most_head_features == 16);
    f(zero, std::integral_constant<int, 16>{});
  });
}

}  // namespace stillpoint::kernels
