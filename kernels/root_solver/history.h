// The rows that a root solver keeps per sample, and products with them.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// rows is (samples, capacity, width), of which the first `count` of each sample are in use.
struct History {
  Array rows;
  Index samples = 0, capacity = 0, width = 0, count = 0;
};

// Returns row k of every sample as a history of one row in use.
History row_of(const History& history, Index k);

// y[b,k] = sum_d rows[b,k,d] x[b,d] for k < count, in a fixed order; x (samples,width), y (samples,count).
void history_products(const History& history, const Array& x, const Array& y);

// y[b,d] = alpha x[b,d] + beta sum_{k<count} c[b,k] rows[b,k,d]; c (samples,count); y may be x. If y is a row
// of a history, its samples lie `stride` elements apart.
struct HistorySum {
  double alpha = 1, beta = 1;
  Index stride = 0;  // 0: width
};
void history_sum(const History& history, const Array& c, const Array& x, const Array& y,
                 HistorySum options = {});

}  // namespace stillpoint::kernels
