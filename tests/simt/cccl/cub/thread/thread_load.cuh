// CUB's loads, whose kinds of caching are PTX; a volatile one stays volatile.
#pragma once
#include <cub/util_type.cuh>

#include <iterator>
#include <type_traits>

CUB_NAMESPACE_BEGIN

enum CacheLoadModifier { LOAD_DEFAULT, LOAD_CA, LOAD_CG, LOAD_CS, LOAD_CV, LOAD_LDG, LOAD_VOLATILE };

template <CacheLoadModifier Modifier, class Iterator>
auto ThreadLoad(Iterator at) {
  using Value = detail::it_value_t<Iterator>;
  if constexpr (Modifier == LOAD_VOLATILE && std::is_scalar_v<Value>) {
    return Value(*static_cast<const volatile Value*>(at));
  } else if constexpr (Modifier == LOAD_VOLATILE) {  // in words, because a class has no volatile copies
    using Word = typename UnitWord<Value>::VolatileWord;
    alignas(Value) Word words[sizeof(Value) / sizeof(Word)];
    for (std::size_t i = 0; i < std::size(words); ++i)
      words[i] = reinterpret_cast<const volatile Word*>(static_cast<const Value*>(at))[i];
    return Value(*reinterpret_cast<const Value*>(words));
  } else {
    return Value(*at);
  }
}

CUB_NAMESPACE_END
