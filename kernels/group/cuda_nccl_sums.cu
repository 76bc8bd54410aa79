// All-reduces, on a stream of their own between two events or in the device's one stream.
#include "kernels/group/nccl_sums.h"

#include <nccl.h>

#include <cstdlib>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include "kernels/device/cuda.h"
#include "kernels/group/communicator.h"

namespace stillpoint::kernels {
namespace {

void check(ncclResult_t status, const char* call) {
  if (status == ncclSuccess || status == ncclInProgress) return;
  fail(call, ": ", ncclGetErrorString(status), " (", ncclGetLastError(nullptr),
       "), expected success, give every rank a GPU of its own, and see more with NCCL_DEBUG=INFO");
}
#define STILLPOINT_NCCL_CHECK(call) check((call), #call)

// A failure of queued sums comes from another rank or from the way to it.
void check_queued(ncclComm_t communicator) {
  ncclResult_t status = ncclSuccess;
  STILLPOINT_NCCL_CHECK(ncclCommGetAsyncError(communicator, &status));
  if (status == ncclSuccess || status == ncclInProgress) return;
  throw RankLost(text("ncclAllReduce: ", ncclGetErrorString(status), " (", ncclGetLastError(nullptr),
                      "), expected all ranks to live as long as the run; see more with NCCL_DEBUG=INFO"));
}

ncclDataType_t type_of(const Array& values) {
  require(values.dtype != DType::int32, "communicator: given ", name_of(values.dtype),
          ", expected float32 or float64, convert it first");
  return values.dtype == DType::float64 ? ncclFloat64 : ncclFloat32;
}

}  // namespace

struct NcclSums::Handles {
  ncclComm_t communicator = nullptr;
  cudaStream_t stream = nullptr;
  cudaEvent_t ready = nullptr, done = nullptr;  // the values to sum are ready, and the sums are done
  bool started = false;

  void add_up(const Array& values, cudaStream_t on) const {
    STILLPOINT_NCCL_CHECK(ncclAllReduce(values.data, values.data, std::size_t(values.size), type_of(values),
                                        ncclSum, communicator, on));
  }
};

std::string NcclSums::make_id() {
  ncclUniqueId id;
  STILLPOINT_NCCL_CHECK(ncclGetUniqueId(&id));
  return {id.internal, sizeof id.internal};
}

NcclSums::NcclSums(Index rank, Index size, const std::string& id) : handles_(std::make_unique<Handles>()) {
  // NCCL would register the memory of captured sums for other processes, but a stream's pool does not allow
  // that.
  ::setenv("NCCL_GRAPH_REGISTER", "0", 0);
  ncclUniqueId of_all;
  require(id.size() == sizeof of_all.internal, "nccl: given an id of ", id.size(), " bytes, expected ",
          sizeof of_all.internal, ", use equal builds of this program on all ranks");
  std::memcpy(of_all.internal, id.data(), id.size());
  cuda::queue();
  STILLPOINT_CUDA_CHECK(cudaStreamCreateWithFlags(&handles_->stream, cudaStreamNonBlocking));
  STILLPOINT_CUDA_CHECK(cudaEventCreateWithFlags(&handles_->ready, cudaEventDisableTiming));
  STILLPOINT_CUDA_CHECK(cudaEventCreateWithFlags(&handles_->done, cudaEventDisableTiming));
  STILLPOINT_NCCL_CHECK(ncclCommInitRank(&handles_->communicator, int(size), of_all, int(rank)));
}

// A destructor has nobody to report errors to.
NcclSums::~NcclSums() {
  if (handles_->communicator != nullptr) ncclCommDestroy(handles_->communicator);
  cudaEventDestroy(handles_->ready);
  cudaEventDestroy(handles_->done);
  cudaStreamDestroy(handles_->stream);
}

void NcclSums::start(const Array& values) {
  STILLPOINT_CUDA_CHECK(cudaEventRecord(handles_->ready, cuda::queue().stream));
  STILLPOINT_CUDA_CHECK(cudaStreamWaitEvent(handles_->stream, handles_->ready));
  handles_->add_up(values, handles_->stream);
  handles_->started = true;
}

void NcclSums::finish() {
  if (!handles_->started) return;
  STILLPOINT_CUDA_CHECK(cudaEventRecord(handles_->done, handles_->stream));
  STILLPOINT_CUDA_CHECK(cudaStreamWaitEvent(cuda::queue().stream, handles_->done));
  handles_->started = false;
}

void NcclSums::sum(const Array& values) { handles_->add_up(values, cuda::queue().stream); }

bool NcclSums::idle() {
  check_queued(handles_->communicator);
  const cudaError_t queued = cudaStreamQuery(cuda::queue().stream);
  if (queued == cudaErrorNotReady) return false;
  STILLPOINT_CUDA_CHECK(queued);
  check_queued(handles_->communicator);
  return true;
}

// ncclCommAbort lets waiting kernels go first, but returns only when no recorded graph holds a sum. The
// graphs live as long as the training step, so nobody waits for the call.
void NcclSums::abort() noexcept {
  const ncclComm_t communicator = std::exchange(handles_->communicator, nullptr);
  if (communicator == nullptr) return;
  try {
    std::thread([communicator] { ncclCommAbort(communicator); }).detach();
  } catch (const std::system_error&) {
  }
}

void choose_gpu(Index local_rank) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess)
    cudaGetLastError();  // a call that needs a GPU will report it
  else if (devices > 0)
    STILLPOINT_CUDA_CHECK(cudaSetDevice(int(local_rank % devices)));
}

std::string describe_nccl() {
  int version = 0;
  STILLPOINT_NCCL_CHECK(ncclGetVersion(&version));
  return text(version / 10000, '.', version / 100 % 100, '.', version % 100);
}

}  // namespace stillpoint::kernels
