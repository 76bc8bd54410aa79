// Convolutions of bf16 operands by oneDNN, which uses AMX or AVX-512 BF16. Images are copied with their
// border into bf16 with the channels last, as its fast kernels want them, so that every pass is one of stride
// 1 without a border.
#include "kernels/conv2d/conv2d_cpu.h"
#include "kernels/conv2d/conv2d_tile.h"
#include "kernels/gemm/gemm_bf16.h"
#include "kernels/gemm/gemm_cpu.h"
#include "kernels/gemm/onednn.h"
#include "kernels/host/pool.h"
#if STILLPOINT_ONEDNN
#include <array>
#include <cstring>
#include <map>
#endif

namespace stillpoint::kernels {

bool conv2d_suits_bf16(const Conv2dShape& s, DType dtype) {
  constexpr Index fewest_channels = 8;
  return dtype == DType::float32 && precision() == Precision::bf16 && s.stride == 1 &&
         std::min(s.in_channels, s.out_channels) >= fewest_channels &&
         s.padding <= std::min(s.height, s.width) && s.batch > 0;
}

bool conv2d_in_bf16(const Conv2dShape& s, DType dtype) {
  return conv2d_suits_bf16(s, dtype) && cpu_has_bf16();
}

#if STILLPOINT_ONEDNN
namespace {

using conv2d_tile::Extent;
using Type = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;
using Desc = dnnl::memory::desc;
using dnnl::memory;

dnnl::reorder copy(const Desc& from, const Desc& to) {
  return dnnl::reorder(dnnl::reorder::primitive_desc(onednn_cpu(), from, onednn_cpu(), to));
}

void run(dnnl::primitive& primitive, const std::unordered_map<int, memory>& arguments) {
  dnnl::stream stream(onednn_cpu());
  primitive.execute(stream, arguments);
  stream.wait();
}

void run(dnnl::reorder& reorder, const Desc& from, const void* source, const Desc& to, void* target) {
  run(reorder, {{DNNL_ARG_FROM, onednn_memory(from, source)}, {DNNL_ARG_TO, onednn_memory(to, target)}});
}

// Images (C,H,W) in float32, and the same in bf16 with a border and the channels last.
struct Images {
  Index channels;
  Extent size, border;
  bool circular;
  Index rows() const { return size.height + 2 * border.height; }
  Index columns() const { return size.width + 2 * border.width; }
  Index elements() const { return rows() * columns() * channels; }
  Index plain_elements() const { return size.height * size.width * channels; }
  Desc plain() const { return {{1, channels, size.height, size.width}, Type::f32, Tag::nchw}; }
  Desc inside() const {
    return {{1, channels, size.height, size.width},
            Type::bf16,
            memory::dims{elements(), 1, columns() * channels, channels}};
  }
  Desc whole(Index count) const { return {{count, channels, rows(), columns()}, Type::bf16, Tag::nhwc}; }

  // The border of `to` holds zeros. `fill` is copy(plain(), inside()).
  void copy_in(dnnl::reorder& fill, const float* x, Bf16* to) const {
    const Index row = columns() * channels, left = border.width * channels;
    run(fill, plain(), x, inside(), to + border.height * row + left);
    if (!circular) return;
    for (Index i = 0; i < size.height; ++i) {
      Bf16* const line = to + (border.height + i) * row;
      std::copy_n(line + size.width * channels, left, line);
      std::copy_n(line + left, left, line + left + size.width * channels);
    }
    std::copy_n(to + size.height * row, border.height * row, to);
    std::copy_n(to + border.height * row, border.height * row, to + (border.height + size.height) * row);
  }
};

// Makes one object per key and thread, because making a primitive compiles code.
template <class Made, class... Parts>
Made& kept(const std::array<Index, 10>& key, const Parts&... parts) {
  thread_local std::map<std::array<Index, 10>, Made> made;
  const auto found = made.find(key);
  return found != made.end() ? found->second : made.try_emplace(key, parts...).first->second;
}

// A pass over images with a border, `count` at once: y or, in the weight adjoint, dy has `outputs` channels.
struct Layout {
  Images images;
  Index outputs, count;
  Extent kernel;

