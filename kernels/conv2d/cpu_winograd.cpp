// Winograd's F(2x2, 3x3) on the CPU: y = A^T ((G w G^T) . (B^T d B)) A for tiles d of 4 x 4 inputs, in
// vectors of tiles.
#include <cstdlib>
#include <string_view>

#include "kernels/conv2d/conv2d_correlation.h"
#include "kernels/conv2d/conv2d_cpu.h"

namespace stillpoint::kernels {
namespace {

using namespace conv2d_tile;
using Floats = Vector<float>;
constexpr Index lanes = width<float>, columns = tile::columns<float>;
constexpr int points = 16;  // products of a tile

// One image's planes of every second row and column, so that input (a,b) of neighbouring tiles lies in
// neighbouring places: element (2 p + a, 2 q + b) of the bordered image is at place p pitch + q of plane 2 a
// + b. Tiles are one run of places, with a gap at the end of each row.
struct Tiles {
  Index rows, pitch, count, vectors, plane, stride;

  Tiles(Index height, Index width_of_image)
      : rows(height / 2),
        pitch(width_of_image / 2 + 1),
        count((rows - 1) * pitch + width_of_image / 2),
        vectors((count + lanes - 1) / lanes),
        plane((rows + 1) * pitch + lanes),
        stride(spread<float>(3 * plane + vectors * lanes + pitch + 1)) {}
  Index out_plane() const { return spread<float>(vectors * lanes); }
};

struct Winograd {
  Tiles tiles;
  Index channels, outputs, width_of_image;
  const float* u;  // [point][block of outputs][channel][output of the block]
  const float* bias;

