// Tests the split, the order and contents of batches, augmentation against a plain implementation, and the
// thread that prepares batches.
#include <atomic>
#include <cmath>
#include <numeric>
#include <set>

#include "kernels/device/memory.h"
#include "tasks/data/image_batches.h"
#include "tasks/data/worker.h"
#include "tests/support/catch.h"
#include "tests/support/data_files.h"
#include "tests/support/error_text.h"

namespace stillpoint {
namespace {

using test::sample_images;

// The pixels and labels of one batch, in memory order.
struct Values {
  std::vector<float> x;
  std::vector<std::int32_t> labels;
  bool operator==(const Values&) const = default;
};

Values values_of(const std::vector<Tensor>& batch) {
  const auto* const x = batch[0].array().as<float>();
  const auto* const labels = batch[1].array().as<std::int32_t>();
  return {{x, x + batch[0].size()}, {labels, labels + batch[1].size()}};
}

// Pads with zeros, flips, crops and normalises in separate steps, as the recipe says.
std::vector<float> plain_image(const ImageSet& set, Index image, const DatasetInfo& info,
                               const Augmentation& a) {
  const Index p = Augmentation::padding, height = set.height + 2 * p, width = set.width + 2 * p;
  std::vector<float> out;
  for (Index c = 0; c < set.channels; ++c) {
    std::vector<int> padded(std::size_t(height * width), 0), flipped(padded);
    for (Index r = 0; r < set.height; ++r)
      for (Index w = 0; w < set.width; ++w)
        padded[std::size_t((r + p) * width + w + p)] =
            set.pixels[std::size_t(((image * set.channels + c) * set.height + r) * set.width + w)];
    for (Index r = 0; r < height; ++r)
      for (Index w = 0; w < width; ++w)
        flipped[std::size_t(r * width + w)] = padded[std::size_t(r * width + (a.flip ? width - 1 - w : w))];
    for (Index r = 0; r < set.height; ++r)
      for (Index w = 0; w < set.width; ++w) {
        const double pixel = flipped[std::size_t((r + a.row) * width + w + a.column)] / 255.0;
        out.push_back(float((pixel - info.mean[std::size_t(c)]) / info.deviation[std::size_t(c)]));
      }
  }
  return out;
}

}  // namespace

TEST_CASE("the split is disjoint, complete, a function of its seed, and of the sizes that the paper uses",
          "[data][split]") {
  for (const auto& [count, valid] :
       {std::pair{50000, 5000}, {73257, 7326}, {60000, 6000}, {9000, 900}, {10, 1}}) {
    const Split split = split_rows(count, 3);
    CHECK(Index(split.valid.size()) == valid);
    CHECK(Index(split.train.size()) == count - valid);
    CHECK(std::is_sorted(split.train.begin(), split.train.end()));
    CHECK(std::is_sorted(split.valid.begin(), split.valid.end()));
    std::set<Index> all(split.train.begin(), split.train.end());
    all.insert(split.valid.begin(), split.valid.end());
    CHECK(Index(all.size()) == count);
    CHECK(*all.begin() == 0);
    CHECK(*all.rbegin() == count - 1);
    const Split again = split_rows(count, 3), retrain = split_rows(count, 3, true);
    CHECK(again.train == split.train);
    CHECK(again.valid == split.valid);
    CHECK(retrain.train == all_rows(count));
    CHECK(retrain.valid == split.valid);
  }
  CHECK(split_rows(100, 3).valid != split_rows(100, 4).valid);
  CHECK_THAT(error_text([] { split_rows(9, 0); }), mentions("given 9 images", "at least 10"));
}

TEST_CASE("batches hold each row of an epoch once, normalised, and the last may be smaller",
          "[data][batches]") {
  const ImageSet set = sample_images(30, 3, 6, 5);
  const DatasetInfo& info = dataset_info("svhn");
  std::vector<Index> rows;
  for (Index i = 0; i < 30; i += 2) rows.push_back(i);
  const ImageBatches batches(set, rows, info, {.seed = 5, .batch_size = 4});
  CHECK(batches.images() == 15);
  REQUIRE(batches.steps_per_epoch() == 4);
  std::vector<std::vector<float>> orders;
  for (Index epoch = 0; epoch < 2; ++epoch) {
    std::vector<float> seen;
    for (Index step = 0; step < 4; ++step) {
      const std::vector<Tensor> batch = batches.batch(4 * epoch + step);
      const Index n = step < 3 ? 4 : 3;
      CHECK(batch[0].shape() == Shape{n, 3, 6, 5});
      CHECK(batch[1].shape() == Shape{n});
      const Values values = values_of(batch);
      for (Index i = 0; i < n; ++i) {
        const auto first = values.x.begin() + i * set.image_size();
        const std::vector<float> image(first, first + set.image_size());
        const auto found = std::find_if(rows.begin(), rows.end(), [&](Index row) {
          return plain_image(set, row, info, Augmentation::none()) == image;
        });
        REQUIRE(found != rows.end());
        CHECK(values.labels[std::size_t(i)] == set.labels[std::size_t(*found)]);
        seen.push_back(float(*found));
      }
    }
    orders.push_back(seen);
    std::sort(seen.begin(), seen.end());
    CHECK(std::vector<Index>(seen.begin(), seen.end()) == rows);
  }
  CHECK(orders[0] != orders[1]);
}

TEST_CASE("unshuffled batches keep the order given", "[data][batches]") {
  const ImageSet set = sample_images(30, 1, 2, 2);
  const ImageBatches batches(set, {7, 3, 9}, dataset_info("mnist"), {.batch_size = 2, .shuffled = false});
  for (const Index first : {0, 2}) {
    CHECK(values_of(batches.batch(first)).labels == std::vector<std::int32_t>{7, 3});
    CHECK(values_of(batches.batch(first + 1)).labels == std::vector<std::int32_t>{9});
  }
}

TEST_CASE("a batch is a function of seed and step, whatever was asked before, prefetched or not",
          "[data][batches]") {
  const ImageSet set = sample_images(50, 3, 8, 8);
  const DatasetInfo& info = dataset_info("cifar10");
  const ImageBatches::Options options{.seed = 9, .batch_size = 16, .augmented = true};
  const auto make = [&](bool prefetched, std::uint64_t seed = 9) {
    ImageBatches::Options o = options;
    o.prefetched = prefetched;
    o.seed = seed;
    return std::make_unique<ImageBatches>(set, all_rows(50), info, o);
  };
  std::vector<Values> in_order;
  const auto plain = make(false), ahead = make(true);
  for (Index step = 0; step < 12; ++step) in_order.push_back(values_of(plain->batch(step)));
  for (Index step = 0; step < 12; ++step) CHECK(values_of(ahead->batch(step)) == in_order[std::size_t(step)]);
  for (const Index step : {3, 4, 5, 0, 11, 11, 2, 3, 8, 7, 8})
    CHECK(values_of(ahead->batch(step)) == in_order[std::size_t(step)]);
  for (Index step = 0; step < 12; ++step)  // a run that resumes at this step
    CHECK(values_of(make(true)->batch(step)) == in_order[std::size_t(step)]);
  CHECK(!(values_of(make(true, 10)->batch(0)) == in_order[0]));
}

TEST_CASE("augmented images are those of a plain pad, flip and crop", "[data][augmentation]") {
  const DatasetInfo& info = dataset_info("cifar10");
  for (const auto& [height, width] : {std::pair{8, 8}, {5, 7}, {2, 3}}) {
    const ImageSet set = sample_images(40, 3, height, width);
    const ImageBatches batches(set, all_rows(40), info,
                               {.seed = 2, .batch_size = 40, .shuffled = false, .augmented = true});
    for (Index epoch = 0; epoch < 3; ++epoch) {
      std::vector<float> expected;
      for (Index image = 0; image < 40; ++image) {
        const std::vector<float> one = plain_image(set, image, info, Augmentation::draw(2, epoch, image));
        expected.insert(expected.end(), one.begin(), one.end());
      }
      CHECK(values_of(batches.batch(epoch)).x == expected);
    }
  }
}

TEST_CASE("flips and corners are drawn evenly and without relation", "[data][augmentation]") {
  constexpr Index draws = 81 * 400;
  std::vector<Index> cells(81), flips(81);
  for (Index i = 0; i < draws; ++i) {
    const Augmentation a = Augmentation::draw(1, i % 7, i);
    const std::size_t cell = std::size_t(a.row * 9 + a.column);
    REQUIRE(cell < 81);
    ++cells[cell];
    flips[cell] += a.flip;
  }
  // The bounds are five standard deviations of a binomial count. All 162 counts stay inside with probability
  // 0.9999.
  for (std::size_t cell = 0; cell < 81; ++cell) {
    CHECK(std::abs(double(cells[cell]) - 400) < 5 * std::sqrt(400 * 80 / 81.0));
    CHECK(std::abs(double(flips[cell]) - double(cells[cell]) / 2) < 5 * std::sqrt(double(cells[cell])) / 2);
  }
}

#if !defined(__SANITIZE_ADDRESS__)  // under AddressSanitizer the pool caches nothing
TEST_CASE("reading batches takes no memory from the system after the first epoch", "[data][batches]") {
  const ImageSet set = sample_images(50, 3, 8, 8);
  const ImageBatches batches(set, all_rows(50), dataset_info("cifar10"),
                             {.batch_size = 16, .augmented = true});
  const Index steps = batches.steps_per_epoch();
  for (Index step = 0; step < steps; ++step) batches.batch(step);
  const std::uint64_t before = memory_stats(Device::cpu).system_allocations;
  for (Index step = steps; step < 5 * steps; ++step) batches.batch(step);
  CHECK(memory_stats(Device::cpu).system_allocations == before);
}
#endif

TEST_CASE("batches refuse what does not fit", "[data][batches]") {
  const ImageSet set = sample_images(20, 1, 2, 2);
  const DatasetInfo& info = dataset_info("mnist");
  const auto error = [&](const ImageSet& images, std::vector<Index> rows, const DatasetInfo& with,
                         Index size) {
    return error_text([&] { ImageBatches(images, rows, with, {.batch_size = size}); });
  };
  CHECK_THAT(error(set, {1, 20}, info, 4), mentions("row 20", "20 images"));
  CHECK_THAT(error(set, {-1}, info, 4), mentions("row -1"));
  CHECK_THAT(error(set, {}, info, 4), mentions("no rows"));
  CHECK_THAT(error(set, {1}, info, 0), mentions("batch size 0"));
  CHECK_THAT(error(set, {1}, dataset_info("svhn"), 4), mentions("given 1 channels", "3 of svhn"));
  ImageSet broken = set;
  broken.pixels.pop_back();
  CHECK_THAT(error(broken, {1}, info, 4), mentions("79 bytes", "80"));
  const ImageBatches batches(set, {1}, info, {});
  CHECK_THAT(error_text([&] { batches.batch(-1); }), mentions("step -1"));
}

TEST_CASE("what the preparing thread throws is thrown at the caller, who may go on", "[data][batches]") {
  ImageSet set = sample_images(8, 1, 2, 2);
  const ImageBatches batches(set, all_rows(8), dataset_info("mnist"), {.batch_size = 4, .shuffled = false});
  set.count = 4;  // now the second batch, which is being prepared, is out of range
  const Values first = values_of(batches.batch(0));
  CHECK_THAT(error_text([&] { batches.batch(1); }), mentions("row 4", "now has 4 images"));
  set.count = 8;
  CHECK(values_of(batches.batch(0)) == first);
  CHECK(values_of(batches.batch(1)).labels == std::vector<std::int32_t>{4, 5, 6, 7});
}

TEST_CASE("batches end cleanly while the next one is being prepared", "[data][batches]") {
  const ImageSet set = sample_images(500, 3, 16, 16);
  for (int i = 0; i < 100; ++i)
    ImageBatches(set, all_rows(500), dataset_info("cifar10"), {.batch_size = 250, .augmented = true})
        .batch(i);
}

TEST_CASE("a worker's job runs beside its owner, and its errors come back once", "[data][worker]") {
  Worker worker;
  worker.wait();
  std::atomic<bool> told = false, done = false;
  worker.start([&] {
    while (!told) std::this_thread::yield();  // ends only if the owner continues meanwhile
    done = true;
  });
  CHECK_THAT(error_text([&] { worker.start([] {}); }), mentions("second job", "call wait"));
  told = true;
  worker.wait();
  CHECK(done);
  worker.start([] { fail("broken"); });
  CHECK_THAT(error_text([&] { worker.wait(); }), mentions("broken"));
  worker.wait();
  worker.start([&] { done = false; });
  worker.wait();
  CHECK(!done);
}

}  // namespace stillpoint
