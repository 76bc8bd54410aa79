// CUB's warp scan by PTX is its own one through shared memory, which adds in the same order.
#pragma once
#include <cub/warp/specializations/warp_scan_smem.cuh>

CUB_NAMESPACE_BEGIN
namespace detail {
template <class T, int Threads>
using WarpScanShfl = WarpScanSmem<T, Threads>;
}  // namespace detail
CUB_NAMESPACE_END
