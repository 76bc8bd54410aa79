// Implements NCCL: operations over the ranks of an MPI launch, queued on streams or recorded in graphs. It
// finds ranks that disagree.
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <thread>

#include "libraries/collectives.h"
#include "report/ending.h"

namespace simt {
namespace {

using Shared = std::shared_ptr<ncclComm>;
using Call = NcclCall;

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

Matrix bytes_of(const void* data, std::size_t bytes) {
  if (bytes % 4 == 0) return {data, CUDA_R_32F, std::int64_t(bytes / 4), 1, std::int64_t(bytes / 4), false};
  return {data, CUDA_R_16F, std::int64_t(bytes + 1) / 2, 1, std::int64_t(bytes + 1) / 2, false};
}

// Throws a Violation unless all ranks make their n-th call together, with one size and type. Returns false if
// a rank is gone.
bool agree(const Call& call) {
  const std::int64_t own[] = {call.number, std::int64_t(call.kind), call.count, call.type, call.op,
                              call.root};
  const std::vector<char> all = gather(*call.comm, own, sizeof own, call.text());
  for (std::size_t at = 0; at < all.size(); at += sizeof own)
    if (std::memcmp(all.data() + at, own, sizeof own) != 0)
      throw Violation(Check::api, std::string(call.name()) + ": call " + std::to_string(call.number) +
                                      " of " + std::to_string(call.count) +
                                      " elements meets another call, size or type of rank " +
                                      std::to_string(at / sizeof own));
  return !all.empty();
}

void check_memory(const Call& call) {
  if (call.given() > 0) read_matrix(bytes_of(call.send, call.given()), call.name(), "sendbuff");
  if (call.received() > 0) write_matrix(bytes_of(call.receive, call.received()), call.name(), "recvbuff");
}

// If a rank is gone, the result is NaN.
void run_collective(const Call& call) {
  check_memory(call);
  ncclComm& comm = *call.comm;
  std::vector<char> all;
  const std::vector<char> nothing(call.bytes());
  const void* const own = call.given() > 0 ? call.send : nothing.data();
  const std::size_t each = call.kind == CollectiveKind::broadcast ? call.bytes() : call.given();
  if (comm.error == ncclSuccess && !comm.aborted && agree(call)) all = gather(comm, own, each, call.text());
  if (call.received() == 0) return;
  if (all.empty())
    std::memset(call.receive, 0xff, call.received());
  else if (call.kind == CollectiveKind::broadcast)
    std::memcpy(call.receive, all.data() + std::size_t(call.root) * each, call.bytes());
  else if (call.kind == CollectiveKind::all_gather)
    std::memcpy(call.receive, all.data(), all.size());
  else
    reduce(call, all, call.kind == CollectiveKind::reduce_scatter ? std::size_t(comm.rank * call.count) : 0);
}

bool is_peer(const Call& call) {
  return call.kind == CollectiveKind::send || call.kind == CollectiveKind::receive;
}

// Sends and receives of one group progress together; ncclSend returns when the peer receives.
void run_peers(const std::vector<Call>& calls) {
  std::vector<MPI_Request> requests;
  std::string what;
  std::vector<std::vector<char>> held;
  for (const Call& call : calls) {
    check_memory(call);
    what += (what.empty() ? "" : ", ") + call.text() +
            (call.kind == CollectiveKind::send ? " to rank " : " from rank ") + std::to_string(call.root);
    held.emplace_back(call.bytes());
    if (call.kind == CollectiveKind::send) std::memcpy(held.back().data(), call.send, call.bytes());
    requests.push_back(MPI_REQUEST_NULL);
    if (call.comm->ranks == MPI_COMM_NULL) continue;
    if (call.kind == CollectiveKind::send)
      MPI_Issend(held.back().data(), int(call.bytes()), MPI_BYTE, call.root, 7, call.comm->ranks,
                 &requests.back());
    else
      MPI_Irecv(held.back().data(), int(call.bytes()), MPI_BYTE, call.root, 7, call.comm->ranks,
                &requests.back());
  }
  wait_for(*calls[0].comm, requests, what);
  for (std::size_t i = 0; i < calls.size(); ++i)
    if (calls[i].kind == CollectiveKind::receive)
      std::memcpy(calls[i].receive, held[i].data(), held[i].size());
}

void queue(const std::vector<Call>& calls, cudaStream_t stream) {
  ncclComm& comm = *calls[0].comm;
  const CUstream_st& target = stream_of(stream);
  const bool captured = target.capture != nullptr, same = comm.last_capture == target.capture;
  double bytes = 0;
  for (const Call& call : calls) bytes += double(call.given() + call.received());
  const Details details{.behind = std::size_t(captured ? (same ? comm.last_node : 0) : comm.last_task),
                        .deferred = reports_use() && comm.size > 1};
  comm.last_task = enqueue(
      stream, {.kind = Piece::Kind::library, .name = calls[0].name(), .bytes = bytes},
      [calls] {
        if (is_peer(calls[0])) return run_peers(calls);
        for (const Call& call : calls) run_collective(call);
      },
      details);
  comm.last_capture = target.capture;
  comm.last_node = target.captured_last;
}

// The calls between ncclGroupStart and ncclGroupEnd.
struct Group {
  int depth = 0;
  std::vector<std::pair<Call, cudaStream_t>> calls;
};
thread_local Group group;

ncclResult_t status_of(ncclResult_t status, const std::string& why, const Call& call) {
  if (status != ncclSuccess)
    report_use(Check::api, std::string(call.name()) + ": " + ncclGetErrorString(status) + ": " + why);
  return status;
}

ncclResult_t issue(Call call, ncclComm_t comm, cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  call.comm = find(comm);
  if (call.comm == nullptr) return status_of(ncclInvalidArgument, "the communicator does not exist", call);
  if (!is_stream(stream)) return status_of(ncclInvalidArgument, "the stream does not exist", call);
  if (refuse_queueing(stream) != cudaSuccess)
    return status_of(ncclUnhandledCudaError, "the stream is captured", call);
  if (!is_type(call.type) || call.op < ncclSum || call.op > ncclAvg || call.root < 0 ||
      call.root >= call.comm->size)
    return status_of(ncclInvalidArgument, "the type, the operation or the root does not exist", call);
  if (call.count == 0) return ncclSuccess;
  if ((call.given() > 0 && call.send == nullptr) || (call.received() > 0 && call.receive == nullptr))
    return status_of(ncclInvalidArgument, "a pointer is null", call);
  const auto *const a = static_cast<const char*>(call.send), *const b =
                                                                 static_cast<const char*>(call.receive);
  const bool overlaps =
      a != b && call.given() > 0 && call.received() > 0 && a < b + call.received() && b < a + call.given();
  if (overlaps && (call.kind == CollectiveKind::all_reduce || call.kind == CollectiveKind::reduce ||
                   call.kind == CollectiveKind::broadcast))
    return status_of(ncclInvalidArgument, "sendbuff and recvbuff overlap, and are not the same", call);
  require_device(call.send, call.given(), call.name(), "sendbuff");
  require_device(call.receive, call.received(), call.name(), "recvbuff");
  call.number = ++call.comm->issued;
  log_library_call(call.name());
  if (group.depth > 0)
    group.calls.emplace_back(std::move(call), stream);
  else
    queue({std::move(call)}, stream);
  return ncclSuccess;
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
  if (refuse_unsafe() != cudaSuccess) return ncclInvalidUsage;
  int size = 1, own = 0, started = 0;
  MPI_Initialized(&started);
  if (started != 0) {
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_rank(MPI_COMM_WORLD, &own);
  }
  if (comm == nullptr || (ranks != 1 && (ranks != size || rank != own))) return ncclInvalidArgument;
  const auto made = std::make_shared<ncclComm>();
  made->size = ranks;
  made->rank = rank;
  if (ranks > 1) {
    MPI_Comm_dup(MPI_COMM_WORLD, &made->ranks);
    const std::vector<char> ids = gather(*made, id.internal, sizeof id.internal, "ncclCommInitRank");
    for (std::size_t at = 0; at < ids.size(); at += sizeof id.internal)
      if (std::memcmp(ids.data() + at, id.internal, sizeof id.internal) != 0) return ncclInvalidArgument;
    const std::int64_t process = ::getpid();
    const std::vector<char> all = gather(*made, &process, sizeof process, "ncclCommInitRank");
    made->processes.resize(std::size_t(size));
    std::memcpy(made->processes.data(), all.data(), all.size());
    made->board = open_board(id, rank, ranks);
  }
  const std::lock_guard lock(runtime_mutex());
  communicators().insert(made);
  *comm = made.get();
  return ncclSuccess;
}

ncclResult_t ncclCommInitAll(ncclComm_t* comms, int count, const int* devices) {
  if (comms == nullptr || count != 1 || (devices != nullptr && devices[0] != 0)) return ncclInvalidArgument;
  ncclUniqueId id;
  ncclGetUniqueId(&id);
  return ncclCommInitRank(comms, 1, id, 0);
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  const std::lock_guard lock(runtime_mutex());
  const Shared found = find(comm);
  if (found == nullptr) return ncclInvalidArgument;
  finish(found->last_task);
  communicators().erase(found);
  if (found->ranks != MPI_COMM_NULL) MPI_Comm_free(&found->ranks);
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

ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  const std::lock_guard lock(runtime_mutex());
  const Shared found = find(comm);
  if (found == nullptr) return ncclInvalidArgument;
  finish(found->last_task);
  return ncclSuccess;
}
ncclResult_t ncclCommCount(ncclComm_t comm, int* count) {
  const Shared found = find(comm);
  if (found == nullptr || count == nullptr) return ncclInvalidArgument;
  *count = found->size;
  return ncclSuccess;
}
ncclResult_t ncclCommUserRank(ncclComm_t comm, int* rank) {
  const Shared found = find(comm);
  if (found == nullptr || rank == nullptr) return ncclInvalidArgument;
  *rank = found->rank;
  return ncclSuccess;
}
ncclResult_t ncclCommCuDevice(ncclComm_t comm, int* device) {
  if (find(comm) == nullptr || device == nullptr) return ncclInvalidArgument;
  *device = 0;
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) {
  return issue({CollectiveKind::all_reduce, nullptr, send, receive, std::int64_t(count), 0, type, op, 0},
               comm, stream);
}
ncclResult_t ncclReduce(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                        ncclRedOp_t op, int root, ncclComm_t comm, cudaStream_t stream) {
  return issue({CollectiveKind::reduce, nullptr, send, receive, std::int64_t(count), 0, type, op, root}, comm,
               stream);
}
ncclResult_t ncclBroadcast(const void* send, void* receive, std::size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  return issue(
      {CollectiveKind::broadcast, nullptr, send, receive, std::int64_t(count), 0, type, ncclSum, root}, comm,
      stream);
}
ncclResult_t ncclBcast(void* data, std::size_t count, ncclDataType_t type, int root, ncclComm_t comm,
                       cudaStream_t stream) {
  return ncclBroadcast(data, data, count, type, root, comm, stream);
}
ncclResult_t ncclAllGather(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
  return issue({CollectiveKind::all_gather, nullptr, send, receive, std::int64_t(count), 0, type, ncclSum, 0},
               comm, stream);
}
ncclResult_t ncclReduceScatter(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                               ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) {
  return issue({CollectiveKind::reduce_scatter, nullptr, send, receive, std::int64_t(count), 0, type, op, 0},
               comm, stream);
}
ncclResult_t ncclSend(const void* send, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return issue({CollectiveKind::send, nullptr, send, nullptr, std::int64_t(count), 0, type, ncclSum, peer},
               comm, stream);
}
ncclResult_t ncclRecv(void* receive, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return issue(
      {CollectiveKind::receive, nullptr, nullptr, receive, std::int64_t(count), 0, type, ncclSum, peer}, comm,
      stream);
}

ncclResult_t ncclGroupStart() {
  ++group.depth;
  return ncclSuccess;
}
ncclResult_t ncclGroupEnd() {
  if (group.depth == 0) return ncclInvalidUsage;
  if (--group.depth > 0) return ncclSuccess;
  const std::lock_guard lock(runtime_mutex());
  // Sends and receives become one piece of work for each stream; other calls keep their order.
  std::vector<std::pair<cudaStream_t, std::vector<Call>>> peers;
  for (auto& [call, stream] : group.calls) {
    if (!is_peer(call)) {
      queue({call}, stream);
      continue;
    }
    const auto found =
        std::find_if(peers.begin(), peers.end(), [&, s = stream](const auto& p) { return p.first == s; });
    if (found != peers.end())
      found->second.push_back(call);
    else
      peers.push_back({stream, {call}});
  }
  for (const auto& [stream, calls] : peers) queue(calls, stream);
  group.calls.clear();
  return ncclSuccess;
}
