// A fault that needs an order: a block other than the first takes the first ticket.
__global__ void warm_up(int* x) {
  __shared__ int sums[64];
  sums[threadIdx.x] = int(threadIdx.x);
  for (int step = 32; step > 0; step /= 2) {
    __syncthreads();
    if (threadIdx.x < unsigned(step)) sums[threadIdx.x] += sums[threadIdx.x + step];
  }
  if (threadIdx.x == 0) x[1 + blockIdx.x] = sums[0];
}

__global__ void tickets(int* x) {
  if (threadIdx.x == 0 && atomicAdd(x, 1) == 0 && blockIdx.x != 0) x[64] = 1;
}

int main() {
  int* x;
  cudaMalloc(&x, 64 * sizeof(int));
  cudaMemset(x, 0, 64 * sizeof(int));
  warm_up<<<8, 64>>>(x);
  tickets<<<8, 64>>>(x);
  cudaDeviceSynchronize();
  cudaFree(x);
}
