// CCCL's macros for compilers, less those that make g++ unroll loops 65,534 times.
#pragma once
#include_next <cuda/std/__cccl/visibility.h>

#undef _CCCL_FORCEINLINE
#define _CCCL_FORCEINLINE inline
#undef _CCCL_PRAGMA_UNROLL_FULL
#define _CCCL_PRAGMA_UNROLL_FULL()
#undef _CCCL_PRAGMA_UNROLL
#define _CCCL_PRAGMA_UNROLL(n)
