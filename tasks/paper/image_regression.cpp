// Image regression: the quarter grids, PSNR, and the predicted picture.
#include "tasks/paper/image_regression.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tasks/io/image.h"
#include "tasks/paper/colour_prediction.h"
#include "tasks/training/content.h"
#include "tasks/training/order.h"
#include "tasks/training/solver_metrics.h"

namespace stillpoint {
namespace {

constexpr Index positions_per_prediction = 65536;

struct GridStep {
  Index first_row, row_step, first_column, column_step;
};

PixelGrid make_grid(const Image& image, const GridStep& g, TensorOptions options) {
  std::vector<double> x, y;
  for (Index row = g.first_row; row < image.height; row += g.row_step)
    for (Index column = g.first_column; column < image.width; column += g.column_step) {
      x.push_back(double(column) / double(image.width));
      x.push_back(double(row) / double(image.height));
      for (Index c = 0; c < 3; ++c)
        y.push_back(image.rgb[std::size_t((row * image.width + column) * 3 + c)] / 255.0);
    }
  const Index points = Index(x.size()) / 2;
  return {Tensor::from(x, {points, 2}, options), Tensor::from(y, {points, 3}, options)};
}

// Returns rows (n,k) of x (P,k) on the CPU.
Tensor gather_rows(const Tensor& x, const std::vector<Index>& rows) {
  const Index width = x.dim(1);
  const Tensor y = Tensor::empty({Index(rows.size()), width}, x.options());
  const std::size_t bytes = std::size_t(width) * size_of(x.dtype());
  const auto* const from = static_cast<const std::byte*>(x.array().data);
  auto* const to = static_cast<std::byte*>(y.array().data);
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::memcpy(to + i * bytes, from + std::size_t(rows[i]) * bytes, bytes);
  return y;
}

std::uint8_t to_byte(double value) { return std::uint8_t(std::lround(255 * std::clamp(value, 0.0, 1.0))); }

class ImageRegression : public Task {
 public:
  ImageRegression(const ImageRegressionConfig& config, Device device);
  ParamList params() override { return model_->params(); }
  Model* model() override { return model_.get(); }
  std::vector<Tensor> whole_batch() const override { return {share_.x, share_.y}; }
  std::vector<Tensor> batch(Index step) const override;
  void take_share(Index first, Index last) override {
    share_ = {slice(train_.x, {first, 0}, {last, 2}), slice(train_.y, {first, 0}, {last, 3})};
  }
  std::function<Metrics()> statistics() const override { return solver_metrics(*model_); }
  Tensor loss(const std::vector<Tensor>& batch) override {
    return batch.empty() ? mean_squared_error(model_->train(share_.x, {}).y, share_.y)
                         : mean_squared_error(model_->train(batch[0], {}).y, batch[1]);
  }
  Evaluation evaluate(const std::string& split) override;
  void write_results(const std::filesystem::path& folder, TensorBoardWriter* tensorboard,
                     Index step) override;

 private:
  std::vector<double> predict(const Tensor& x) const;

