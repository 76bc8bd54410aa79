// A family of models: their names, and the settings that they share.
#include "models/model_family.h"

#include <algorithm>
#include <map>

namespace stillpoint {

void ModelFamily::add(Kind kind) {
  for (const Kind& other : kinds_) {
    require(kind.name != other.name, "model: given a second '", kind.name,
            "', expected a name of its own, choose another");
    for (const FieldList::Field& theirs : other.defaults->list().fields)
      for (const FieldList::Field& field : kind.defaults->list().fields)
        require(field.name != theirs.name || field.value.index() == theirs.value.index(), "model: given '",
                kind.name, "', whose setting ", field.name, " has another type than that of '", other.name,
                "', expected the same type, rename it");
  }
  kinds_.push_back(std::move(kind));
}

const ModelFamily::Kind& ModelFamily::kind(const std::string& model) const {
  for (const Kind& kind : kinds_)
    if (kind.name == model) return kind;
  fail("model: given '", shown(model), "', expected one of ", join(names()), did_you_mean(model, names()));
}

std::vector<std::string> ModelFamily::names() const {
  std::vector<std::string> names;
  for (const Kind& kind : kinds_) names.push_back(kind.name);
  return names;
}

std::string ModelFamily::summary() const {
  std::vector<std::string> summaries;
  for (const Kind& kind : kinds_) summaries.push_back(kind.summary);
  return join(summaries);
}

std::vector<SettingUse> ModelFamily::uses() const {
  std::vector<std::pair<std::string, std::vector<std::string>>> models;  // of each setting
  for (const Kind& kind : kinds_)
    for (const FieldList::Field& field : kind.defaults->list().fields) {
      auto at = std::find_if(models.begin(), models.end(), [&](auto& m) { return m.first == field.name; });
      if (at == models.end()) at = models.insert(at, {field.name, {}});
      if (std::find(kind.ignored.begin(), kind.ignored.end(), field.name) == kind.ignored.end())
        at->second.push_back(kind.name);
    }
  std::vector<SettingUse> uses;
  for (auto& [setting, names] : models)
    if (names.size() < kinds_.size()) uses.push_back({{setting}, {"model"}, std::move(names)});
  for (const Kind& kind : kinds_) uses.insert(uses.end(), kind.uses.begin(), kind.uses.end());
  return uses;
}

ModelSettings::ModelSettings(const ModelFamily& family) : family_(&family) {
  for (const ModelFamily::Kind& kind : family.kinds_) models_.push_back(kind.defaults->copy());
  share();
}

ModelSettings::ModelSettings(const ModelSettings& other) : family_(other.family_) {
  for (const auto& model : other.models_) models_.push_back(model->copy());
}

ModelSettings& ModelSettings::operator=(const ModelSettings& other) {
  ModelSettings copy(other);
  family_ = copy.family_;
  models_ = std::move(copy.models_);
  return *this;
}

std::unique_ptr<Model> ModelSettings::make(const std::string& model, Initializer& init,
                                           const ModelShape& shape) const {
  return models_[std::size_t(&family_->kind(model) - family_->kinds_.data())]->make(init, shape);
}

std::vector<FieldList::Field> ModelSettings::shared() {
  std::vector<FieldList::Field> first;
  for (const auto& model : models_)
    for (FieldList::Field& field : model->list().fields)
      if (std::none_of(first.begin(), first.end(), [&](auto& other) { return other.name == field.name; }))
        first.push_back(std::move(field));
  return first;
}

void ModelSettings::share() {
  std::map<std::string, FieldList::Field> first;
  for (FieldList::Field& field : shared()) first.emplace(field.name, field);
  for (const auto& model : models_)
    for (const FieldList::Field& field : model->list().fields)
      std::visit([&](auto* value) { *value = *std::get<decltype(value)>(first.at(field.name).value); },
                 field.value);
}

}  // namespace stillpoint
