// Implements NCCL: sums over the ranks of an MPI launch, queued on streams or recorded in graphs. It finds
// ranks that disagree.
#include <mpi.h>
#include <nccl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "libraries/blas.h"
#include "machine/block.h"
#include "runtime/runtime.h"

// Outlives its handle while calls are queued.
struct ncclComm {
  MPI_Comm ranks = MPI_COMM_NULL;
  int size = 0;
  std::vector<std::int64_t> processes;
  std::int64_t issued = 0;           // calls so far
  ncclResult_t error = ncclSuccess;  // found while a call ran
  bool aborted = false;
  // Calls of one communicator run in the order in which they were made, on any streams.
  simt::TaskId last_task = 0;
  const simt::Capture* last_capture = nullptr;
  std::size_t last_node = 0;
};

namespace simt {
namespace {

using Shared = std::shared_ptr<ncclComm>;

// Is never destroyed, as streams are not.
std::set<Shared>& communicators() {
  static auto* const instance = new std::set<Shared>;
  return *instance;
}

Shared find(ncclComm_t comm) {
  for (const Shared& c : communicators())
    if (c.get() == comm) return c;
  return nullptr;
}

bool is_gone(std::int64_t process) { return ::kill(pid_t(process), 0) != 0 && errno == ESRCH; }

// Waits for a request. Returns false and sets the communicator's error if a rank is gone.
bool wait(ncclComm& comm, MPI_Request& request) {
  for (int tries = 0;; ++tries) {
    int done = 0;
    if (MPI_Test(&request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) comm.error = ncclRemoteError;
    if (done != 0) return true;
    if (tries < 1000) continue;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (tries % 100 == 0)
      for (const std::int64_t process : comm.processes)
        if (is_gone(process)) comm.error = ncclRemoteError;
    if (comm.error != ncclSuccess) return false;
  }
}

// What a call queues.
struct Call {
  Shared comm;
  const void* send;
  void* receive;
  std::int64_t count, number;
  ncclDataType_t type;

  std::size_t bytes() const { return std::size_t(count) * (type == ncclFloat64 ? 8 : 4); }
  Matrix matrix(const void* data) const {
    return {data, type == ncclFloat64 ? CUDA_R_64F : CUDA_R_32F, count, 1, count, false};
  }
};

// Returns every rank's bytes, in the order of ranks, or an empty vector if a rank is gone.
std::vector<char> gather(ncclComm& comm, const void* data, std::size_t bytes) {
  std::vector<char> all(bytes * std::size_t(comm.size));
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Iallgather(data, int(bytes), MPI_BYTE, all.data(), int(bytes), MPI_BYTE, comm.ranks, &request);
  if (!wait(comm, request)) all.clear();
  return all;
}

// Throws a Violation unless all ranks make their n-th call together, with one size and type. Returns false if
// a rank is gone.
bool agree(const Call& call) {
  const std::int64_t own[3] = {call.number, call.count, call.type};
  const std::vector<char> all = gather(*call.comm, own, sizeof own);
  for (std::size_t at = 0; at < all.size(); at += sizeof own)
    if (std::memcmp(all.data() + at, own, sizeof own) != 0)
      throw Violation({}, {}, {},
                      "ncclAllReduce: call " + std::to_string(call.number) + " of " +
                          std::to_string(call.count) + " elements meets another call, size or type of rank " +
                          std::to_string(at / sizeof own));
  return !all.empty();
}

template <class T>
void add_up(const Call& call, const std::vector<char>& all) {
  std::vector<T> sum(std::size_t(call.count), T(0)), part(sum.size());
  for (std::size_t at = 0; at < all.size(); at += call.bytes()) {
    std::memcpy(part.data(), all.data() + at, call.bytes());
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
  }
  std::memcpy(call.receive, sum.data(), call.bytes());
}

// Sums the values of all ranks. If a rank is gone, the result is NaN.
void run(const Call& call) {
  read_matrix(call.matrix(call.send), "ncclAllReduce", "sendbuff");
  write_matrix(call.matrix(call.receive), "ncclAllReduce", "recvbuff");
  ncclComm& comm = *call.comm;
  std::vector<char> all;
  if (comm.error == ncclSuccess && !comm.aborted && agree(call)) all = gather(comm, call.send, call.bytes());
  if (all.empty())
    std::memset(call.receive, 0xff, call.bytes());
  else
    call.type == ncclFloat64 ? add_up<double>(call, all) : add_up<float>(call, all);
}

void queue(const Call& call, cudaStream_t stream) {
  ncclComm& comm = *call.comm;
  const CUstream_st& target = stream_of(stream);
  const bool captured = target.capture != nullptr, same = comm.last_capture == target.capture;
  comm.last_task = enqueue(
      stream, {.kind = Piece::Kind::library, .name = "ncclAllReduce", .bytes = 2 * double(call.bytes())},
      [call] { run(call); }, captured ? (same ? comm.last_node : 0) : comm.last_task);
  comm.last_capture = target.capture;
  comm.last_node = target.captured_last;
}

}  // namespace
}  // namespace simt

using namespace simt;

ncclResult_t ncclGetVersion(int* version) {
  if (version == nullptr) return ncclInvalidArgument;
  *version = 22800;
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error";
    case ncclInvalidArgument:
      return "invalid argument";
    case ncclInvalidUsage:
      return "invalid usage";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
    default:
      return "internal error";
  }
}
const char* ncclGetLastError(ncclComm_t) { return "the emulator's NCCL"; }

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  if (id == nullptr) return ncclInvalidArgument;
  std::random_device random;
  for (char& c : id->internal) c = char(random());
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank) {
  if (refuse_while_capturing() != cudaSuccess) return ncclInvalidUsage;
  int size = 0, own = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Comm_rank(MPI_COMM_WORLD, &own);
  if (comm == nullptr || ranks != size || rank != own) return ncclInvalidArgument;
  const auto made = std::make_shared<ncclComm>();
  MPI_Comm_dup(MPI_COMM_WORLD, &made->ranks);
  made->size = size;
  const std::vector<char> ids = gather(*made, id.internal, sizeof id.internal);
  for (std::size_t at = 0; at < ids.size(); at += sizeof id.internal)
    if (std::memcmp(ids.data() + at, id.internal, sizeof id.internal) != 0) return ncclInvalidArgument;
  const std::int64_t process = ::getpid();
  const std::vector<char> all = gather(*made, &process, sizeof process);
  made->processes.resize(std::size_t(size));
  std::memcpy(made->processes.data(), all.data(), all.size());
  const std::lock_guard lock(runtime_mutex());
  communicators().insert(made);
  *comm = made.get();
  return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  const std::lock_guard lock(runtime_mutex());
  const Shared found = find(comm);
  if (found == nullptr) return ncclInvalidArgument;
  finish(found->last_task);
  communicators().erase(found);
  MPI_Comm_free(&found->ranks);
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  Shared found;
  {
    const std::lock_guard lock(runtime_mutex());
    found = find(comm);
    if (found == nullptr) return ncclInvalidArgument;
    found->aborted = true;
    communicators().erase(found);
  }
  // Like NCCL's, it returns only when no queued work and no recorded graph holds a call of the communicator.
  while (found.use_count() > 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return ncclSuccess;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error) {
  const std::lock_guard lock(runtime_mutex());
  const Shared found = find(comm);
  if (found == nullptr || error == nullptr) return ncclInvalidArgument;
  *error = found->error;
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  const Shared found = find(comm);
  if (found == nullptr || !is_stream(stream) || send == nullptr || receive == nullptr)
    return ncclInvalidArgument;
  if ((type != ncclFloat32 && type != ncclFloat64) || op != ncclSum || count == 0) return ncclInvalidArgument;
  const Call call{found, send, receive, std::int64_t(count), ++found->issued, type};
  const auto *const a = static_cast<const char*>(send), *const b = static_cast<const char*>(receive);
  if (a != b && a < b + call.bytes() && b < a + call.bytes()) return ncclInvalidArgument;
  require_device(send, call.bytes(), "ncclAllReduce", "sendbuff");
  require_device(receive, call.bytes(), "ncclAllReduce", "recvbuff");
  log_library_call("ncclAllReduce");
  queue(call, stream);
  return ncclSuccess;
}
