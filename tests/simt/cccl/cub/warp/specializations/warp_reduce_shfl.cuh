// CUB's warp reduce by shuffles: its sums, which are PTX, take the way of its other operators, with the same
// order.
#pragma once
#include <cub/thread/thread_operators.cuh>
#include <cub/util_ptx.cuh>

#include <cuda/std/__algorithm_>

#define plus plus_by_ptx
#include_next <cub/warp/specializations/warp_reduce_shfl.cuh>
#undef plus