  Extent out() const { return {images.rows() - kernel.height + 1, images.columns() - kernel.width + 1}; }
  Index result_elements() const { return outputs * out().height * out().width; }
  Desc weights(Type type, Tag tag) const {
    return {{outputs, images.channels, kernel.height, kernel.width}, type, tag};
  }
  Desc result(Type type, Tag tag, Index of) const {
    return {{of, outputs, out().height, out().width}, type, tag};
  }
  std::array<Index, 10> key() const {
    return {images.channels,     images.size.height, images.size.width, images.border.height,
            images.border.width, images.circular,    outputs,           count,
            kernel.height,       kernel.width};
  }
};

const memory::dims one{1, 1}, none{0, 0};

dnnl::convolution_forward::primitive_desc describe_forward(const Layout& l, Type of_result) {
  const auto kind = dnnl::prop_kind::forward_training;
  const auto algorithm = dnnl::algorithm::convolution_direct;
  const Desc x = l.images.whole(l.count), w = l.weights(Type::bf16, Tag::any),
             bias{{l.outputs}, Type::f32, Tag::x}, y = l.result(of_result, Tag::nhwc, l.count);
#if DNNL_VERSION_MAJOR >= 3
  return {onednn_cpu(), kind, algorithm, x, w, bias, y, one, none, none};
#else
  return {{kind, algorithm, x, w, bias, y, one, none, none}, onednn_cpu()};
#endif
}

// y = correlation of one bordered image with w (outputs, channels, height, width), plus a bias.
struct Correlation {
  Layout layout;
  Desc weights, packed, bias, result, y;
  dnnl::reorder fill, pack, finish;
  dnnl::convolution_forward pass;

  explicit Correlation(const Layout& l)
      : layout(l),
        weights(l.weights(Type::f32, Tag::oihw)),
        bias({l.outputs}, Type::f32, Tag::x),
        result(l.result(Type::f32, Tag::nhwc, 1)),
        y(l.result(Type::f32, Tag::nchw, 1)),
        fill(copy(l.images.plain(), l.images.inside())),
        finish(copy(result, y)) {
    const auto described = describe_forward(l, Type::f32);
    packed = described.weights_desc();
    pack = copy(weights, packed);
    pass = dnnl::convolution_forward(described);
  }
  void operator()(const float* x, const void* w, const float* b, Bf16* image, float* channels_last,
                  float* to) {
    layout.images.copy_in(fill, x, image);
    run(pass, {{DNNL_ARG_SRC, onednn_memory(layout.images.whole(1), image)},
               {DNNL_ARG_WEIGHTS, onednn_memory(packed, w)},
               {DNNL_ARG_BIAS, onednn_memory(bias, b)},
               {DNNL_ARG_DST, onednn_memory(result, channels_last)}});
    run(finish, result, channels_last, y, to);
  }
};

constexpr Index line = 64;
constexpr Index lines(Index bytes) { return (bytes + line - 1) / line * line; }

// Calls work(piece, memory) for every piece, where each slot has `bytes` that start as zeros.
template <class Work>
void with_scratch(Index pieces, Index bytes, const Work& work) {
  const int slots = slots_for(pieces);
  const Buffer memory_of_slots(Device::cpu, std::size_t(slots * bytes));
  auto* const first = static_cast<std::byte*>(memory_of_slots.data());
  std::memset(first, 0, std::size_t(slots * bytes));
  parallel(pieces, slots, [&](Index piece, int slot) {
    use_one_onednn_thread();
    work(piece, first + slot * bytes);
  });
}

void correlate(const Layout& l, Index batch, const float* x, const float* w, const float* bias, float* y) {
  use_one_onednn_thread();
  Correlation& pass = kept<Correlation>(l.key(), l);
  const Buffer weights(Device::cpu, pass.packed.get_size()),
      zeros(Device::cpu, std::size_t(l.outputs) * sizeof(float));
  std::memset(zeros.data(), 0, zeros.bytes());
  run(pass.pack, pass.weights, w, pass.packed, weights.data());
  const float* const b = bias != nullptr ? bias : static_cast<const float*>(zeros.data());
  const Index image = lines(l.images.elements() * Index(sizeof(Bf16)));
  with_scratch(
      batch, image + lines(l.result_elements() * Index(sizeof(float))), [&](Index n, std::byte* own) {
        kept<Correlation>(l.key(), l)(x + n * l.images.plain_elements(), weights.data(), b,
                                      reinterpret_cast<Bf16*>(own), reinterpret_cast<float*>(own + image),
                                      y + n * l.result_elements());
      });
}

// dw = correlation of `count` bordered images with dy, both in bf16.
struct WeightAdjoint {
  Layout layout;
  Desc dy_inside, dy_plain, packed, weights;
  dnnl::reorder fill, fill_dy, unpack;
  dnnl::convolution_backward_weights pass;

