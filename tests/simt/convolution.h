// What the cuDNN stand-in computes: the three passes of a convolution, and which algorithms there are for
// each.
#pragma once
#include <cudnn.h>

#include <vector>

#include "tests/simt/blas.h"

namespace simt {

enum class Pass { forward, backward_data, backward_filter };

// x (n,c,h,w), taps (k,c,r,s), y (n,k,p,q).
struct Convolution {
  std::int64_t n, c, h, w, k, r, s, p, q;
  std::int64_t pad_h, pad_w, stride_h, stride_w;
  bool flipped;  // the taps, as CUDNN_CONVOLUTION has it
  cudaDataType type;
};

struct Algorithm {
  int number;
  cudnnMathType_t math;  // TENSOR_OP_MATH: float32 as tf32; FMA_MATH: as it is
  cudnnDeterminism_t determinism;
  std::size_t workspace;  // bytes
  bool listed;            // the heuristic calls it supported
  bool supported;         // and it is
};

// In the order of the heuristic, fastest first; empty where nothing is supported. There always is one that
// may not be chosen before the one that may: unsupported, not deterministic, in tf32, or with a workspace
// beyond any device.
std::vector<Algorithm> algorithms(Pass pass, const Convolution& shape);

// The pass's result from its two factors, packed, forward (x, w), backward (w, dy) and (x, dy); summed in two
// halves where asked, as an algorithm that is not deterministic might.
template <class T>
std::vector<T> convolve(Pass pass, const Convolution& shape, const std::vector<T>& first,
                        const std::vector<T>& second, bool split);

}  // namespace simt
