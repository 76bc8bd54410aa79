// Every solver: fixed points and gradients through them, splittings, Koopman spectra.
#pragma once
#include "engine/engine.h"
#include "solvers/fixed_point/equilibrium.h"
#include "solvers/fixed_point/fixed_point.h"
#include "solvers/fixed_point/jacobian.h"
#include "solvers/koopman/principal_basis.h"
#include "solvers/koopman/spectrum.h"
#include "solvers/koopman/systems.h"
#include "solvers/monotone/monotone.h"
#include "solvers/monotone/splitting.h"
