// Models as tasks train them, and the families of models among which the setting `model` of a task chooses.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/config.h"
#include "engine/init.h"
#include "engine/params.h"
#include "models/cost/cost.h"
#include "solvers/fixed_point/fixed_point.h"

namespace stillpoint {

using Metrics = std::vector<std::pair<std::string, double>>;  // the first is the headline

// What the solvers of a model did in a training step.
struct SolverReports {
  PendingReport forward;
  std::shared_ptr<PendingReport> adjoint;  // null if there was no adjoint solve
  Metrics settings = {};                   // those that change while it trains
  Tensor z = {};                           // the equilibrium of the forward solve
};

struct ModelFacts {
  bool tokens = false;     // a sequence is token ids int32 (N,T) instead of numbers (N,C,T)
  bool solves = false;     // solves for an equilibrium, whose history needs ten times a network's memory
  bool recordable = true;  // a CUDA graph may record train() and its gradient
  Index noise = 0;         // train() needs normal numbers (N,T,noise)
};

class Model {
 public:
  virtual ~Model() = default;
  virtual ParamList params() = 0;
  virtual ModelFacts facts() const { return {}; }
  virtual Tensor operator()(const Tensor& x) const = 0;

  struct Value {
    Tensor y, penalty;  // penalty (1) is added to the loss, if defined
  };
  // Returns the recorded value for a training step.
  virtual Value train(const Tensor& x, const Tensor& /*noise*/) { return {(*this)(x), {}}; }
  // Called before a training step on x, so that a recipe can adjust the model's settings.
  virtual void before_step(Index /*step*/, Index /*steps_per_epoch*/, const Tensor& /*x*/) {}
  // Returns what the solvers did in the latest train() and its gradient. Empty if the model has no solvers.
  virtual std::optional<SolverReports> reports() const { return {}; }
  // Returns what train(x) and its gradient compute if the solves evaluate f so often. Empty if nobody counted
  // it.
  virtual std::optional<Cost> cost(const Tensor& /*x*/, const Evaluations& /*solved*/) const { return {}; }
};

// A struct with params(p), operator()(x) and, if it counts its work, cost(x, solved) as a Model.
template <class M>
class ModelOf : public Model {
 public:
  explicit ModelOf(M model) : model_(std::move(model)) {}
  ParamList params() override { return params_of(model_); }
  Tensor operator()(const Tensor& x) const override { return model_(x); }
  std::optional<Cost> cost(const Tensor& x, const Evaluations& solved) const override {
    if constexpr (requires { model_.cost(x, solved); }) return model_.cost(x, solved);
    return {};
  }
  const M& get() const { return model_; }

