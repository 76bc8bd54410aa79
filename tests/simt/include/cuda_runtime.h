// Stand-in for the CUDA runtime header: the part of CUDA that the project uses, which runs on the CPU.
#pragma once
#ifndef SIMT_EMULATOR
#define SIMT_EMULATOR 1
#endif
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "simt/atomics.h"
#include "simt/copies.h"
#include "simt/intrinsics.h"
#include "simt/machine.h"
#include "simt/math.h"
#include "simt/memory_api.h"
#include "simt/runtime_api.h"
#include "simt/vectors.h"
#include "simt/warp_functions.h"
#include "texture_indirect_functions.h"