  Index image_elements() const { return channels * tiles.stride; }
  Index point_stride() const { return (channels | 1) * columns; }
  Index elements() const {
    return image_elements() + points * (point_stride() + tile::rows * columns) +
           outputs * 4 * tiles.out_plane();
  }
};

// u = G w G^T for the 3 x 3 taps of w, or their reverse.
void transform_taps(const float* w, bool reverse, float (&u)[points]) {
  float half[4][3];
  for (int b = 0; b < 3; ++b) {
    const auto tap = [&](int a) { return w[reverse ? 8 - (3 * a + b) : 3 * a + b]; };
    half[0][b] = tap(0);
    half[1][b] = (tap(0) + tap(2) + tap(1)) * 0.5f;
    half[2][b] = (tap(0) + tap(2) - tap(1)) * 0.5f;
    half[3][b] = tap(2);
  }
  for (int a = 0; a < 4; ++a) {
    const float* const h = half[a];
    u[4 * a] = h[0];
    u[4 * a + 1] = (h[0] + h[2] + h[1]) * 0.5f;
    u[4 * a + 2] = (h[0] + h[2] - h[1]) * 0.5f;
    u[4 * a + 3] = h[2];
  }
}

// Packs the transformed weights; element (o,c) of w is at w + o out_stride + c in_stride.
void pack_transformed(Index outputs, Index channels, const float* w, Index out_stride, Index in_stride,
                      bool reverse, float* packed) {
  tile::for_row_blocks(outputs, [&](auto count, Index first) {
    constexpr int R = count;
    for (Index c = 0; c < channels; ++c)
      for (int r = 0; r < R; ++r) {
        float u[points];
        transform_taps(w + (first + r) * out_stride + c * in_stride, reverse, u);
        float* const to = packed + first * channels + c * R + r;
        for (int point = 0; point < points; ++point) to[point * outputs * channels] = u[point];
      }
  });
}

// Fills the planes with x (channels,H,W); what no image covers was cleared before, or becomes zero again.
void fill_planes(const Winograd& k, Index height, const float* x, float* memory) {
  constexpr simd::LaneSequence<float> all;
  const Tiles& t = k.tiles;
  for (Index c = 0; c < k.channels; ++c, memory += t.stride)
    for (Index i = 0; i < height; ++i, x += k.width_of_image) {
      float* const even =
          memory + (i + 1) % 2 * 2 * t.plane + (i + 1) / 2 * t.pitch;  // of the bordered image
      float* const odd = even + t.plane;
      for (Index q = 0; 2 * q < k.width_of_image; q += lanes) {
        const Index left = k.width_of_image - 2 * q;
        const Floats a = simd::load_part(x + 2 * q, left),
                     b = simd::load_part(x + 2 * q + lanes, left - lanes);
        simd::store_part(odd + q, simd::every_second<0>(a, b, all), left / 2);
        simd::store_part(even + q + 1, simd::every_second<1>(a, b, all), left / 2);
      }
    }
}

// v = B^T d B for K vectors of tiles, from the first place of their planes.
template <int K>
void transform_inputs(const Winograd& k, const float* planes, float* v) {
  const Tiles& t = k.tiles;
  for (Index c = 0; c < k.channels; ++c, planes += t.stride, v += K * lanes)
    for (Index vector = 0; vector < K; ++vector) {
      Floats half[4][4];
      for (int b = 0; b < 4; ++b) {
        const auto input = [&](int a) {
          return simd::load(planes + (a % 2 * 2 + b % 2) * t.plane + a / 2 * t.pitch + b / 2 +
                            vector * lanes);
        };
        const Floats d0 = input(0), d1 = input(1), d2 = input(2), d3 = input(3);
        half[0][b] = d0 - d2;
        half[1][b] = d1 + d2;
        half[2][b] = d2 - d1;
        half[3][b] = d1 - d3;
      }
      for (int a = 0; a < 4; ++a) {
        float* const to = v + 4 * a * k.point_stride() + vector * lanes;
        simd::store(to, half[a][0] - half[a][2]);
        simd::store(to + k.point_stride(), half[a][1] + half[a][2]);
        simd::store(to + 2 * k.point_stride(), half[a][2] - half[a][1]);
        simd::store(to + 3 * k.point_stride(), half[a][1] - half[a][3]);
      }
    }
}

// m[point][r] = sum over channels of u[point][c][r] v[point][c], for R outputs by K vectors of tiles.
template <int K, int R>
void multiply_points(const Winograd& k, const float* u, const float* v, float* m) {
  for (int point = 0; point < points; ++point, v += k.point_stride(), u += k.outputs * k.channels) {
    Floats acc[R][K] = {};
    const float *from = v, *weights = u;
    for (Index c = 0; c < k.channels; ++c, from += K * lanes, weights += R) {
      Floats x[K];
#pragma GCC unroll 2
      for (int i = 0; i < K; ++i) x[i] = simd::load_kept(from + i * lanes);
#pragma GCC unroll 12
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
        for (int i = 0; i < K; ++i) acc[r][i] += simd::splat(weights[r]) * x[i];
    }
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int i = 0; i < K; ++i) simd::store(m + (r * points + point) * columns + i * lanes, acc[r][i]);
  }
}

// The four planes of one output channel's results, A^T m A + bias, for K vectors of tiles.
template <int K>
void transform_outputs(const float* m, float bias, Index plane, float* to) {
  for (Index vector = 0; vector < K; ++vector, m += lanes, to += lanes) {
    Floats half[2][4];
    for (int b = 0; b < 4; ++b) {
      const auto product = [&](int a) { return simd::load(m + (4 * a + b) * columns); };
      const Floats middle = product(1) + product(2), difference = product(1) - product(2);
      half[0][b] = product(0) + middle;
      half[1][b] = difference - product(3);
    }
    for (int a = 0; a < 2; ++a) {
      simd::store(to + 2 * a * plane, (half[a][0] + (half[a][1] + half[a][2])) + bias);
      simd::store(to + (2 * a + 1) * plane, ((half[a][1] - half[a][2]) - half[a][3]) + bias);
    }
  }
}

// Writes an output channel (H,W) from its planes.
void merge_planes(const Winograd& k, const float* planes, float* y) {
  constexpr simd::LaneSequence<float> all;
  const Index plane = k.tiles.out_plane();
  for (Index p = 0; p < k.tiles.rows; ++p)
    for (Index a = 0; a < 2; ++a, y += k.width_of_image) {
      const float *const even = planes + 2 * a * plane + p * k.tiles.pitch, *const odd = even + plane;
      for (Index q = 0; 2 * q < k.width_of_image; q += lanes) {
        const Index left = k.width_of_image - 2 * q;
        const Floats e = simd::load_part(even + q, left / 2), o = simd::load_part(odd + q, left / 2);
        simd::store_part(y + 2 * q, simd::interleave<0>(e, o, all), left);
        simd::store_part(y + 2 * q + lanes, simd::interleave<1>(e, o, all), left - lanes);
      }
    }
}

// Computes the results of K vectors of tiles, for every `parts`-th block of outputs from block `part` on.
template <int K>
void convolve_tiles(const Winograd& k, Index first_tile, Index part, Index parts, const float* planes,
                    float* v, float* m, float* results) {
  transform_inputs<K>(k, planes + first_tile, v);
  const Index plane = k.tiles.out_plane();
  Index block = 0;
  tile::for_row_blocks(k.outputs, [&](auto count, Index first) {
    if (block++ % parts != part) return;
    multiply_points<K, count>(k, k.u + first * k.channels, v, m);
    for (Index r = 0; r < count; ++r)
      transform_outputs<K>(m + r * points * columns, k.bias != nullptr ? k.bias[first + r] : 0.0f, plane,
                           results + (first + r) * 4 * plane + first_tile);
  });
}

void convolve(const Winograd& k, Index batch, Index height, const float* x, float* y) {
  const Index area = height * k.width_of_image;
  share_images<float>(
      batch, k.outputs * k.channels * area * 4, k.elements(),
      [&](float* own) { std::fill_n(own, k.image_elements(), 0.0f); },
      [&](Index n, Index part, Index parts, float* own) {
        float *const v = own + k.image_elements(), *const m = v + points * k.point_stride(),
                     *const results = m + points * tile::rows * columns;
        fill_planes(k, height, x + n * k.channels * area, own);
        Index vector = 0;
        for (; vector + 2 <= k.tiles.vectors; vector += 2)
          convolve_tiles<2>(k, vector * lanes, part, parts, own, v, m, results);
        if (vector < k.tiles.vectors) convolve_tiles<1>(k, vector * lanes, part, parts, own, v, m, results);
        Index block = 0;
        tile::for_row_blocks(k.outputs, [&](auto count, Index first) {
          if (block++ % parts != part) return;
          for (Index o = first; o < first + count; ++o)
            merge_planes(k, results + o * 4 * k.tiles.out_plane(), y + (n * k.outputs + o) * area);
        });
      });
}

bool allowed = [] {
  const char* const value = std::getenv("STILLPOINT_WINOGRAD");
  return value == nullptr || std::string_view(value) != "0";
}();

}  // namespace

