// The instructions that the CPU's kernels were compiled for.
#pragma once
#include <string>

namespace stillpoint::kernels {

// Returns "AVX-512" or, in a portable build, "AVX-512 (built for x86-64-v4, chosen of v3 and v4)".
std::string describe_instructions();

}  // namespace stillpoint::kernels
