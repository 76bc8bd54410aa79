// Softmax cross-entropy per row, accurate down to the smallest losses, and its gradient.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// logits l (rows,classes), labels y (rows) int32 in [0,classes), losses (rows), classes > 0:
//   losses_r = -log softmax(l_r)_y = log1p(sum_{c != y} exp(l_c - l_y))      if y is the arg-max
//                                  = max - l_y + log(sum_c exp(l_c - max))   else
// The first form keeps losses far below one ulp of 1. A label out of range makes the row's loss NaN (the host
// checks labels before).
void softmax_xent_forward(std::int64_t rows, std::int64_t classes, const Array& logits, const Array& labels,
                          const Array& losses);

// dlogits_rc = (softmax(l_r)_c - [c = y]) g / rows, with g (1) on the device and inverse_rows = 1 / rows. The
// label's entry is the negated sum over the others, so that nothing cancels. It is NaN if the label is out of
// range.
void softmax_xent_backward(std::int64_t rows, std::int64_t classes, const Array& logits, const Array& labels,
                           const Array& g, double inverse_rows, const Array& dlogits);

}  // namespace stillpoint::kernels
