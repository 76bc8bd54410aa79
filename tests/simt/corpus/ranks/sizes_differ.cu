// expect: api another call, size or type
// ranks: 2
// The ranks sum different numbers of elements.
#include <cuda_runtime.h>
#include <mpi.h>
#include <nccl.h>

#include <cstdio>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank, ranks;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  ncclUniqueId id;
  if (rank == 0) ncclGetUniqueId(&id);
  MPI_Bcast(&id, sizeof id, MPI_BYTE, 0, MPI_COMM_WORLD);
  ncclComm_t comm;
  ncclCommInitRank(&comm, ranks, id, rank);
  const int n = 1000;
  float *x, *sum;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&sum, n * sizeof(float));
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  fill<<<4, 256, 0, stream>>>(x, float(rank + 1), n);
  ncclAllReduce(x, sum, rank == 0 ? n : n - 1, ncclFloat, ncclSum, comm, stream);
  cudaStreamSynchronize(stream);
  float value;
  cudaMemcpy(&value, sum, sizeof value, cudaMemcpyDeviceToHost);
  std::printf("%g\n", value);
  cudaFree(x);
  cudaFree(sum);
  cudaStreamDestroy(stream);
  ncclCommDestroy(comm);
  MPI_Finalize();
}
