// The op-case table: each row drives the oracle, the gradient checks, CPU = GPU and the benchmark of one op.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "engine/cases/op_counts.h"
#include "engine/ops.h"

namespace stillpoint {

// How an input is drawn: across signs with exact zeros and ties; away from zero; strictly positive; ids in
// [0, bound).
enum class Draw { signed_with_ties, nonzero, positive, ids };

struct OpInput {
  Shape shape;
  Draw draw = Draw::signed_with_ties;
  std::int32_t bound = 0;  // for ids
  bool constant = false;   // no gradient
};

using Values = std::vector<double>;

// A row at the paper's sizes, for the benchmark. The op takes all sizes from its inputs; what else it needs,
// such as a dilation, is the row's own.
struct PaperSizes {
  Index batch = 0, length = 0, width = 0;  // 0: the row does not follow it
};
struct AtPaper {
  PaperSizes usual = {};
  std::function<Shapes(const PaperSizes&)> shapes = {};  // of the inputs; empty: the row is not benchmarked
  Count flops = {};                                      // of the value; empty: it only moves data
  double gradient = 2;  // the gradient's flops in those of the value: two factors, or slope and product
  bool linear = false;  // the gradient reads no input but ids; so does that of a row that only moves data
};

struct OpCase {
  std::string name;
  std::vector<OpInput> inputs;
  std::function<Tensor(const std::vector<Tensor>&)> op;
  // Computes in double by plain loops over the inputs' values, and shares no code with the kernels.
  std::function<Values(const std::vector<Values>&)> oracle;
  Index terms = 1;           // k: length of the longest sum behind one output
  bool kinked = false;       // not differentiable everywhere: gradient checks draw inputs away from zero
  bool second_order = true;  // a second derivative exists and is checked
  // Points where an op of one input, element by element, is small, large or saturated.
  Values extremes = {};
  AtPaper paper = {};
};

// Each appends the ops of one family; the files are engine/cases/op_cases_*.cpp.
void add_elementwise_cases(std::vector<OpCase>& cases);
void add_strided_cases(std::vector<OpCase>& cases);
void add_network_cases(std::vector<OpCase>& cases);
void add_attention_cases(std::vector<OpCase>& cases);
void add_image_cases(std::vector<OpCase>& cases);
void add_image_layer_cases(std::vector<OpCase>& cases);
std::vector<OpCase> op_cases();

// Draws the values of one input, the same on every run.
Values draw_values(const OpInput& input, std::uint64_t stream, bool away_from_zero);
// Makes tensors from a case's values.
std::vector<Tensor> make_inputs(const OpCase& c, const std::vector<Values>& values, TensorOptions options);

}  // namespace stillpoint
