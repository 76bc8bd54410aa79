// The confusion matrix of an evaluation.
#include "tasks/paper/class_counts.h"

#include <numeric>

#include "engine/io/files.h"
#include "engine/ops.h"
#include "tasks/drawing/csv.h"

namespace stillpoint {

ClassCounts::ClassCounts(std::vector<std::string> classes)
    : classes_(std::move(classes)), confusion_(classes_.size(), std::vector<Index>(classes_.size(), 0)) {}

void ClassCounts::add(const Tensor& logits, const Tensor& labels) {
  const std::size_t classes = classes_.size();
  const std::vector<double> counts = confusion(labels, argmax(logits), Index(classes)).values();
  for (std::size_t i = 0; i < counts.size(); ++i) confusion_[i / classes][i % classes] += Index(counts[i]);
}

Index ClassCounts::count() const {
  Index n = 0;
  for (const auto& row : confusion_) n = std::accumulate(row.begin(), row.end(), n);
  return n;
}

double ClassCounts::accuracy() const {
  Index right = 0;
  for (std::size_t c = 0; c < confusion_.size(); ++c) right += confusion_[c][c];
  return double(right) / double(count());
}

Json ClassCounts::details() const {
  Json of_class = Json::object();
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    const std::vector<Index>& row = confusion_[c];
    const Index examples = std::accumulate(row.begin(), row.end(), Index(0));
    of_class[classes_[c]] = examples > 0 ? Json(double(row[c]) / double(examples)) : Json();
  }
  return {{"accuracy_of_class", of_class}, {"confusion", confusion_}};
}

void ClassCounts::write(const std::filesystem::path& path) const {
  std::string table = "label";
  for (const std::string& name : classes_) table += text(',', drawing::csv_quoted(name));
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    table += text('\n', drawing::csv_quoted(classes_[c]));
    for (const Index n : confusion_[c]) table += text(',', n);
  }
  write_atomically(path, table + "\n");
}

}  // namespace stillpoint
