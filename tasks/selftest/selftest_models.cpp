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

Json settings_of(const SelftestModel& c, const SelftestFiles& files) {
  const std::string task = c.task;
  Json settings = {{"model", c.model}};
  if (task == "copy-memory")
    settings.update({{"train_sequences", 20}, {"valid_sequences", 1}, {"test_sequences", 1}});
  if (task == "image-regression") settings["image"] = files.picture();
  if (task == "image-classification") settings.update({{"dataset", "mnist"}, {"data", files.digits()}});
  return settings;
}

Json small_settings_of(const SelftestModel& c) {
  const std::string task = c.task, model = c.model;
  // Longer solves would amplify rounding, because the history of Broyden's method decides its next step.
  if (task == "copy-memory")
    return {{"blank", 30}, {"tcn_blocks", 4}, {"batch", 3}, {"solver_steps", 6}, {"adjoint_steps", 6}};
  if (task == "image-regression") return {{"phi_hidden", 24}, {"d_phi", 20}, {"d_psi", 80}, {"hidden", 24}};
  // The number of iterations is fixed, because with a tolerance rounding would decide which one is the last.
  const bool mondeq = model.starts_with("mondeq");
  return {{"channels", model == "mondeq-multi" ? "1,2"
                       : mondeq                ? "2"
                                               : "3"},
          {"batch", mondeq ? 2 : 6},
          {"d_phi", 8},
          {"d_psi", 10},
          {"hidden", 6},
          {"tolerance", 0.0},
          {"max_iterations", 3},
          {"tune_alpha", false}};
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

const std::vector<SelftestModel>& selftest_models() {
  static const std::vector<SelftestModel> models{
      {"copy-memory", "single", true, "batch 1", 100},
      {"copy-memory", "two", true, "batch 1", 100},
      {"copy-memory", "tcn", true, "batch 1", 100},
      {"copy-memory", "deq", true, "batch 1", 100},
      {"image-regression", "single", true, "65,536 points", 5},
      {"image-regression", "two", true, "65,536 points", 5},
      {"image-regression", "rff", true, "65,536 points", 5},
      {"image-classification", "sim", true, "batch 128", 5},
      {"image-classification", "sim2", true, "batch 128", 5},
      {"image-classification", "mondeq-single", false, "batch 128", 3},
      {"image-classification", "mondeq-multi", false, "batch 128", 3}};
  return models;
}

Json full_config(const SelftestModel& model, const SelftestFiles& files) {
  return task_kind(model.task).resolve({{settings_of(model, files), "selftest"}});
}

Json small_config(const SelftestModel& model, const SelftestFiles& files) {
  return task_kind(model.task)
      .resolve({{settings_of(model, files), "selftest"}, {small_settings_of(model), "selftest"}});
}

}  // namespace stillpoint
