// Convolutions by cuDNN; separate kernels copy a circular border around x, or fold it back into x.
#include "kernels/conv2d/conv2d_cudnn.h"

#include <algorithm>

#include "kernels/conv2d/conv2d_cudnn_plan.h"
#include "kernels/launch/launch.h"

namespace stillpoint::kernels {
namespace {

// The size of an image (height,width) without and with its border; in 32 bits, in which a GPU divides faster.
struct Border {
  std::uint32_t height, width, padding;
  STILLPOINT_HD std::uint32_t rows() const { return height + 2 * padding; }
  STILLPOINT_HD std::uint32_t columns() const { return width + 2 * padding; }
};

// Returns the place in the image of a place in the bordered image; `size` is the image's along that axis.
STILLPOINT_HD std::uint32_t unwrapped(std::uint32_t place, std::uint32_t padding, std::uint32_t size) {
  return (place + (size - padding % size)) % size;
}

// Copies x (planes,height,width) with its border to wrapped (planes,rows,columns).
template <class T>
struct WrapBorder {
  const T* x;
  T* wrapped;
  Border b;
  STILLPOINT_HD void operator()(Index at) const {
    const std::uint32_t k = std::uint32_t(at), row = k / b.columns(), column = k - row * b.columns();
    const std::uint32_t plane = row / b.rows(), i = unwrapped(row - plane * b.rows(), b.padding, b.height);
    wrapped[k] = x[(plane * b.height + i) * b.width + unwrapped(column, b.padding, b.width)];
  }
};

// Computes x from `wrapped`, the adjoint of WrapBorder: each place is the sum of its copies in order.
template <class T>
struct FoldBorder {
  const T* wrapped;
  T* x;
  Border b;
  STILLPOINT_HD void operator()(Index at) const {
    const std::uint32_t k = std::uint32_t(at), row = k / b.width, column = k - row * b.width;
    const std::uint32_t plane = row / b.height, first = (row - plane * b.height + b.padding) % b.height;
    const T* const from = wrapped + plane * b.rows() * b.columns();
    T total = T(0);
    for (std::uint32_t i = first; i < b.rows(); i += b.height)
      for (std::uint32_t j = (column + b.padding) % b.width; j < b.columns(); j += b.width)
        total += from[i * b.columns() + j];
    x[k] = total;
  }
};

bool wraps(const Conv2dShape& s) { return s.circular && s.padding > 0; }

// Returns the same convolution with the border as part of the image.
Conv2dShape with_border(Conv2dShape s) {
  if (wraps(s)) {
    s.height += 2 * s.padding;
    s.width += 2 * s.padding;
    s.padding = 0;
  }
  s.circular = false;
  return s;
}

// In float64 one plan serves every precision; in float32 one plan serves both tf32 and bf16.
Conv2dKey key_of(Conv2dPass pass, const Conv2dShape& s, DType dtype) {
  const bool fma = dtype == DType::float64 || precision() == Precision::float32;
  return {pass, with_border(s), dtype, fma ? Precision::float32 : Precision::tf32};
}

// cuDNN counts in 32 bits. Its kernels load up to 16 bytes at once, which whole buffers allow but slices may
// not.
bool is_for_cudnn(const Conv2dShape& s, std::initializer_list<const Array*> arrays) {
  constexpr double limit = 2147483647;
  const double x = double(s.batch) * double(s.in_channels) * double(s.height + 2 * s.padding) *
                   double(s.width + 2 * s.padding);
  return x <= limit && double(s.stride) <= limit &&
         std::all_of(arrays.begin(), arrays.end(), [&](const Array* a) {
           return a->size > 0 && double(a->size) <= limit &&
                  reinterpret_cast<std::uintptr_t>(a->data) % 16 == 0;
         });
}

// Returns memory for x with its border if that is circular.
Buffer room_for(const Conv2dKey& key, const Conv2dShape& s) {
  if (!wraps(s)) return {};
  const Conv2dShape& b = key.shape;
  return Buffer(Device::cuda, std::size_t(b.batch * b.in_channels * b.height * b.width * size_of(key.dtype)));
}

Border border_of(const Conv2dShape& s) {
  return {std::uint32_t(s.height), std::uint32_t(s.width), std::uint32_t(s.padding)};
}

// Returns x with its border, or x itself if the border is zero.
void* wrap(const Conv2dShape& s, const Array& x, const Buffer& room) {
  if (!wraps(s)) return x.data;
  dispatch_real(x.dtype, "conv2d", [&](auto zero) {
    using T = decltype(zero);
    each(Device::cuda, Index(room.bytes() / sizeof(T)),
         WrapBorder<T>{x.as<T>(), static_cast<T*>(room.data()), border_of(s)});
  });
  return room.data();
}

}  // namespace

bool conv2d_cuda(const Conv2dShape& s, const Array& x, const Array& w, const Array& y) {
  if (!is_for_cudnn(s, {&x, &w, &y})) return false;
  const Conv2dKey key = key_of(Conv2dPass::forward, s, y.dtype);
  const Conv2dPlan& plan = conv2d_plan(key);
  if (!plan.found) return false;
  const Buffer room = room_for(key, s);
  run_conv2d(key, plan, {wrap(s, x, room), w.data, y.data});
  return true;
}

bool conv2d_data_adjoint_cuda(const Conv2dShape& s, const Array& y, const Array& w, const Array& x) {
  if (!is_for_cudnn(s, {&x, &w, &y})) return false;
  const Conv2dKey key = key_of(Conv2dPass::data_adjoint, s, x.dtype);
  const Conv2dPlan& plan = conv2d_plan(key);
  if (!plan.found) return false;
  const Buffer room = room_for(key, s);
  run_conv2d(key, plan, {wraps(s) ? room.data() : x.data, w.data, y.data});
  if (wraps(s))
    dispatch_real(x.dtype, "conv2d_data_adjoint", [&](auto zero) {
      using T = decltype(zero);
      each(Device::cuda, x.size, FoldBorder<T>{static_cast<const T*>(room.data()), x.as<T>(), border_of(s)});
    });
  return true;
}

bool conv2d_weight_adjoint_cuda(const Conv2dShape& s, const Array& y, const Array& x, const Array& w) {
  if (!is_for_cudnn(s, {&x, &w, &y})) return false;
  const Conv2dKey key = key_of(Conv2dPass::weight_adjoint, s, w.dtype);
  const Conv2dPlan& plan = conv2d_plan(key);
  if (!plan.found) return false;
  const Buffer room = room_for(key, s);
  run_conv2d(key, plan, {wrap(s, x, room), w.data, y.data});
  return true;
}

}  // namespace stillpoint::kernels
