// Image regression (Tancik et al. 2020; SIM paper Table 3): learns colours from coordinates, on a quarter of
// the pixels, or on half of them once the settings are chosen.
#pragma once
#include "models/model_family.h"
#include "tasks/settings/registry.h"

namespace stillpoint {

struct ImageRegressionConfig {
  TrainConfig train{
      .epochs = 2000, .lr = 1e-3, .log_every = 10, .evaluate_every = 100, .checkpoint_every = 100};
  std::string model = "rff", background = "white";
  std::filesystem::path image;
  std::int64_t batch = 0;
  bool retrain = false;
  ModelSettings models{coordinate_models()};

  template <class F>
  void fields(F& f) {
    f("model", model, coordinate_models().summary().c_str(), one_of(coordinate_models().names()));
    f("image", image, "PNG or JPEG file to learn");
    f("background", background, "colour behind transparent pixels: white, black, grey or #RRGGBB");
    f("batch", batch, "pixels per step, drawn again in every epoch; 0: all, as in the paper", counted(0));
    f("retrain", retrain, "train on training and validation pixels together");
    models.fields(f);
    train.fields(f);
  }
};

// Regular quarter grids of an image: train [::2, ::2], valid [::2, 1::2],
// test [1::2, 1::2]; coordinates (column / width, row / height) in [0, 1).
struct PixelGrid {
  Tensor x, y;  // (P,2), (P,3) in [0,1]
};

TaskRow<ImageRegressionConfig> image_regression_task();

}  // namespace stillpoint