  explicit WeightAdjoint(const Layout& l)
      : layout(l),
        dy_inside(l.result(Type::bf16, Tag::nhwc, 1)),
        dy_plain(l.result(Type::f32, Tag::nchw, 1)),
        weights(l.weights(Type::f32, Tag::oihw)),
        fill(copy(l.images.plain(), l.images.inside())),
        fill_dy(copy(dy_plain, dy_inside)) {
    const auto algorithm = dnnl::algorithm::convolution_direct;
    const Desc x = l.images.whole(l.count), dw = l.weights(Type::f32, Tag::any),
               dy = l.result(Type::bf16, Tag::nhwc, l.count);
    const auto forward = describe_forward(l, Type::bf16);
    using Pass = dnnl::convolution_backward_weights;
#if DNNL_VERSION_MAJOR >= 3
    const Pass::primitive_desc described(onednn_cpu(), algorithm, x, dw, dy, one, none, none, forward);
#else
    const Pass::primitive_desc described({algorithm, x, dw, dy, one, none, none}, onednn_cpu(), forward);
#endif
    packed = described.diff_weights_desc();
    unpack = copy(packed, weights);
    pass = Pass(described);
  }
  // dw from the first `given` images of a set; zeros stand for the others.
  void operator()(Index given, const float* x, const float* dy, Bf16* images, Bf16* dys, float* dw) {
    const Index of_image = layout.images.elements(), of_dy = layout.result_elements(), count = layout.count;
    for (Index n = 0; n < given; ++n) {
      layout.images.copy_in(fill, x + n * layout.images.plain_elements(), images + n * of_image);
      run(fill_dy, dy_plain, dy + n * of_dy, dy_inside, dys + n * of_dy);
    }
    std::fill(images + given * of_image, images + count * of_image, Bf16(0));
    std::fill(dys + given * of_dy, dys + count * of_dy, Bf16(0));
    run(pass, {{DNNL_ARG_SRC, onednn_memory(layout.images.whole(count), images)},
               {DNNL_ARG_DIFF_DST, onednn_memory(layout.result(Type::bf16, Tag::nhwc, count), dys)},
               {DNNL_ARG_DIFF_WEIGHTS, onednn_memory(packed, dw)}});
  }
};

}  // namespace

void conv2d_bf16(const Conv2dShape& s, const float* x, const float* w, const float* bias, float* y) {
  const Images images{s.in_channels, {s.height, s.width}, {s.padding, s.padding}, s.circular};
  correlate({images, s.out_channels, 1, {s.kernel_height, s.kernel_width}}, s.batch, x, w, bias, y);
}

void conv2d_data_adjoint_bf16(const Conv2dShape& s, const float* y, const float* w, float* x) {
  const Extent border{s.kernel_height - 1 - s.padding, s.kernel_width - 1 - s.padding};
  const Images images{s.out_channels, {s.out_height(), s.out_width()}, border, s.circular};
  const Index taps = s.kernel_height * s.kernel_width;
  const Buffer memory_of_weights(Device::cpu,
                                 std::size_t(s.out_channels * s.in_channels * taps) * sizeof(float));
  auto* const reversed = static_cast<float*>(memory_of_weights.data());
  for (Index o = 0; o < s.out_channels; ++o)
    for (Index c = 0; c < s.in_channels; ++c)
      for (Index t = 0; t < taps; ++t)
        reversed[(c * s.out_channels + o) * taps + t] = w[(o * s.in_channels + c) * taps + taps - 1 - t];
  correlate({images, s.in_channels, 1, {s.kernel_height, s.kernel_width}}, s.batch, y, reversed, nullptr, x);
}

// Sets of neighbouring images have sums of their own, which are added in order; the shape decides their
// number, so no result depends on the number of threads.
void conv2d_weight_adjoint_bf16(const Conv2dShape& s, const float* y, const float* x, float* w,
                                float* dbias) {
  const Index count = std::clamp<Index>(s.batch / 32, 1, 8), sets = (s.batch + count - 1) / count;
  const Layout l{{s.in_channels, {s.height, s.width}, {s.padding, s.padding}, s.circular},
                 s.out_channels,
                 count,
                 {s.kernel_height, s.kernel_width}};
  use_one_onednn_thread();
  WeightAdjoint& first = kept<WeightAdjoint>(l.key(), l);
  const Index of_weights = lines(Index(first.packed.get_size())) / Index(sizeof(float)),
              of_set = of_weights + s.out_channels;
  const Index places = s.out_height() * s.out_width(), of_dy = l.result_elements();
  const Buffer memory_of_sums(Device::cpu, std::size_t(sets * of_set) * sizeof(float));
  auto* const sums = static_cast<float*>(memory_of_sums.data());
  const Index image_bytes = lines(count * l.images.elements() * Index(sizeof(Bf16)));
  with_scratch(
      sets, image_bytes + lines(count * of_dy * Index(sizeof(Bf16))), [&](Index set, std::byte* own) {
        const Index n = set * count;
        float* const to = sums + set * of_set;
        kept<WeightAdjoint>(l.key(), l)(std::min(count, s.batch - n), x + n * l.images.plain_elements(),
                                        y + n * of_dy, reinterpret_cast<Bf16*>(own),
                                        reinterpret_cast<Bf16*>(own + image_bytes), to);
        std::fill_n(to + of_weights, s.out_channels, 0.0f);
        for (Index row = 0; row < std::min(count, s.batch - n) * s.out_channels && dbias != nullptr; ++row)
          to[of_weights + row % s.out_channels] += conv2d_tile::sum_row(y + n * of_dy + row * places, places);
      });
  for (Index set = 1; set < sets; ++set)
#pragma GCC ivdep
    for (Index i = 0; i < of_set; ++i) sums[i] += sums[set * of_set + i];
  run(first.unpack, first.packed, sums, first.weights, w);
  if (dbias != nullptr) std::copy_n(sums + of_weights, s.out_channels, dbias);
}

#else

namespace {
[[noreturn]] void unsupported() {
  fail("bf16 convolution: given a build without oneDNN, expected one with it, convolve in float32");
}
}  // namespace

void conv2d_bf16(const Conv2dShape&, const float*, const float*, const float*, float*) { unsupported(); }
void conv2d_data_adjoint_bf16(const Conv2dShape&, const float*, const float*, float*) { unsupported(); }
void conv2d_weight_adjoint_bf16(const Conv2dShape&, const float*, const float*, float*, float*) {
  unsupported();
}

#endif

}  // namespace stillpoint::kernels
