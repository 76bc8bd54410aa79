// The algorithms that NVIDIA's libraries chose for products and convolutions, kept for people to read.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace stillpoint::kernels {

struct LibraryPlan {
  std::string library;          // "cuDNN", "cublasLt"; "plain kernel" if none of them does the work
  std::string work;             // the pass, its shape and its type
  bool found = false;           // false: the library has nothing for this work
  std::string algorithm, math;  // if found
  std::size_t workspace_bytes = 0;
};

// Keeps the plan unless it has one with the same library and work. Any thread may call it.
void keep_plan(const LibraryPlan& plan);
// Returns the plans in the order in which they were first kept.
std::vector<LibraryPlan> kept_plans();
// Returns one line.
std::string describe(const LibraryPlan& plan);

}  // namespace stillpoint::kernels
