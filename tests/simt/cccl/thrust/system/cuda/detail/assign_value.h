// Thrust's write of an element, by the side that calls.
#pragma once
#include <thrust/detail/raw_pointer_cast.h>
#include <thrust/system/cuda/config.h>
#include <thrust/system/cuda/detail/copy.h>
#include <thrust/system/cuda/detail/execution_policy.h>

#include <nv/by_side.h>
#include_next <thrust/system/cuda/detail/assign_value.h>
#pragma pop_macro("NV_IF_TARGET")
