// Two-dimensional convolutions on the CPU, and its ways to them: directly, by Winograd's products, in bf16.
#pragma once
#include "kernels/conv2d/conv2d.h"

namespace stillpoint::kernels {

// The contracts are those of conv2d and its adjoints, for arrays on the CPU. bias and dbias (Co) may be
// empty: y = conv + bias, dbias = sum of y.
void conv2d_cpu(const Conv2dShape& shape, const Array& x, const Array& w, const Array& bias, const Array& y);
void conv2d_data_adjoint_cpu(const Conv2dShape& shape, const Array& y, const Array& w, const Array& x);
void conv2d_weight_adjoint_cpu(const Conv2dShape& shape, const Array& y, const Array& x, const Array& w,
                               const Array& dbias);

// Has the contract of conv2d_data_adjoint, for x with elements.
template <class T>
void data_adjoint_by_phases(const Conv2dShape& shape, const T* y, const T* w, T* x);
extern template void data_adjoint_by_phases<float>(const Conv2dShape&, const float*, const float*, float*);
extern template void data_adjoint_by_phases<double>(const Conv2dShape&, const double*, const double*,
                                                    double*);

// Returns whether Winograd's products serve the shape: they are allowed, and the results are float32 of 3 x 3
// taps, stride 1, a border of one zero, even sides and enough channels.
bool conv2d_by_winograd(const Conv2dShape& shape, DType dtype);

// They round otherwise than sums of products: errors are up to some units in the last place of the largest
// product. Allowed at start unless $STILLPOINT_WINOGRAD is 0.
bool winograd_allowed();
void allow_winograd(bool allowed);
class ScopedWinograd {
 public:
  explicit ScopedWinograd(bool allowed) : before_(winograd_allowed()) { allow_winograd(allowed); }
  ~ScopedWinograd() { allow_winograd(before_); }
  ScopedWinograd(const ScopedWinograd&) = delete;
  ScopedWinograd& operator=(const ScopedWinograd&) = delete;

 private:
  bool before_;
};

// The contracts are those of conv2d_cpu, for float32 arrays with elements; they require conv2d_by_winograd.
void conv2d_winograd(const Conv2dShape& shape, const float* x, const float* w, const float* bias, float* y);
void conv2d_data_adjoint_winograd(const Conv2dShape& shape, const float* y, const float* w, float* x);

// Returns whether bf16 was asked for and suits the shape: there are enough channels to fill tiles, the stride
// is 1 and the border is no wider than the image.
bool conv2d_suits_bf16(const Conv2dShape& shape, DType dtype);
// Returns whether, besides, the CPU has the instructions that these passes use.
bool conv2d_in_bf16(const Conv2dShape& shape, DType dtype);

// The contracts are those of conv2d_cpu, for float32 arrays with elements; operands are rounded to the
// nearest bf16, sums are float32. Each requires conv2d_in_bf16; the data adjoint also that it is a
// convolution of stride 1.
void conv2d_bf16(const Conv2dShape& shape, const float* x, const float* w, const float* bias, float* y);
void conv2d_data_adjoint_bf16(const Conv2dShape& shape, const float* y, const float* w, float* x);
void conv2d_weight_adjoint_bf16(const Conv2dShape& shape, const float* y, const float* x, float* w,
                                float* dbias);

// Returns whether bf16 was asked for and suits the shape, and the build and the system have AMX.
bool conv2d_by_amx(const Conv2dShape& shape, DType dtype);

// The contracts are those of conv2d_cpu, for float32 arrays with elements; operands are rounded to the
// nearest bf16, sums are float32. Each requires conv2d_by_amx; the data adjoint also that it is a convolution
// of stride 1.
void conv2d_amx(const Conv2dShape& shape, const float* x, const float* w, const float* bias, float* y);
void conv2d_data_adjoint_amx(const Conv2dShape& shape, const float* y, const float* w, float* x);
void conv2d_weight_adjoint_amx(const Conv2dShape& shape, const float* y, const float* x, float* w,
                               float* dbias);

}  // namespace stillpoint::kernels
