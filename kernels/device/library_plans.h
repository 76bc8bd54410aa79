// What NVIDIA's libraries chose for products and convolutions, kept so that people can read it.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace stillpoint::kernels {

struct LibraryPlan {
  std::string library;          // "cuDNN", "cublasLt"; "plain kernel" where none of them does the work
  std::string work;             // the pass, its shape and its type
  bool found = false;           // false: the library has nothing for this work
  std::string algorithm, math;  // of what was found
  std::size_t workspace_bytes = 0;
};

// Keeps the plan unless one of the same library and work is kept already. From any thread.
void keep_plan(const LibraryPlan& plan);
// In the order in which they were first kept.
std::vector<LibraryPlan> kept_plans();
// One line.
std::string describe(const LibraryPlan& plan);

}  // namespace stillpoint::kernels
