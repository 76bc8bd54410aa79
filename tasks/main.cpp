// The program: arguments in, exit code out.
#include <iostream>

#include "kernels/subnormals.h"
#include "tasks/cli.h"

int main(int argc, char** argv) {
#if defined(__AVX512F__)
  const bool runs = __builtin_cpu_supports("avx512f");
#elif defined(__AVX2__)
  const bool runs = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  const bool runs = true;
#endif
  if (!runs) {
    std::cerr
        << "stillpoint: this program was compiled for a newer processor than this one; build it here, or "
           "configure with -DSTILLPOINT_NATIVE=OFF\n";
    return 1;
  }
  stillpoint::kernels::flush_subnormals();
  return stillpoint::run_command_line({argv + 1, argv + argc}, std::cout, std::cerr);
}
