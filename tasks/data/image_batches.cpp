// Turns rows into float32 batches, on the caller's thread or one step ahead of it.
#include "tasks/data/image_batches.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "kernels/launch/philox.h"
#include "tasks/data/worker.h"
#include "tasks/training/order.h"

namespace stillpoint {
namespace {

// x of each byte: (value / 255 - mean) / deviation
using ByteTable = std::array<float, 256>;

std::vector<ByteTable> tables_of(const DatasetInfo& info) {
  std::vector<ByteTable> tables(info.mean.size());
  for (std::size_t c = 0; c < tables.size(); ++c)
    for (std::size_t value = 0; value < 256; ++value)
      tables[c][value] = float((double(value) / 255 - info.mean[c]) / info.deviation[c]);
  return tables;
}

// y(r, c) = x at (r + row - padding, c + column - padding), after x is flipped and padded with black.
void write_plane(const std::uint8_t* x, Index height, Index width, const Augmentation& a,
                 const ByteTable& table, float* y) {
  const Index down = a.row - Augmentation::padding, right = a.column - Augmentation::padding;
  const Index first = std::clamp<Index>(-right, 0, width), last = std::clamp<Index>(width - right, 0, width);
  for (Index r = 0; r < height; ++r, y += width) {
    const Index from = r + down;
    if (from < 0 || from >= height) {
      std::fill_n(y, width, table[0]);
      continue;
    }
    const std::uint8_t* const row = x + from * width;
    std::fill_n(y, first, table[0]);
    for (Index c = first; c < last; ++c) y[c] = table[row[a.flip ? width - 1 - (c + right) : c + right]];
    std::fill(y + last, y + width, table[0]);
  }
}

}  // namespace

Augmentation Augmentation::draw(std::uint64_t seed, Index epoch, Index image) {
  // Streams from 3 2^62 on are for augmentation, those from 2 2^62 on for the order of the data.
  const std::uint64_t stream = (std::uint64_t(3) << 62) + std::uint64_t(epoch);
  const kernels::Philox4 r = kernels::philox(seed, stream, std::uint64_t(image));
  const auto below = [](std::uint64_t end, std::uint32_t bits) { return Index(end * bits >> 32); };
  return {below(2, r.x[0]) == 1, below(2 * padding + 1, r.x[1]), below(2 * padding + 1, r.x[2])};
}

struct ImageBatches::State {
  const ImageSet& set;
  std::vector<Index> rows;
  Options options;
  std::vector<ByteTable> tables;
  Index steps_per_epoch;

  Index order_epoch = -1;    // the epoch of `order`
  std::vector<Index> order;  // places in rows

  std::vector<std::uint8_t> values;  // of an image that was read; empty if the images are in memory

  std::vector<Tensor> next;  // the batch of next_step, which is being prepared or is ready
  Index next_step = -1;
  std::optional<Worker> worker;  // last: it uses the others

  std::vector<Tensor> empty_batch(Index step) const;
  void fill(Index step, const std::vector<Tensor>& batch);
};

// Runs on the caller's thread, so that the order of allocations does not depend on the threads.
std::vector<Tensor> ImageBatches::State::empty_batch(Index step) const {
  const Index first = step % steps_per_epoch * options.batch_size;
  const Index n = std::min(options.batch_size, Index(rows.size()) - first);
  return {Tensor::empty({n, set.channels, set.height, set.width}),
          Tensor::empty({n}, {.dtype = DType::int32})};
}

void ImageBatches::State::fill(Index step, const std::vector<Tensor>& batch) {
  const Index epoch = step / steps_per_epoch, plane = set.height * set.width;
  if (epoch != order_epoch) {
    order = EpochOrder{options.seed, Index(rows.size()), options.shuffled}.rows(epoch);
    order_epoch = epoch;
  }
  const Index* const places = order.data() + step % steps_per_epoch * options.batch_size;
  float* x = batch[0].array().as<float>();
  std::int32_t* const labels = batch[1].array().as<std::int32_t>();
  for (Index i = 0; i < batch[1].size(); ++i) {
    const Index image = rows[std::size_t(places[i])];
    require(image < set.count, "image_batches: given row ", image, " of a set that now has ", set.count,
            " images, expected it unchanged, keep it while its batches are read");
    const Augmentation a =
        options.augmented ? Augmentation::draw(options.seed, epoch, image) : Augmentation::none();
    if (set.read) set.read(image, values.data());
    const std::uint8_t* pixels = set.read ? values.data() : set.pixels.data() + image * set.image_size();
    for (const ByteTable& table : tables) {
      write_plane(pixels, set.height, set.width, a, table, x);
      pixels += plane;
      x += plane;
    }
    labels[i] = set.labels[std::size_t(image)];
  }
}

ImageBatches::ImageBatches(const ImageSet& set, std::vector<Index> rows, const DatasetInfo& info,
                           Options options) {
  require((set.read || Index(set.pixels.size()) == set.count * set.image_size()) &&
              Index(set.labels.size()) == set.count,
          "image_batches: given ", set.pixels.size(), " bytes and ", set.labels.size(), " labels, expected ",
          set.count * set.image_size(), " and ", set.count, ", load the set again");
  require(Index(info.mean.size()) == set.channels, "image_batches: given ", set.channels,
          " channels, expected the ", info.mean.size(), " of ", info.name,
          ", normalise with the set's own means");
  require(options.batch_size >= 1, "image_batches: given batch size ", options.batch_size,
          ", expected at least 1, choose another");
  require(!rows.empty(), "image_batches: given no rows, expected at least 1, load a larger set");
  for (const Index row : rows)
    require(row >= 0 && row < set.count, "image_batches: given row ", row, ", expected one of ", set.count,
            " images, split the same set");
  const Index steps = (Index(rows.size()) + options.batch_size - 1) / options.batch_size;
  state_.reset(new State{.set = set,
                         .rows = std::move(rows),
                         .options = options,
                         .tables = tables_of(info),
                         .steps_per_epoch = steps,
                         .order = {},
                         .values = std::vector<std::uint8_t>(std::size_t(set.read ? set.image_size() : 0)),
                         .next = {},
                         .worker = {}});
  if (options.prefetched) state_->worker.emplace();
}

ImageBatches::~ImageBatches() = default;

Index ImageBatches::images() const { return Index(state_->rows.size()); }
Index ImageBatches::steps_per_epoch() const { return state_->steps_per_epoch; }

std::vector<Tensor> ImageBatches::batch(Index step) const {
  require(step >= 0, "image_batches: given step ", step, ", expected at least 0, count from the first");
  State& s = *state_;
  const bool prepared = std::exchange(s.next_step, -1) == step;
  if (s.worker) s.worker->wait();
  const std::vector<Tensor> batch = prepared ? std::move(s.next) : s.empty_batch(step);
  if (!prepared) s.fill(step, batch);
  if (!s.worker) return batch;
  s.next = s.empty_batch(step + 1);
  s.next_step = step + 1;
  s.worker->start([&s, step] { s.fill(step + 1, s.next); });
  return batch;
}

}  // namespace stillpoint
