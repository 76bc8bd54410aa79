// Op cases of images: two-dimensional convolutions with either kind of border.
#include "engine/cases/op_cases.h"

namespace stillpoint {
namespace {

using Ts = std::vector<Tensor>;
using Vs = std::vector<Values>;

struct ImageSizes {
  Index n, in, out, h, w, kh, kw;
  Conv2dOptions options;
  Index out_height() const { return (h + 2 * options.padding - kh) / options.stride + 1; }
  Index out_width() const { return (w + 2 * options.padding - kw) / options.stride + 1; }
  // The sides of the image behind a result; a stride leaves as many places over as in these sizes.
  Shape image_of(const Tensor& y) const {
    return {h + (y.dim(2) - out_height()) * options.stride, w + (y.dim(3) - out_width()) * options.stride};
  }
};

// Calls term(y, x, w) with the places of the factors of every term of a convolution.
template <class Term>
void each_term(const ImageSizes& s, const Term& term) {
  const Index rows = s.out_height(), columns = s.out_width();
  for (Index n = 0; n < s.n; ++n)
    for (Index o = 0; o < s.out; ++o)
      for (Index c = 0; c < s.in; ++c)
        for (Index p = 0; p < rows; ++p)
          for (Index q = 0; q < columns; ++q)
            for (Index a = 0; a < s.kh; ++a)
              for (Index b = 0; b < s.kw; ++b) {
                Index i = p * s.options.stride + a - s.options.padding,
                      j = q * s.options.stride + b - s.options.padding;
                const bool inside = i >= 0 && i < s.h && j >= 0 && j < s.w;
                if (!inside && !s.options.circular) continue;
                i = (i % s.h + s.h) % s.h;
                j = (j % s.w + s.w) % s.w;
                term(std::size_t(((n * s.out + o) * rows + p) * columns + q),
                     std::size_t(((n * s.in + c) * s.h + i) * s.w + j),
                     std::size_t(((o * s.in + c) * s.kh + a) * s.kw + b));
              }
}

// 3 x 3 on images that keep their side, with as many channels as before: in a SIM with a border of zeros, in
// a monDEQ of more than one tier with a circular one.
AtPaper at_paper(const ImageSizes& s, Shapes (*shapes)(const PaperSizes&)) {
  if (s.kh != 3 || s.options.stride != 1 || s.options.padding != 1) return {};
  const bool circular = s.options.circular;
  return {{.batch = 128, .length = circular ? 30 : 28, .width = circular ? 16 : 24},
          shapes,
          [circular](const Shapes& in) {
            const double line = circular ? 3 * double(in[0][3]) : inside_products(in[0][3], 3, 1, 1);
            return 2 * double(in[0][0] * in[0][1] * in[0][1]) * line * line;
          }};
}
Shapes image_and_taps(const PaperSizes& s) {
  return {{s.batch, s.width, s.length, s.length}, {s.width, s.width, 3, 3}};
}

void add_conv2d_cases(std::vector<OpCase>& cases, const ImageSizes& s) {
  const Conv2dOptions options = s.options;
  const Shape image{s.n, s.in, s.h, s.w}, taps{s.out, s.in, s.kh, s.kw},
      result{s.n, s.out, s.out_height(), s.out_width()};
  const std::string border = options.circular ? " circular" : "";
  cases.push_back({.name = "conv2d" + border,
                   .inputs = {{image}, {taps}},
                   .op = [options](const Ts& in) { return conv2d(in[0], in[1], options); },
                   .oracle =
                       [s, n = count(result)](const Vs& in) {
                         Values out(std::size_t(n), 0.0);
                         each_term(s, [&](auto y, auto x, auto w) { out[y] += in[0][x] * in[1][w]; });
                         return out;
                       },
                   .terms = s.in * s.kh * s.kw,
                   .paper = at_paper(s, image_and_taps)});
  cases.push_back({.name = "conv2d with bias" + border,
                   .inputs = {{image}, {taps}, {{s.out}}},
                   .op = [options](const Ts& in) { return conv2d(in[0], in[1], in[2], options); },
                   .oracle =
                       [s, n = count(result)](const Vs& in) {
                         Values out;
                         for (Index i = 0; i < n; ++i)
                           out.push_back(in[2][std::size_t(i / (s.out_height() * s.out_width()) % s.out)]);
                         each_term(s, [&](auto y, auto x, auto w) { out[y] += in[0][x] * in[1][w]; });
                         return out;
                       },
                   .terms = s.n * s.h * s.w,
                   .paper = at_paper(s, [](const PaperSizes& p) {
                     Shapes in = image_and_taps(p);
                     in.push_back({p.width});
                     return in;
                   })});
  cases.push_back(
      {.name = "conv2d_data_adjoint" + border,
       .inputs = {{result}, {taps}},
       .op = [options,
              s](const Ts& in) { return conv2d_data_adjoint(in[0], in[1], s.image_of(in[0]), options); },
       .oracle =
           [s, n = count(image)](const Vs& in) {
             Values out(std::size_t(n), 0.0);
             each_term(s, [&](auto y, auto x, auto w) { out[x] += in[0][y] * in[1][w]; });
             return out;
           },
       .terms = s.out * s.kh * s.kw,
       .paper = at_paper(s, image_and_taps)});
  cases.push_back({.name = "conv2d_weight_adjoint" + border,
                   .inputs = {{result}, {image}},
                   .op =
                       [options, s](const Ts& in) {
                         return conv2d_weight_adjoint(in[0], in[1], {s.kh, s.kw}, options);
                       },
                   .oracle =
                       [s, n = count(taps)](const Vs& in) {
                         Values out(std::size_t(n), 0.0);
                         each_term(s, [&](auto y, auto x, auto w) { out[w] += in[0][y] * in[1][x]; });
                         return out;
                       },
                   .terms = s.n * s.h * s.w,
                   .paper = at_paper(s, [](const PaperSizes& p) {
                     return Shapes(2, {p.batch, p.width, p.length, p.length});
                   })});
}

}  // namespace

void add_image_cases(std::vector<OpCase>& cases) {
  for (const ImageSizes& s :
       {ImageSizes{2, 3, 5, 9, 7, 3, 3, {.padding = 1}},
        ImageSizes{1, 2, 3, 6, 8, 3, 3, {.padding = 1, .circular = true}},
        ImageSizes{2, 1, 2, 6, 6, 3, 3, {.stride = 2, .padding = 1, .circular = true}},
        ImageSizes{1, 1, 2, 2, 3, 7, 7, {.padding = 3, .circular = true}},
        ImageSizes{1, 2, 2, 8, 5, 2, 3, {.stride = 2}}, ImageSizes{1, 3, 2, 4, 33, 1, 1, {}}})
    add_conv2d_cases(cases, s);
}

}  // namespace stillpoint