bool winograd_allowed() { return allowed; }
void allow_winograd(bool value) { allowed = value; }

bool conv2d_by_winograd(const Conv2dShape& s, DType dtype) {
  constexpr Index enough_channels = 16;
  return allowed && simd::register_bytes == 64 && dtype == DType::float32 && s.kernel_height == 3 &&
         s.kernel_width == 3 && s.stride == 1 && s.padding == 1 && !s.circular && s.height % 2 == 0 &&
         s.width % 2 == 0 && std::min(s.in_channels, s.out_channels) >= enough_channels;
}

void conv2d_winograd(const Conv2dShape& s, const float* x, const float* w, const float* bias, float* y) {
  const Buffer packed(Device::cpu, std::size_t(points * s.in_channels * s.out_channels) * sizeof(float));
  float* const u = static_cast<float*>(packed.data());
  pack_transformed(s.out_channels, s.in_channels, w, 9 * s.in_channels, 9, false, u);
  convolve({Tiles(s.height, s.width), s.in_channels, s.out_channels, s.width, u, bias}, s.batch, s.height, x,
           y);
}

void conv2d_data_adjoint_winograd(const Conv2dShape& s, const float* y, const float* w, float* x) {
  const Buffer packed(Device::cpu, std::size_t(points * s.in_channels * s.out_channels) * sizeof(float));
  float* const u = static_cast<float*>(packed.data());
  pack_transformed(s.in_channels, s.out_channels, w, 9, 9 * s.in_channels, true, u);
  convolve({Tiles(s.height, s.width), s.out_channels, s.in_channels, s.width, u, nullptr}, s.batch, s.height,
           y, x);
}

}  // namespace stillpoint::kernels
