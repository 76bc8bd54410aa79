// Applies a trained model of copy memory to sequences of tokens.
#pragma once
#include "tasks/settings/registry.h"

namespace stillpoint {

// Writes the probabilities of the symbols for each position. Inputs are .npy or CSV files with a sequence of
// symbols 0 to 9 a row.
int predict_copies(const PredictRequest& request, std::ostream& out, std::ostream& err);

}  // namespace stillpoint
