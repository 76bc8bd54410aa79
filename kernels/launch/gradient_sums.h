// Sums of partial weight gradients: kernels leave sets of them, and one launch adds up those of many kernels.
#pragma once
#include <vector>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Gradients of a matrix whose rows lie in each set: element e of row o is at start + o pitch + e.
struct GradientRows {
  Index start = 0, rows = 0, weights = 0, pitch = 0;  // weights: elements of a row
  Array dw = {};                                      // (rows,weights)
  Array db = {};                                      // (rows), if it has data: element `weights` of each row
  // With data, rows are those of w = gain v / ||v||, and dw is the gradient of v, dg of gain:
  //   dg = <s,v> / ||v||,  dw = gain / ||v|| (s - v <s,v> / ||v||^2)   with s the row's sum
  Array v = {}, gain = {}, dg = {};
};

// The partial gradients that a kernel has left on CUDA, set by set.
struct GradientSets {
  Buffer partials;
  Index sets, set_size;  // set_size: elements
  DType dtype;
  std::vector<GradientRows> rows;
};

// Adds the sets in order, at once, or with others when this thread's DeferredSums finish.
void sum_gradients(GradientSets sets);

// While one lives, this thread's sums wait for one launch. Their results have no values before that. One that
// is destroyed without finish() forgets them.
class DeferredSums {
 public:
  DeferredSums();
  ~DeferredSums();
  DeferredSums(const DeferredSums&) = delete;
  DeferredSums& operator=(const DeferredSums&) = delete;

  // Returns whether `data` is a result that still waits.
  bool waits(const void* data) const;
  void finish();

 private:
  friend void sum_gradients(GradientSets sets);
  DeferredSums* const before_;
  std::vector<GradientSets> waiting_;
  std::size_t bytes_ = 0;
};

}  // namespace stillpoint::kernels
