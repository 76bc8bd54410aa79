// Every model: layers, TCN, stable invariant models, the DEQ-Transformer and monDEQ.
#pragma once
#include "engine/engine.h"
#include "models/deq.h"
#include "models/image_sim.h"
#include "models/layers.h"
#include "models/model_family.h"
#include "models/mondeq.h"
#include "models/sim.h"
#include "models/tcn.h"
