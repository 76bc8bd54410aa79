// Counts what a classifier predicts.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "engine/config.h"
#include "engine/tensor.h"

namespace stillpoint {

class ClassCounts {
 public:
  explicit ClassCounts(std::vector<std::string> classes);
  // Counts the rows of logits (n,classes) by their labels int32 (n).
  void add(const Tensor& logits, const Tensor& labels);
  Index count() const;
  double accuracy() const;
  // Returns the accuracy of each class (null if it has no example) and the confusion matrix.
  Json details() const;
  // Writes the matrix as CSV: a row per label, a column per predicted class.
  void write(const std::filesystem::path& path) const;

 private:
  std::vector<std::string> classes_;
  std::vector<std::vector<Index>> confusion_;
};

}  // namespace stillpoint
