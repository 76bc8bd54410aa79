// The squared length of a row.
#include "distances.cuh"

__device__ float squared_norm(const float* row, int columns) {
  float sum = 0;
#pragma unroll 4
  for (int c = 0; c < columns; c++) sum = fmaf(row[c], row[c], sum);
  return sum;
}
