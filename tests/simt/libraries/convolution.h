// What the cuDNN stand-in computes: the three passes of a convolution, and the algorithms of each.
#pragma once
#include <cudnn.h>

#include <vector>

#include "libraries/blas.h"

namespace simt {

enum class Pass { forward, backward_data, backward_filter };

// x (n,c,h,w), taps (k,c,r,s), y (n,k,p,q).
struct Convolution {
  std::int64_t n, c, h, w, k, r, s, p, q;
  std::int64_t pad_h, pad_w, stride_h, stride_w;
  bool flipped;  // whether the taps are, as in CUDNN_CONVOLUTION
  cudaDataType type;
};

struct Algorithm {
  int number;
  cudnnMathType_t math;  // TENSOR_OP_MATH rounds float32 to tf32; FMA_MATH does not round
  cudnnDeterminism_t determinism;
  std::size_t workspace;  // bytes
  bool listed;            // the heuristic calls it supported
  bool supported;         // it really is
};

// Returns the algorithms in the order of the heuristic, fastest first; empty if nothing is supported. Before
// the one that may be chosen there is always one that may not: it is unsupported, not deterministic, in tf32,
// or has a workspace larger than any device.
std::vector<Algorithm> algorithms(Pass pass, const Convolution& shape);

// Returns the pass's result from its two packed factors: forward (x, w), backward (w, dy) and (x, dy). If
// asked, it sums in two halves, as an algorithm that is not deterministic might.
template <class T>
std::vector<T> convolve(Pass pass, const Convolution& shape, const std::vector<T>& first,
                        const std::vector<T>& second, bool split);

}  // namespace simt
