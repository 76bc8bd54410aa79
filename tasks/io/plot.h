// Line plots through gnuplot: the data and the script are always written, the pictures where gnuplot is
// there.
#pragma once
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace stillpoint {

struct Curve {
  std::string label;
  std::vector<double> x,
      y;                // of one length; points that are not finite (or not positive with log_y) are gaps
  bool points = false;  // marks without a line
};

struct Plot {
  std::string name;  // stem of the files, without a folder
  std::string title = {}, xlabel = {}, ylabel = {};
  bool log_y = false;
  bool equal_axes = false;  // a unit is as long on both
  std::vector<Curve> curves = {};
};

struct PlotResult {
  bool png = false, svg = false;  // which pictures were made
  std::string note = {};          // one line on why a picture is missing; empty if both were made
};

// Writes <name>.dat and <name>.gnuplot to `folder` and lets gnuplot draw <name>.png and <name>.svg (960 x
// 600). Pictures left from an earlier call are removed first, so a picture never disagrees with its data.
// Throws Error on a bad name, curves with x and y of different lengths, or if the two text files cannot be
// written; a missing or failing gnuplot is reported in the result only, and so is one that is killed at the
// limit, or when this program is told to end while it draws.
PlotResult plot_curves(const std::filesystem::path& folder, const Plot& plot,
                       std::chrono::milliseconds limit = std::chrono::seconds(60));

}  // namespace stillpoint
