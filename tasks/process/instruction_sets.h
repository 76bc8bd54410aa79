// Lists the extensions of x86-64 that compilers use on their own: X(predefined macro, name for
// __builtin_cpu_supports).
#pragma once

#if defined(__x86_64__)
#define STILLPOINT_INSTRUCTION_SETS(X)            \
  X(__SSE3__, "sse3")                             \
  X(__SSSE3__, "ssse3")                           \
  X(__SSE4_1__, "sse4.1")                         \
  X(__SSE4_2__, "sse4.2")                         \
  X(__SSE4A__, "sse4a")                           \
  X(__POPCNT__, "popcnt")                         \
  X(__LZCNT__, "lzcnt")                           \
  X(__MOVBE__, "movbe")                           \
  X(__AVX__, "avx")                               \
  X(__AVX2__, "avx2")                             \
  X(__FMA__, "fma")                               \
  X(__FMA4__, "fma4")                             \
  X(__XOP__, "xop")                               \
  X(__TBM__, "tbm")                               \
  X(__F16C__, "f16c")                             \
  X(__BMI__, "bmi")                               \
  X(__BMI2__, "bmi2")                             \
  X(__ADX__, "adx")                               \
  X(__AES__, "aes")                               \
  X(__PCLMUL__, "pclmul")                         \
  X(__SHA__, "sha")                               \
  X(__GFNI__, "gfni")                             \
  X(__VAES__, "vaes")                             \
  X(__VPCLMULQDQ__, "vpclmulqdq")                 \
  X(__AVXVNNI__, "avxvnni")                       \
  X(__AVX512F__, "avx512f")                       \
  X(__AVX512BW__, "avx512bw")                     \
  X(__AVX512CD__, "avx512cd")                     \
  X(__AVX512DQ__, "avx512dq")                     \
  X(__AVX512VL__, "avx512vl")                     \
  X(__AVX512IFMA__, "avx512ifma")                 \
  X(__AVX512VBMI__, "avx512vbmi")                 \
  X(__AVX512VBMI2__, "avx512vbmi2")               \
  X(__AVX512VNNI__, "avx512vnni")                 \
  X(__AVX512BITALG__, "avx512bitalg")             \
  X(__AVX512VPOPCNTDQ__, "avx512vpopcntdq")       \
  X(__AVX512VP2INTERSECT__, "avx512vp2intersect") \
  X(__AVX512BF16__, "avx512bf16")                 \
  X(__AVX512FP16__, "avx512fp16")
#else
#define STILLPOINT_INSTRUCTION_SETS(X)
#endif

namespace stillpoint {

// Whether the program was compiled for each line above; the last entry has no meaning. main.cpp, which is
// compiled like everything else, defines these constants.
extern const bool compiled_for[];

}  // namespace stillpoint
