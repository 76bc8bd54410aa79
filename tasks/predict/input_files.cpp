// Expands folders and patterns, and reads arrays and tables.
#include "tasks/predict/input_files.h"

#include <glob.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "engine/io/files.h"
#include "engine/ops.h"
#include "engine/words.h"
#include "tasks/data/pictures/picture_files.h"
#include "tasks/io/npy.h"
#include "tasks/spectra/number_table.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

// Returns the paths that a pattern matches, sorted; the text itself if it is a path or matches nothing.
std::vector<std::string> matches_of(const std::string& input) {
  std::error_code ignored;
  if (fs::exists(input, ignored) || input.find_first_of("*?[") == input.npos) return {input};
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(input.c_str(), 0, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return paths.empty() ? std::vector<std::string>{input} : paths;
}

}  // namespace

std::vector<std::string> input_files(const std::vector<std::string>& inputs) {
  require(std::count(inputs.begin(), inputs.end(), "-") <= 1,
          "predict: given - more than once, expected standard input once, leave the others out");
  std::vector<std::string> files;
  for (const std::string& input : inputs) {
    if (input == "-") {
      files.push_back(input);
      continue;
    }
    for (const std::string& path : matches_of(input)) {
      std::error_code ignored;
      if (!fs::is_directory(path, ignored)) {
        files.push_back(path);
        continue;
      }
      const std::vector<std::string> below = files_below(path);
      require(!below.empty(), "predict: given the folder ", path,
              " without files, expected inputs, name another");
      for (const std::string& name : below) files.push_back((fs::path(path) / name).string());
    }
  }
  return files;
}

Tensor number_rows(const std::string& file) {
  const std::string where = shown(file, longest_path), bytes = read_file(file);
  if (!is_npy(bytes)) {
    const NumberTable table = number_table(where, bytes);
    std::vector<double> values;
    for (const auto& row : table.rows) values.insert(values.end(), row.begin(), row.end());
    return Tensor::from(values, {Index(table.rows.size()), Index(table.rows[0].size())},
                        {DType::float64, Device::cpu});
  }
  const Tensor array = parse_npy(where, bytes);
  require((array.rank() == 1 || array.rank() == 2) && array.size() > 0, where, ": given an array of shape ",
          to_text(array.shape()), ", expected (rows, columns) or one row, reshape it");
  for (const double value : array.values())
    require(std::isfinite(value), where, ": given the value ", value,
            ", expected finite numbers, replace it");
  return reshape(array, {array.rank() == 1 ? 1 : array.dim(0), array.dim(-1)});
}

}  // namespace stillpoint
