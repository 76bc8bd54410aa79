// Everything that a program uses of the engine: tensors, ops, gradients, parameters, optimisers, settings,
// checkpoints.
#pragma once
#include "engine/config.h"
#include "engine/init.h"
#include "engine/io/checkpoint.h"
#include "engine/ops.h"
#include "engine/optim.h"
#include "engine/params.h"
#include "engine/schedule.h"
#include "engine/tensor.h"
