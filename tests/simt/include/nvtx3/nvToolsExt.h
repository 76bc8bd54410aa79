// Stand-in for NVTX: ranges nest per host thread, as in the real library, and are otherwise ignored.
#pragma once

namespace simt {
inline thread_local int nvtx_depth = 0;  // ranges that were pushed and not popped
}

// Both return the level of the range, from 0; a pop without a push returns a negative number.
inline int nvtxRangePushA(const char*) { return simt::nvtx_depth++; }
inline int nvtxRangePop() { return simt::nvtx_depth > 0 ? --simt::nvtx_depth : -2; }
inline void nvtxMarkA(const char*) {}
#define nvtxRangePush nvtxRangePushA
#define nvtxMark nvtxMarkA
