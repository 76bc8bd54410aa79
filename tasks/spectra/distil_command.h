// The `distil` command: how many features does a three-step network need to stand in for an equilibrium?
#pragma once
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "tasks/spectra/student.h"

namespace stillpoint {

struct DistilRequest {
  std::string run;     // run folder or checkpoint of a DEQ
  Index inputs = 400;  // of its training set, which it labels with its z*
  Index held_out = 100;
  std::vector<std::string> students{"single", "two"};
  std::vector<Index> sizes{8, 16, 32, 64};  // features
  StudentOptions options = {};              // without model and features
  bool edmd = true;                         // compares eq. 7 by EDMD
  std::filesystem::path output;             // empty: nothing is written
};

// For each student and size, trains it on z* of the inputs and prints the relative errors of z* and of the
// logits and the task's loss on held-out inputs, and the time of a sequence beside that of the DEQ's solve.
// For comparison it prints what `spectrum` finds for this DEQ by eq. 7 (paper) and by least squares. Writes
// distil.json, distil.csv, error.{svg,csv} and loss.{svg,csv} to `output`.
void run_distil(const DistilRequest& request, std::ostream& out);

}  // namespace stillpoint
