// The results that the SIM paper reports (Tables 1 to 3), and the shipped settings that aim at them.
#pragma once
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

struct PaperCell {
  std::string model;  // the row, with the paper's name
  std::string data;   // the column: a data set, a folder of pictures, or empty
  std::string preset;
  double value = NAN, deviation = NAN;  // as printed in the paper; NaN: it has none
  Index epochs = 0;                     // of the paper's run, if they differ from the table's
};

// How the runs of a cell become one number.
enum class Summary {
  median,   // over seeds, with the smallest and the largest: for losses, which differ by orders of magnitude
  seeds,    // mean and standard deviation over seeds
  pictures  // mean and standard deviation over pictures, of the means over seeds
};

struct PaperTable {
  std::string name, title, task;
  std::string metric;  // of the test split
  double scale = 1;    // factor from the metric to the paper's unit
  std::string unit;
  Summary summary = Summary::seeds;
  std::string epochs;      // of the paper's runs, in words
  Index least_epochs = 0;  // the fewest of those epochs
  std::vector<PaperCell> cells = {};
};

// Accepts table1, table2 and table3. Throws Error for any other name.
const PaperTable& paper_table(std::string_view name);

}  // namespace stillpoint
