// Computes arg-max over rows, and the confusion matrix.
#include <limits>

#include "kernels/launch/launch.h"
#include "kernels/predictions/predictions.h"

namespace stillpoint::kernels {
namespace {

template <class T>
struct ArgMax {
  const T* x;
  std::int32_t* ids;
  Index columns;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const auto value = [row = x + r * columns](Index c) {
      return row[c] == row[c] ? row[c] : std::numeric_limits<T>::infinity();
    };
    const T largest = team.template max<T>(columns, value);
    const auto first = [=, none = -columns](Index c) { return value(c) == largest ? -c : none; };
    const Index found = -team.template max<Index>(columns, first);
    if (team.leader()) ids[r] = std::int32_t(found);
  }
};

struct Count {
  const std::int32_t *labels, *predicted;
  std::int32_t* counts;
  Index classes;
  // Returns the element that counts the row, or null if none does.
  STILLPOINT_HD std::int32_t* place(Index r) const {
    const Index label = labels[r], column = predicted[r];
    const bool valid = label >= 0 && label < classes && column >= 0 && column < classes;
    return valid ? counts + label * classes + column : nullptr;
  }
};

#if STILLPOINT_CUDA
// Counts are whole numbers: the order in which threads add to them leaves no trace.
__global__ void __launch_bounds__(256) count_pairs(Index rows, Count count) {
  const Index r = Index(blockIdx.x) * blockDim.x + threadIdx.x;
  std::int32_t* const place = r < rows ? count.place(r) : nullptr;
  if (place != nullptr) atomicAdd(place, 1);
}
#endif

}  // namespace

void argmax(Index columns, const Array& x, const Array& ids) {
  dispatch_real(x.dtype, "argmax", [&](auto zero) {
    using T = decltype(zero);
    each_row(x.device, ids.size, columns, ArgMax<T>{x.as<T>(), ids.as<std::int32_t>(), columns});
  });
}

void confusion(Index classes, const Array& labels, const Array& predicted, const Array& counts) {
  const Count count{labels.as<std::int32_t>(), predicted.as<std::int32_t>(), counts.as<std::int32_t>(),
                    classes};
  zero_bytes(counts.data, counts.device, std::size_t(counts.size) * sizeof(std::int32_t));
  if (labels.size == 0) return;
#if STILLPOINT_CUDA
  if (counts.device == Device::cuda)
    return launch("count_pairs", count_pairs, {dim3(unsigned((labels.size + 255) / 256)), dim3(256)},
                  labels.size, count);
#endif
  for (Index r = 0; r < labels.size; ++r)
    if (std::int32_t* const place = count.place(r); place != nullptr) ++*place;
}

}  // namespace stillpoint::kernels
