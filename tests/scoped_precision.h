// The precision of matrix products, set for the length of a scope.
#pragma once
#include "kernels/gemm.h"

namespace stillpoint::kernels {

class ScopedPrecision {
 public:
  explicit ScopedPrecision(Precision p) : before_(precision()) { set_precision(p); }
  ~ScopedPrecision() { set_precision(before_); }
  ScopedPrecision(const ScopedPrecision&) = delete;
  ScopedPrecision& operator=(const ScopedPrecision&) = delete;

 private:
  Precision before_;
};

}  // namespace stillpoint::kernels
