// Thrust's exchange of two elements, by the side that calls.
#pragma once
#include <thrust/detail/raw_pointer_cast.h>
#include <thrust/swap.h>
#include <thrust/system/cuda/config.h>
#include <thrust/system/cuda/detail/execution_policy.h>

#include <nv/by_side.h>
#include_next <thrust/system/cuda/detail/iter_swap.h>
#pragma pop_macro("NV_IF_TARGET")
