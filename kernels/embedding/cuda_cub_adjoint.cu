// Computes the embedding's adjoint by sorted ids: CUB's radix sort, sums of runs inside chunks, sums of their
// parts.
#include <algorithm>
#include <bit>

#include <cub/device/device_radix_sort.cuh>

#include "kernels/embedding/embedding_cub.h"
#include "kernels/launch/launch.h"

namespace stillpoint::kernels {
namespace {

// Holds the id above the position.
using Key = std::uint64_t;
STILLPOINT_HD Index id_of(Key key) { return Index(key >> 32); }
STILLPOINT_HD Index position_of(Key key) { return Index(key & 0xffffffffu); }

constexpr Index chunk = 64;

// Ids outside of the table become `rows`, which sorts behind all others.
struct MakeKeys {
  const std::int32_t* ids;
  Key* keys;
  Index rows;
  STILLPOINT_HD void operator()(Index i) const {
    const Index id = ids[i] >= 0 && ids[i] < rows ? ids[i] : rows;
    keys[i] = Key(id) << 32 | Key(i);
  }
};

struct FindStarts {
  const Key* keys;
  Index n;
  Index* starts;
  STILLPOINT_HD void operator()(Index row) const {
    starts[row] = Index(std::lower_bound(keys, keys + n, Key(row) << 32) - keys);
  }
};

// Adds one column of a chunk of sorted keys, each run of equal ids in the order of positions. The sum of a
// run inside the chunk is the row's. A run that began in an earlier chunk leaves parts[0], and one that only
// continues in the next chunk leaves parts[1].
template <class T>
struct SumRuns {
  const Key* keys;
  const T* y;
  T *table, *parts;  // parts (chunks,2,width)
  Index n, rows, width;

  STILLPOINT_HD void store(Index first, Index begin, Index end, Index column, Index id, T sum) const {
    T* const part = parts + first / chunk * 2 * width + column;
    if (begin == first && first > 0 && id_of(keys[first - 1]) == id) {
      part[0] = sum;
    } else if (end < n && id_of(keys[end]) == id) {
      part[width] = sum;
    } else if (id < rows) {
      table[id * width + column] = sum;
    }
  }
  STILLPOINT_HD void operator()(Index i) const {
    constexpr int batch = 4;  // loads on their way
    const Index first = i / width * chunk, column = i % width, last = minimum(first + chunk, n);
    Index begin = first, id = id_of(keys[first]);
    T sum = T(0);
    for (Index k = first; k < last; k += batch) {
      Index ids[batch];
      T terms[batch];
      for (int j = 0; j < batch; ++j) {
        const Key key = keys[minimum(k + j, last - 1)];
        ids[j] = id_of(key);
        terms[j] = y[position_of(key) * width + column];
      }
      for (int j = 0; j < batch; ++j) {
        if (k + j >= last) break;
        if (ids[j] != id) {
          store(first, begin, k + j, column, id, sum);
          begin = k + j;
          id = ids[j];
          sum = T(0);
        }
        sum += terms[j];
      }
    }
    store(first, begin, last, column, id, sum);
  }
};

// Writes the elements whose run lies in more than one chunk, as the sum of its parts, and those without a
// run, as zero.
template <class T>
struct SumParts {
  const Index* starts;
  const T* parts;
  T* table;
  Index width;
  template <class Team>
  STILLPOINT_HD void operator()(Index i, Team team) const {
    const Index row = i / width, begin = starts[row], end = starts[row + 1];
    const Index first = begin / chunk, chunks = (end - 1) / chunk - first + 1;
    if (begin < end && chunks == 1) return;
    const T* const part = parts + first * 2 * width + i % width;
    const auto term = [part, pitch = width](Index c) { return part[(c == 0 ? 1 : 2 * c) * pitch]; };
    const T sum = begin < end ? team.template sum<T>(chunks, term) : T(0);
    if (team.leader()) table[i] = sum;
  }
};

// Sorts n keys by their ids, which are at most `rows`. Returns the array that holds the result: `keys` or
// `other`.
const Key* sorted(Key* keys, Key* other, Index n, Index rows) {
  cub::DoubleBuffer<Key> both(keys, other);
  const int end_bit = 32 + int(std::bit_width(std::uint64_t(rows)));
  std::size_t bytes = 0;
  const auto sort = [&](void* scratch) {
    return cub::DeviceRadixSort::SortKeys(scratch, bytes, both, std::int32_t(n), 32, end_bit,
                                          cuda::queue().stream);
  };
  STILLPOINT_CUDA_CHECK(sort(nullptr));
  const Buffer scratch(Device::cuda, bytes);
  STILLPOINT_CUDA_CHECK(sort(scratch.data()));
  cuda::finish_where_asked("cub::DeviceRadixSort", __FILE__, __LINE__);
  return both.Current();
}

template <class T>
void adjoint(Index width, const Array& y, const Array& ids, const Array& table) {
  const Index n = ids.size, rows = table.size / width, chunks = (n + chunk - 1) / chunk;
  const Buffer both(Device::cuda, std::size_t(2 * n) * sizeof(Key));
  const Buffer starts(Device::cuda, std::size_t(rows + 1) * sizeof(Index));
  const Buffer parts(Device::cuda, std::size_t(chunks * 2 * width) * sizeof(T));
  Key* const keys = static_cast<Key*>(both.data());
  Index* const first = static_cast<Index*>(starts.data());
  T* const part = static_cast<T*>(parts.data());
  each(Device::cuda, n, MakeKeys{ids.as<std::int32_t>(), keys, rows});
  const Key* const in_order = sorted(keys, keys + n, n, rows);
  each(Device::cuda, rows + 1, FindStarts{in_order, n, first});
  each(Device::cuda, chunks * width, SumRuns<T>{in_order, y.as<T>(), table.as<T>(), part, n, rows, width});
  each_row(Device::cuda, table.size, 32, SumParts<T>{first, part, table.as<T>(), width});
}

}  // namespace

void embedding_adjoint_by_cub(Index width, const Array& y, const Array& ids, const Array& table) {
  dispatch_real(y.dtype, "embedding_adjoint",
                [&](auto zero) { adjoint<decltype(zero)>(width, y, ids, table); });
}

}  // namespace stillpoint::kernels
