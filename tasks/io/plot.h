// Draws line plots: always writes data and script, and the pictures only if gnuplot is installed.
#pragma once
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace stillpoint {

struct Curve {
  std::string label;
  std::vector<double> x,
      y;                // same length; points that are not finite (or not positive with log_y) are gaps
  bool points = false;  // marks without a line
};

struct Plot {
  std::string name;  // stem of the files, without a folder
  std::string title = {}, xlabel = {}, ylabel = {};
  bool log_y = false;
  bool equal_axes = false;  // a unit has the same length on both
  std::vector<Curve> curves = {};
};

struct PlotResult {
  bool png = false, svg = false;  // which pictures were made
  std::string note = {};          // one line that says why a picture is missing; empty if both were made
};

// Writes <name>.dat and <name>.gnuplot to `folder` and lets gnuplot draw <name>.png and <name>.svg (960 x
// 600). Removes the pictures of an earlier call first, so that a picture never disagrees with its data.
// Throws Error if the name is bad, if x and y of a curve differ in length, or if the two text files cannot be
// written. Only the result reports a gnuplot that is missing, fails, or is killed at the limit or because
// this program is told to end.
PlotResult plot_curves(const std::filesystem::path& folder, const Plot& plot,
                       std::chrono::milliseconds limit = std::chrono::seconds(60));

}  // namespace stillpoint
