// The ranks of a communicator of NCCL: they meet by MPI, and find out if all of them wait.
#pragma once
#include <mpi.h>
#include <nccl.h>

#include <memory>
#include <vector>

#include "runtime/runtime.h"

namespace simt {
class Board;
}

// Outlives its handle while calls are queued.
struct ncclComm {
  MPI_Comm ranks = MPI_COMM_NULL;  // null for a single rank
  int size = 1, rank = 0;
  std::vector<std::int64_t> processes;
  std::int64_t issued = 0;           // calls so far
  ncclResult_t error = ncclSuccess;  // found while a call ran
  bool aborted = false;
  // Calls of one communicator run in the order in which they were made, on any streams.
  simt::TaskId last_task = 0;
  const simt::Capture* last_capture = nullptr;
  std::size_t last_node = 0;
  std::shared_ptr<simt::Board> board;
};

namespace simt {

// Says what each rank waits for, in memory that all of them share.
std::shared_ptr<Board> open_board(const ncclUniqueId& id, int rank, int ranks);

// Waits for requests, as a rank that does `what`. Returns false and sets the communicator's error if a rank
// is gone. Throws a Violation if every rank waits and none of them can continue.
bool wait_for(ncclComm& comm, std::vector<MPI_Request>& requests, const std::string& what);
// Returns every rank's bytes, in the order of ranks, or an empty vector if a rank is gone.
std::vector<char> gather(ncclComm& comm, const void* data, std::size_t bytes, const std::string& what);

}  // namespace simt
