// CUB's loads, whose kinds of caching are PTX; a volatile one stays volatile.
#pragma once
#include <cub/util_type.cuh>

CUB_NAMESPACE_BEGIN

enum CacheLoadModifier { LOAD_DEFAULT, LOAD_CA, LOAD_CG, LOAD_CS, LOAD_CV, LOAD_LDG, LOAD_VOLATILE };

template <CacheLoadModifier Modifier, class Iterator>
auto ThreadLoad(Iterator at) {
  using Value = detail::it_value_t<Iterator>;
  if constexpr (Modifier == LOAD_VOLATILE) {
    return Value(*static_cast<const volatile Value*>(at));
  } else {
    return Value(*at);
  }
}

CUB_NAMESPACE_END
