// Thrust's read of an element, by the side that calls.
#pragma once
#include <thrust/detail/raw_pointer_cast.h>
#include <thrust/iterator/iterator_traits.h>
#include <thrust/system/cuda/config.h>
#include <thrust/system/cuda/detail/cross_system.h>

#include <nv/by_side.h>
#include_next <thrust/system/cuda/detail/get_value.h>
#pragma pop_macro("NV_IF_TARGET")
