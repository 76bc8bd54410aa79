// What the SIM paper reports (Tables 1 to 3), and the shipped settings that aim at it.
#pragma once
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

struct PaperCell {
  std::string model;  // the table's row, as the paper names it
  std::string data;   // its column: a data set, a folder of pictures, or empty
  std::string preset;
  double value = NAN, deviation = NAN;  // as the paper prints them; NaN: it has none
  Index epochs = 0;                     // that it was trained for, where they are not the table's
};

// How the runs of a cell become one number.
enum class Summary {
  median,  // of the seeds, with the smallest and the largest: for losses, which differ by orders of magnitude
  seeds,   // mean and standard deviation over seeds
  pictures  // over pictures, of the means over seeds
};

struct PaperTable {
  std::string name, title, task;
  std::string metric;  // of the test split
  double scale = 1;    // from the metric to the paper's unit
  std::string unit;
  Summary summary = Summary::seeds;
  std::string epochs;      // of the paper's runs, in words
  Index least_epochs = 0;  // the fewest of them
  std::vector<PaperCell> cells = {};
};

// table1, table2 or table3; Error for another name.
const PaperTable& paper_table(std::string_view name);

}  // namespace stillpoint
