// Makes the files and settings of the self-test's models.
#include "tasks/selftest/selftest_models.h"

#include "tasks/data/idx.h"
#include "tasks/io/image.h"

namespace stillpoint {
namespace {

Image picture_of(int side) {
  Image image{side, side, 3, {}};
  for (int row = 0; row < side; ++row)
    for (int column = 0; column < side; ++column) {
      image.rgb.push_back(std::uint8_t(255 * row / side));
      image.rgb.push_back(std::uint8_t((row / 8 + column / 8) % 2 * 200));
      image.rgb.push_back(std::uint8_t(255 * column / side));
    }
  return image;
}

}  // namespace

ImageSet bar_digits(Index count, Index phase) {
  constexpr Index side = 28;
  ImageSet set{count, 1, side, side, {}, {}};
  for (Index n = 0; n < count; ++n) {
    const Index label = (n * 7 + phase) % 10;
    set.labels.push_back(std::int32_t(label));
    for (Index i = 0; i < side; ++i)
      for (Index j = 0; j < side; ++j) {
        const Index ground = (n * 131 + i * 37 + j * 101 + n * i * j) % 60;
        set.pixels.push_back(std::uint8_t(ground + (i / 2 == label + 2 ? 195 : 0)));
      }
  }
  return set;
}

SelftestFiles::SelftestFiles(int side, Index train_digits) {
  write_png(picture(), picture_of(side));
  const std::filesystem::path folder = digits();
  make_folder(folder);
  for (const auto& [name, count] : {std::pair("train", train_digits), std::pair("t10k", Index(4))}) {
    const ImageSet set = bar_digits(count, 0);
    write_atomically(folder / text(name, "-images-idx3-ubyte"), idx_images(set));
    write_atomically(folder / text(name, "-labels-idx1-ubyte"), idx_labels(set));
  }
}

std::vector<SelftestModel> selftest_models(const SelftestFiles& files) {
  std::vector<SelftestModel> models;
  for (const TaskKind* kind : task_kinds()) {
    const std::optional<SelftestRow> row = kind->selftest({files.picture(), files.digits()});
    if (!row || kind->models() == nullptr) continue;
    for (const std::string& model : kind->models()->names()) models.push_back({kind, model, *row});
  }
  return models;
}

Json SelftestModel::full_config() const {
  return kind->resolve({{{{"model", model}}, "selftest"}, {row.settings, "selftest"}});
}

Json SelftestModel::small_config() const {
  return kind->resolve(
      {{full_config(), "selftest"}, {row.small, "selftest"}, {kind->models()->small(model), "selftest"}});
}

}  // namespace stillpoint