  TensorOptions options_;
  Image image_;
  Index batch_;
  PixelGrid train_, valid_, test_, share_;  // share_: the pixels on which this rank's full-batch steps train
  PixelGrid on_host_;                       // a copy of train_, if batches are drawn from it
  EpochOrder order_;
  std::unique_ptr<Model> model_;
};

ImageRegression::ImageRegression(const ImageRegressionConfig& config, Device device)
    : options_{dtype_of(config.train), device}, batch_(config.batch) {
  require(!config.image.empty(), "image-regression: given no image, expected a PNG or JPEG file, name one");
  const Colour background = colour_named(config.background);
  image_ = of_this_machine([&] {
    require(std::filesystem::exists(config.image), "image-regression: given the picture ",
            shown(config.image.string()),
            ", which is not there, expected a PNG or JPEG file; name where it is now, ",
            "beside --resume or with --image of eval");
    return read_image(config.image, background);
  });
  require(image_.height >= 2 && image_.width >= 2, shown(config.image.string()), ": given ", image_.width,
          " x ", image_.height, " pixels, expected at least 2 x 2, choose a larger image");
  const GridStep trained{0, 2, 0, config.retrain ? 1 : 2};
  train_ = share_ = make_grid(image_, trained, options_);
  if (batch_ > 0) {
    on_host_ = make_grid(image_, trained, {options_.dtype, Device::cpu});
    order_ = {std::uint64_t(config.train.seed), train_.x.dim(0), true};
  }
  valid_ = make_grid(image_, {0, 2, 1, 2}, options_);
  test_ = make_grid(image_, {1, 2, 1, 2}, options_);
  Initializer init(std::uint64_t(config.train.seed), options_);
  model_ = config.models.make(config.model, init, {.outputs = 3});
  const Index pixels = train_.x.dim(0), each = batch_ == 0 ? pixels : std::min(batch_, pixels);
  facts_ = {.steps_per_epoch = (pixels + each - 1) / each,
            .examples_per_step = each,
            .splits = {"train", "valid", "test"},
            .recordable = model_->facts().recordable,
            .writes_results = true,
            .content = content_of(image_),
            .note = image_.note.empty() ? "" : "the picture is " + image_.note};
}

std::vector<Tensor> ImageRegression::batch(Index step) const {
  if (batch_ == 0) return {};
  const std::vector<Index> rows = order_.batch(step, facts_.examples_per_step);
  return {gather_rows(on_host_.x, rows), gather_rows(on_host_.y, rows)};
}

// Predicts in pieces, so that a large picture needs no more memory than training.
std::vector<double> ImageRegression::predict(const Tensor& x) const {
  const Recording off(false);
  std::vector<double> out;
  for (Index first = 0; first < x.dim(0); first += positions_per_prediction) {
    const Index last = std::min(first + positions_per_prediction, x.dim(0));
    const std::vector<double> part = (*model_)(slice(x, {first, 0}, {last, 2})).values();
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

Evaluation ImageRegression::evaluate(const std::string& split) {
  require(split == "train" || split == "valid" || split == "test", "image-regression: given split '", split,
          "', expected train, valid or test, choose one");
  const PixelGrid& grid = split == "train" ? train_ : split == "valid" ? valid_ : test_;
  const std::vector<double> prediction = predict(grid.x), truth = grid.y.values();
  double error = 0, clamped_error = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    error += std::pow(prediction[i] - truth[i], 2);
    clamped_error += std::pow(std::clamp(prediction[i], 0.0, 1.0) - truth[i], 2);
  }
  const double n = double(truth.size());
  return {{{"psnr", -10 * std::log10(error / n)},
           {"psnr_clamped", -10 * std::log10(clamped_error / n)},
           {"loss", error / n}}};
}

void ImageRegression::write_results(const std::filesystem::path& folder, TensorBoardWriter* tensorboard,
                                    Index step) {
  const PixelGrid whole = make_grid(image_, {0, 1, 0, 1}, options_);
  const std::vector<double> prediction = predict(whole.x);
  Image picture{image_.height, image_.width, 3, {}};
  for (double value : prediction) picture.rgb.push_back(to_byte(value));
  write_png(folder / "prediction.png", picture);
  const Image pair = side_by_side(image_, picture, 8);
  write_png(folder / "truth_and_prediction.png", pair);
  if (tensorboard != nullptr)
    tensorboard->add_image("truth_and_prediction", encode_png(pair), pair.height, pair.width, step);
}

std::unique_ptr<Task> make_image_regression(const ImageRegressionConfig& config, Device device) {
  return std::make_unique<ImageRegression>(config, device);
}

SelftestRow image_regression_row(const SelftestPlaces& places) {
  return {.settings = {{"image", places.picture}},
          .small = {{"phi_hidden", 24}, {"d_phi", 20}, {"d_psi", 80}, {"hidden", 24}},
          .batch = "65,536 points",
          .steps_on_cpu = 5};
}

}  // namespace

TaskRow<ImageRegressionConfig> image_regression_task() {
  return {.name = "image-regression",
          .summary = "colours of a picture from its coordinates (paper, Table 3)",
          .make = make_image_regression,
          .models = &coordinate_models(),
          .predict = predict_colours,
          .selftest = image_regression_row};
}

}  // namespace stillpoint
