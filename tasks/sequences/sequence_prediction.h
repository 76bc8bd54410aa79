// Applies a trained model to sequences of files.
#pragma once
#include "tasks/settings/registry.h"

namespace stillpoint {

// Prints what the model makes of each sequence of each file. Names a file that it cannot read on `err`, goes
// on with the others, and then returns 1.
int predict_sequences(const PredictRequest& request, std::ostream& out, std::ostream& err);

}  // namespace stillpoint