 protected:
  M model_;
};

// What a task asks of its model.
struct ModelShape {
  Shape input = {};           // (C,H,W) of an image, (C) of a sequence of numbers; empty: one number
  Index outputs = 1;          // columns of the value
  Index tokens = 0;           // if a sequence is ids, their kinds; 0: the outputs, unless `input` is given
  std::string channels = {};  // the setting of an image task; empty: the model's own
};

// The usual channels of a model of grey and of colour images, "16,32,60" for tiers.
struct ImageChannels {
  std::string grey = {}, colour = {};
  const std::string& of(Index colours) const { return colours == 1 ? grey : colour; }
};

// These settings do something only if one of `owners`, settings of text, has one of `values`.
struct SettingUse {
  std::vector<std::string> settings, owners, values;
};

// How `stillpoint bench` makes a model: its sizes are the values of settings. A row can change a size only if
// the model names a setting of it.
struct Benchmark {
  std::string row = {};                 // the name of its rows; empty: the model's own
  std::string sim = {};                 // the SIM whose time divides that of this model; empty: none
  Index batch = 0;                      // of a training step; 0: that of the data
  double eps = 1e-8, clip = 0;          // of Adam in the paper's training
  Json settings = Json::object();       // that differ from the defaults
  std::vector<std::string> width = {};  // the default of the first is the usual width
  ImageChannels channels = {};          // of images: the usual width, unless they are tiers
  // Settings of the solves; `checks` is 0 if the evaluations are fixed, and 1 if a tolerance ends the solve.
  std::vector<std::string> methods = {}, evaluations = {}, tolerances = {}, checks = {};
  Index usual_evaluations = 0;
  // Factors of initial values, so that the solves end at rounding.
  std::vector<std::pair<std::string, double>> scaled = {};
};

// What a model is, once for every task and command. Config is a struct with fields(f); models of a family
// that list a field of the same name share its value, and the first one's default.
template <class Config>
struct ModelRow {
  const char *name, *summary;
  std::function<std::unique_ptr<Model>(Initializer& init, const ModelShape& shape, const Config& config)>
      make;
  Config defaults = {};
  std::vector<std::string> ignored = {};  // fields that this model does not use
  std::vector<SettingUse> uses = {};      // fields that depend on others
  Json small = Json::object();            // settings with which the self-test's steps are short
  Benchmark bench = {};
};

// Lists the fields of a Config without their types.
class FieldList {
 public:
  struct Field {
    std::string name;
    std::variant<bool*, std::int64_t*, double*, std::string*, std::filesystem::path*> value;
    const char* help;
    Check check;
  };
  template <class T>
  void operator()(const char* name, T& value, const char* help, const Check& check = {}) {
    fields.push_back({name, &value, help, check});
  }
  std::vector<Field> fields;
};

// A model's Config, and how it makes the model.
class ConfiguredModel {
 public:
  virtual ~ConfiguredModel() = default;
  virtual FieldList list() = 0;
  virtual std::unique_ptr<Model> make(Initializer& init, const ModelShape& shape) const = 0;
  virtual std::unique_ptr<ConfiguredModel> copy() const = 0;
};

template <class Config>
class ConfiguredModelOf : public ConfiguredModel {
 public:
  explicit ConfiguredModelOf(const ModelRow<Config>& row) : make_(row.make), config_(row.defaults) {}
  FieldList list() override {
    FieldList list;
    config_.fields(list);
    return list;
  }
  std::unique_ptr<Model> make(Initializer& init, const ModelShape& shape) const override {
    return make_(init, shape, config_);
  }
  std::unique_ptr<ConfiguredModel> copy() const override {
    return std::make_unique<ConfiguredModelOf>(*this);
  }

 private:
  decltype(ModelRow<Config>::make) make_;
  Config config_;
};

// The models that take the same x and give the same value. A program may add its own.
class ModelFamily {
 public:
  // Throws Error if another model has its name, or a field of the same name with another type.
  template <class Config>
  void add(const ModelRow<Config>& row) {
    add({row.name, row.summary, row.ignored, row.uses, row.small, row.bench,
         std::make_unique<ConfiguredModelOf<Config>>(row)});
  }
  std::vector<std::string> names() const;
  std::string summary() const;  // of all
  const std::string& summary(const std::string& model) const { return kind(model).summary; }
  // Returns on which models and settings the models' settings depend.
  std::vector<SettingUse> uses() const;
  const Json& small(const std::string& model) const { return kind(model).small; }
  const Benchmark& bench(const std::string& model) const { return kind(model).bench; }

 private:
  friend class ModelSettings;
  struct Kind {
    std::string name, summary;
    std::vector<std::string> ignored;
    std::vector<SettingUse> uses;
    Json small;
    Benchmark bench;
    std::shared_ptr<ConfiguredModel> defaults;
  };
  void add(Kind kind);
  const Kind& kind(const std::string& model) const;
  std::vector<Kind> kinds_;
};

// Sequences x (N,C,T), or token ids (N,T) -> logits (N T, outputs), positions in the order (n, t).
ModelFamily& sequence_models();
// Images x (N,C,H,W) -> logits (N, outputs).
ModelFamily& image_models();
// Coordinates x (P,2) -> colours (P,3).
ModelFamily& coordinate_models();

// The settings of all models of a family, as a part of a task's Config.
class ModelSettings {
 public:
  explicit ModelSettings(const ModelFamily& family);
  ModelSettings(const ModelSettings& other);
  ModelSettings& operator=(const ModelSettings& other);

  std::unique_ptr<Model> make(const std::string& model, Initializer& init, const ModelShape& shape) const;
  template <class F>
  void fields(F& f) {
    for (const FieldList::Field& field : shared())
      std::visit([&](auto* value) { f(field.name.c_str(), *value, field.help, field.check); }, field.value);
    share();
  }

 private:
  std::vector<FieldList::Field> shared();  // the first field of every name
  void share();                            // copies their values to the others
  const ModelFamily* family_;
  std::vector<std::unique_ptr<ConfiguredModel>> models_;
};

}  // namespace stillpoint
