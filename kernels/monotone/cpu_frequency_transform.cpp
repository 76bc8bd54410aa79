// Transforms images in tiles of SIMD columns: all lines of a tile are transformed while it is in L2.
#include "kernels/monotone/frequency_transform.h"

#include <map>
#include <memory>
#include <mutex>

#include "kernels/host/pool.h"
#include "kernels/host/threads.h"
#include "kernels/monotone/frequency_line.h"

namespace stillpoint::kernels {
namespace {

using frequency_line::Column;
using frequency_line::get;
using frequency_line::lanes;
using frequency_line::LinePlan;
using frequency_line::put;

template <class T>
const LinePlan<T>& plan_for(Index n) {
  static std::mutex mutex;
  static std::map<Index, std::unique_ptr<LinePlan<T>>> plans;
  const std::lock_guard lock(mutex);
  std::unique_ptr<LinePlan<T>>& plan = plans[n];
  if (plan == nullptr) plan = std::make_unique<LinePlan<T>>(n);
  return *plan;
}

// One column of images: place p is at z + p z_stride, part r of frequency f at x + (2 f + r) x_stride.
template <class T>
struct Tile {
  T* z;
  Index z_stride;
  T* x;
  Index x_stride;
};

// lines has (n/2+1,2,n) columns, [p][part][x]; frequencies has those of two real lines, (4, n/2+1) columns.
template <class T>
struct Scratch {
  T *lines, *frequencies, *line;
  static Index columns(Index n) {
    return 2 * (n / 2 + 1) * n + 4 * (n / 2 + 1) + frequency_line::line_scratch(n);
  }
  Scratch(Index n, T* memory)
      : lines(memory),
        frequencies(lines + 2 * (n / 2 + 1) * n * lanes<T>),
        line(frequencies + 4 * (n / 2 + 1) * lanes<T>) {}
};

template <class T>
void forward_tile(const LinePlan<T>& plan, const Tile<T>& t, const Scratch<T>& s) {
  const Index n = plan.n, half = n / 2, count = half + 1;
  T* const lines = s.lines;
  for (Index x = 0; x < n; ++x)
    frequency_line::forward_line(plan, t.z + x * t.z_stride, n * t.z_stride, lines + x * lanes<T>,
                                 lines + (n + x) * lanes<T>, 2 * n * lanes<T>, s.line);
  T *const ar = s.frequencies, *const ai = ar + count * lanes<T>, *const br = ai + count * lanes<T>,
           *const bi = br + count * lanes<T>;
  for (Index p = 0; p < count; ++p) {
    const T* const line = lines + p * 2 * n * lanes<T>;
    frequency_line::forward_line(plan, line, lanes<T>, ar, ai, lanes<T>, s.line);
    frequency_line::forward_line(plan, line + n * lanes<T>, lanes<T>, br, bi, lanes<T>, s.line);
    // Computes A + i B of the frequencies of the two real lines.
    for (Index q = 0; q < count; ++q) {
      const Column<T> a = get(ar + q * lanes<T>), b = get(ai + q * lanes<T>), c = get(br + q * lanes<T>),
                      d = get(bi + q * lanes<T>);
      T* const at = t.x + 2 * (p * n + q) * t.x_stride;
      put(at, a - d);
      put(at + t.x_stride, b + c);
      if (q == 0 || 2 * q == n) continue;
      T* const mirror = t.x + 2 * (p * n + n - q) * t.x_stride;
      put(mirror, a + d);
      put(mirror + t.x_stride, c - b);
    }
  }
}

template <class T>
void inverse_tile(const LinePlan<T>& plan, const Tile<T>& t, const Scratch<T>& s) {
  const Index n = plan.n, half = n / 2, count = half + 1;
  T *const ar = s.frequencies, *const ai = ar + count * lanes<T>, *const br = ai + count * lanes<T>,
           *const bi = br + count * lanes<T>;
  const simd::Vector<T> by = simd::splat(T(0.5));
  const auto halved = [by](Column<T> c) { return Column<T>{by * c.a, by * c.b}; };
  for (Index p = 0; p < count; ++p) {
    // Computes the frequencies of the real and the imaginary line.
    for (Index q = 0; q < count; ++q) {
      const T* const at = t.x + 2 * (p * n + q) * t.x_stride;
      const T* const mirror = t.x + 2 * (p * n + (n - q) % n) * t.x_stride;
      const Column<T> zr = get(at), zi = get(at + t.x_stride), mr = get(mirror),
                      mi = get(mirror + t.x_stride);
      put(ar + q * lanes<T>, halved(zr + mr));
      put(ai + q * lanes<T>, halved(zi - mi));
      put(br + q * lanes<T>, halved(zi + mi));
      put(bi + q * lanes<T>, halved(mr - zr));
    }
    T* const line = s.lines + p * 2 * n * lanes<T>;
    frequency_line::inverse_line(plan, ar, ai, lanes<T>, line, lanes<T>, s.line);
    frequency_line::inverse_line(plan, br, bi, lanes<T>, line + n * lanes<T>, lanes<T>, s.line);
  }
  for (Index x = 0; x < n; ++x)
    frequency_line::inverse_line(plan, s.lines + x * lanes<T>, s.lines + (n + x) * lanes<T>, 2 * n * lanes<T>,
                                 t.z + x * t.z_stride, n * t.z_stride, s.line);
}

// Copies `some` columns' elements from rows `from_stride` apart to rows `to_stride` apart.
template <class T>
void copy_rows(Index rows, Index some, const T* from, Index from_stride, T* to, Index to_stride) {
  for (Index r = 0; r < rows; ++r)
    for (Index i = 0; i < some; ++i) to[r * to_stride + i] = from[r * from_stride + i];
}

// If the last tile is not whole, it is transformed in a padded copy.
template <class T, bool inverse>
void transform(HalfFrequencies half, Index width, T* z, T* frequencies) {
  const LinePlan<T>& plan = plan_for<T>(half.n);
  const Index n = half.n, places = n * n, rows = 2 * half.count();
  const Index tiles = (width + lanes<T> - 1) / lanes<T>, columns = Scratch<T>::columns(n);
  const Index slot_size = (columns + places + rows) * lanes<T>;
  const int slots = slots_for(tiles, width * places >= serial_below);
  const Buffer memory(Device::cpu, std::size_t(slots * slot_size) * sizeof(T));
  parallel(tiles, slots, [&](Index i, int slot) {
    T* const first = static_cast<T*>(memory.data()) + slot * slot_size;
    const Scratch<T> scratch(n, first);
    const Tile<T> padded{first + columns * lanes<T>, lanes<T>, first + (columns + places) * lanes<T>,
                         lanes<T>};
    const auto run = [&](const Tile<T>& t) {
      if constexpr (inverse)
        inverse_tile(plan, t, scratch);
      else
        forward_tile(plan, t, scratch);
    };
    const Index at = i * lanes<T>, some = width - at;
    if (some >= lanes<T>) return run({z + at, width, frequencies + at, width});
    std::fill_n(padded.z, (places + rows) * lanes<T>, T(0));
    if constexpr (inverse) {
      copy_rows(rows, some, frequencies + at, width, padded.x, lanes<T>);
      run(padded);
      copy_rows(places, some, padded.z, lanes<T>, z + at, width);
    } else {
      copy_rows(places, some, z + at, width, padded.z, lanes<T>);
      run(padded);
      copy_rows(rows, some, padded.x, lanes<T>, frequencies + at, width);
    }
  });
}

Index width_of(const char* op, HalfFrequencies half, const Array& z, const Array& frequencies) {
  const Index places = half.n * half.n, width = z.size / places;
  require(z.size == width * places && frequencies.size == 2 * half.count() * width, op, ": given ", z.size,
          " elements of images and ", frequencies.size, " of frequencies of side ", half.n,
          ", expected (n n, width) and (frequencies, 2, width), check the sizes");
  return width;
}

}  // namespace

void frequency_transform_cpu(HalfFrequencies half, const Array& z, const Array& frequencies) {
  dispatch_real(z.dtype, "frequency_transform", [&](auto zero) {
    using T = decltype(zero);
    transform<T, false>(half, width_of("frequency_transform", half, z, frequencies), z.as<T>(),
                        frequencies.as<T>());
  });
}

void inverse_frequency_transform_cpu(HalfFrequencies half, const Array& frequencies, const Array& z) {
  dispatch_real(z.dtype, "inverse_frequency_transform", [&](auto zero) {
    using T = decltype(zero);
    transform<T, true>(half, width_of("inverse_frequency_transform", half, z, frequencies), z.as<T>(),
                       frequencies.as<T>());
  });
}

}  // namespace stillpoint::kernels
