// Applies a trained model of image regression to coordinates.
#pragma once
#include "tasks/settings/registry.h"

namespace stillpoint {

// Writes red, green and blue for each point. Inputs are .npy or CSV files with the rows (column / width,
// row / height), as in training from 0 to below 1.
int predict_colours(const PredictRequest& request, std::ostream& out, std::ostream& err);

}  // namespace stillpoint
