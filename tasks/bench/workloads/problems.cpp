// Draws data of the paper's tasks: sequences of copy memory, images as MNIST's and CIFAR-10's, and pixels.
#include "tasks/bench/workloads/problems.h"

#include "engine/ops.h"
#include "tasks/bench/workloads/calls.h"

namespace stillpoint::bench {
namespace {

constexpr Index tokens = 10, classes = 10;

Tensor cross_entropy(const Tensor& logits, const Tensor& labels) {
  return softmax_cross_entropy(logits, labels);
}
Tensor squared_error(const Tensor& colours, const Tensor& y) { return mean_squared_error(colours, y); }

Problem copy_memory() {
  return {.name = "copy-memory",
          .models = &sequence_models(),
          .usual = {.batch = 1, .length = 520},
          .evaluation_batch = 50,
          .evaluation_solves = 5,
          .shape = [](const Sizes&) { return ModelShape{.outputs = tokens}; },
          .data =
              [](const Sizes& s, bool as_tokens, Device device) {
                const Tensor ids = integer_data({s.batch, s.length}, 1, tokens - 1, device);
                return std::pair(as_tokens ? ids : reshape(ids.to(DType::float32), {s.batch, 1, s.length}),
                                 integer_data({s.batch * s.length}, 2, tokens - 1, device));
              },
          .judge = cross_entropy};
}

Problem images_of(const ImageSet& set) {
  return {.name = set.name,
          .models = &image_models(),
          .usual = {.batch = 128, .length = set.side},
          .evaluation_batch = 250,
          .evaluation_solves = 250,
          .shape =
              [set](const Sizes& s) {
                return ModelShape{.input = {set.colours, s.length, s.length},
                                  .outputs = classes,
                                  .channels = s.width > 0 ? std::to_string(s.width) : ""};
              },
          .data =
              [set](const Sizes& s, bool, Device device) {
                return std::pair(set.images(s, device), integer_data({s.batch}, 2, classes, device));
              },
          .judge = cross_entropy};
}

// A quarter of the pixels of a 512 x 512 picture.
Problem pixels() {
  return {
      .name = "pixels",
      .models = &coordinate_models(),
      .usual = {.batch = 65536},
      .evaluation_batch = 65536,
      .evaluation_solves = 65536,
      .shape = [](const Sizes&) { return ModelShape{.outputs = 3}; },
      .data =
          [](const Sizes& s, bool, Device device) {
            return std::pair(uniform_data({s.batch, 2}, 1, device), uniform_data({s.batch, 3}, 2, device));
          },
      .judge = squared_error};
}

}  // namespace

Tensor ImageSet::images(const Sizes& s, Device device) const {
  return normal_data({s.batch, colours, s.length, s.length}, 1, device);
}

const std::vector<ImageSet>& image_sets() {
  static const std::vector<ImageSet> sets{{"mnist", 1, 28}, {"cifar", 3, 32}};
  return sets;
}

const std::vector<Problem>& problems() {
  static const std::vector<Problem> made = [] {
    std::vector<Problem> all{copy_memory()};
    for (const ImageSet& set : image_sets()) all.push_back(images_of(set));
    all.push_back(pixels());
    return all;
  }();
  return made;
}

}  // namespace stillpoint::bench
