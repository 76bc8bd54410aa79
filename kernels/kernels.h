// What a kernel of your own is written with: arrays, types, devices, and how a loop becomes threads.
#pragma once
#include "kernels/device/array.h"
#include "kernels/device/dtype.h"
#include "kernels/launch/launch.h"
#include "kernels/launch/scalar.h"
