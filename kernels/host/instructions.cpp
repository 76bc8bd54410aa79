// Names the instructions that the CPU's kernels were compiled for.
#include "kernels/host/instructions.h"

namespace stillpoint::kernels {
namespace {

std::string widest() {
#if defined(__AVX512F__)
  return "AVX-512";
#elif defined(__AVX2__) && defined(__FMA__)
  return "AVX2 with FMA";
#elif defined(__AVX__)
  return "AVX";
#elif defined(__ARM_NEON)
  return "Arm NEON";
#else
  return "baseline (16-byte vectors)";
#endif
}

}  // namespace

std::string describe_instructions() {
#if defined(STILLPOINT_LEVEL)
  return widest() + " (built for " STILLPOINT_LEVEL ", chosen of v3 and v4)";
#else
  return widest();
#endif
}

}  // namespace stillpoint::kernels
