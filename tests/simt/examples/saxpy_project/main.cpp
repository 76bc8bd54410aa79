// Checks saxpy on as many elements as the argument says.
#include <cstdio>
#include <cstdlib>

#include "saxpy.h"

int main(int argc, char** argv) {
  const int n = argc > 1 ? std::atoi(argv[1]) : 100;
  std::vector<float> x(n, 2.0f), y(n, 1.0f);
  if (saxpy(3.0f, x, y) != cudaSuccess) return 2;
  for (float v : y)
    if (v != 7.0f) return 1;
  std::printf("%d elements are right\n", n);
}
