// The paper's numbers.
#include "tasks/reproduce/paper.h"

#include "kernels/device/error.h"

namespace stillpoint {
namespace {

PaperTable copy_memory() {
  return {.name = "table1",
          .title = "Table 1: test loss per sequence on copy memory, T = 500",
          .task = "copy-memory",
          .metric = "loss_sequence",
          .unit = "",
          .summary = Summary::median,
          .epochs = "20",
          .least_epochs = 20,
          .cells = {{"DEQ", "", "paper-deq", 2.24e-9},
                    {"SIM (single)", "", "paper-single", 7.03e-9},
                    {"SIM (two)", "", "paper-two", 5.06e-8}}};
}

// Fashion-MNIST is not in the paper.
PaperTable image_classification() {
  return {.name = "table2",
          .title = "Table 2: test accuracy of image classification",
          .task = "image-classification",
          .metric = "accuracy",
          .scale = 100,
          .unit = "%",
          .summary = Summary::seeds,
          .epochs = "20 to 80 (SIM), 40 (monDEQ)",
          .least_epochs = 20,
          .cells = {{"monDEQ (single)", "cifar10", "cifar10-mondeq-single", 74.0, 0.1, 40},
                    {"monDEQ (multi)", "cifar10", "cifar10-mondeq-multi", 72.0, 0.3, 40},
                    {"SIM (single)", "cifar10", "cifar10-sim", 79.4, 0.2},
                    {"SIM (two)", "cifar10", "cifar10-sim2", 78.2, 0.2},
                    {"monDEQ (single)", "svhn", "svhn-mondeq-single", 88.7, 1.1, 40},
                    {"monDEQ (multi)", "svhn", "svhn-mondeq-multi", 92.4, 0.1, 40},
                    {"SIM (single)", "svhn", "svhn-sim", 91.8, 0.2},
                    {"SIM (two)", "svhn", "svhn-sim2", 92.4, 0.1},
                    {"monDEQ (single)", "mnist", "mnist-mondeq-single", 99.1, 0.1, 40},
                    {"monDEQ (multi)", "mnist", "mnist-mondeq-multi", 99.0, 0.1, 40},
                    {"SIM (single)", "mnist", "mnist-sim", 99.4, 0.0},
                    {"SIM (two)", "mnist", "mnist-sim2", 99.4, 0.0},
                    {"SIM (single)", "fashion-mnist", "fashion-mnist-sim"},
                    {"SIM (two)", "fashion-mnist", "fashion-mnist-sim2"}}};
}

PaperTable image_regression() {
  return {.name = "table3",
          .title = "Table 3: test PSNR of image regression",
          .task = "image-regression",
          .metric = "psnr",
          .unit = "dB",
          .summary = Summary::pictures,
          .epochs = "2,000 full batches",
          .least_epochs = 2000,
          .cells = {{"SIM (single)", "natural", "natural-single", 19.67, 2.87},
                    {"SIM (two)", "natural", "natural-two", 22.24, 3.03},
                    {"SIM (RFF only)", "natural", "natural-rff", 25.19, 3.92},
                    {"SIM (single)", "text", "text-single", 17.54, 2.07},
                    {"SIM (two)", "text", "text-two", 23.30, 2.72},
                    {"SIM (RFF only)", "text", "text-rff", 27.69, 1.63}}};
}

}  // namespace

const PaperTable& paper_table(std::string_view name) {
  static const std::vector<PaperTable> tables{copy_memory(), image_classification(), image_regression()};
  for (const PaperTable& table : tables)
    if (table.name == name) return table;
  fail("reproduce: given '", name, "', expected table1, table2 or table3, choose one");
}

}  // namespace stillpoint
