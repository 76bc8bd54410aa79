// Reads golden files, and defines the error measure that tests use with them.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "engine/config.h"
#include "engine/io/safetensors.h"
#include "engine/tensor.h"
#include "tests/support/catch.h"

namespace stillpoint {

class GoldenFile {
 public:
  explicit GoldenFile(const std::string& name)
      : file_(STILLPOINT_SOURCE_DIR "/tests/golden/" + name + ".safetensors"),
        config(Json::parse(file_.metadata().at("config"))) {}

  bool has(const std::string& name) const { return file_.contains(name); }
  std::vector<double> values(const std::string& name) const { return read<double>(name, "F64"); }
  Tensor tensor(const std::string& name, DType dtype) const {
    return Tensor::from(values(name), file_.at(name).shape, {dtype});
  }
  Tensor labels(const std::string& name) const {
    const std::vector<std::int32_t> out = read<std::int32_t>(name, "I32");
    return Tensor::from(out, {Index(out.size())});
  }

 private:
  template <class T>
  std::vector<T> read(const std::string& name, const std::string& dtype) const {
    const SafetensorsPlace& entry = file_.at(name);
    REQUIRE(entry.dtype == dtype);
    std::vector<T> out(entry.size / sizeof(T));
    file_.read(entry, out.data());
    return out;
  }
  SafetensorsFile file_;

 public:
  const Json config;
};

// ||a - b|| / ||b||
inline double relative_error(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  return size == 0 ? std::sqrt(difference) : std::sqrt(difference / size);
}

}  // namespace stillpoint
