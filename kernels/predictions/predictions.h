// Declares what rows of scores predict, and the count of each pair of a label and a prediction.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// x (rows,columns), labels, predicted and ids int32 (rows), counts int32 (classes,classes):
//   argmax     ids[r] = the lowest c with the largest x[r,c]; a NaN counts as infinity
//   confusion  counts[i,j] = number of rows with label i and prediction j; rows with a number outside are
//   left out
void argmax(std::int64_t columns, const Array& x, const Array& ids);
void confusion(std::int64_t classes, const Array& labels, const Array& predicted, const Array& counts);

}  // namespace stillpoint::kernels
