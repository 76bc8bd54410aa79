// Tests what the emulator's NCCL refuses. All ranks run these tests.
#include <nccl.h>

#include "kernels/device/cuda.h"
#include "simt/machine.h"
#include "tests/parallel/group.h"
#include "tests/support/catch.h"
#include "tests/support/device_array.h"
#include "tests/support/error_text.h"

namespace stillpoint {
namespace {

using test::group;

struct Communicator {
  ncclComm_t handle = nullptr;
  Communicator() {
    ncclUniqueId id;
    REQUIRE(ncclGetUniqueId(&id) == ncclSuccess);
    const std::string all = group().broadcast(std::string(id.internal, sizeof id.internal));
    std::copy(all.begin(), all.end(), id.internal);
    REQUIRE(ncclCommInitRank(&handle, int(group().size()), id, int(group().rank())) == ncclSuccess);
  }
  ~Communicator() { ncclCommDestroy(handle); }
};

template <class F>
std::string violation_of(F f) {
  try {
    f();
  } catch (const simt::Violation& violation) {
    return violation.what();
  }
  return "";
}

const std::vector<float> ones(8, 1.0f);

}  // namespace

TEST_CASE("NCCL refuses what it cannot sum", "[group][cuda]") {
  const Communicator comm;
  const DeviceArray<float> x(Device::cuda, ones), y(Device::cuda, ones);
  void *const data = x.array().data, *const other = y.array().data;
  const auto sum = [&](const void* from, void* to, std::size_t n, ncclDataType_t type, ncclRedOp_t op) {
    return ncclAllReduce(from, to, n, type, op, comm.handle, cuda::queue().stream);
  };
  CHECK(sum(nullptr, data, 8, ncclFloat32, ncclSum) == ncclInvalidArgument);
  CHECK(sum(data, nullptr, 8, ncclFloat32, ncclSum) == ncclInvalidArgument);
  CHECK(sum(data, data, 0, ncclFloat32, ncclSum) == ncclSuccess);
  CHECK(sum(data, data, 8, ncclDataType_t(6), ncclSum) == ncclInvalidArgument);
  CHECK(sum(data, data, 8, ncclFloat32, ncclRedOp_t(7)) == ncclInvalidArgument);
  CHECK(sum(data, static_cast<float*>(data) + 2, 4, ncclFloat32, ncclSum) == ncclInvalidArgument);
  CHECK(ncclAllReduce(data, data, 8, ncclFloat32, ncclSum, nullptr, nullptr) == ncclInvalidArgument);
  std::vector<float> host(8);
  CHECK_THAT(violation_of([&] { sum(host.data(), data, 8, ncclFloat32, ncclSum); }),
             mentions("ncclAllReduce: sendbuff needs 32 bytes of device memory"));
  if (simt::checks_accesses())
    CHECK_THAT(violation_of([&] { sum(data, data, 8, ncclFloat64, ncclSum); }),
               mentions("ncclAllReduce: byte 32 of 64 of sendbuff is out of bounds"));
  CHECK(sum(data, other, 8, ncclFloat32, ncclSum) == ncclSuccess);
  CHECK(y.host() == std::vector<float>(8, float(group().size())));
  CHECK(x.host() == ones);
}

TEST_CASE("ranks whose sums differ in size, type or order are found out", "[group][cuda]") {
  const Communicator comm;
  const DeviceArray<float> x(Device::cuda, ones);
  const bool odd = group().rank() == group().size() - 1;
  const auto sum = [&](std::size_t n, ncclDataType_t type) {
    return violation_of([&] {
      ncclAllReduce(x.array().data, x.array().data, n, type, ncclSum, comm.handle, cuda::queue().stream);
    });
  };
  CHECK_THAT(sum(odd ? 4 : 8, ncclFloat32), mentions("meets another call, size or type of rank"));
  CHECK_THAT(sum(4, odd ? ncclFloat64 : ncclFloat32), mentions("meets another call, size or type of rank"));
  CHECK(sum(4, ncclFloat32).empty());
}

TEST_CASE("a communicator is made by all ranks with one id, outside of captures", "[group][cuda]") {
  ncclUniqueId own;
  REQUIRE(ncclGetUniqueId(&own) == ncclSuccess);
  const int size = int(group().size()), rank = int(group().rank());
  ncclComm_t comm = nullptr;
  CHECK(ncclCommInitRank(&comm, size, own, rank) == ncclInvalidArgument);  // each rank has an id of its own
  CHECK(ncclCommInitRank(&comm, size + 1, own, rank) == ncclInvalidArgument);
  CHECK(ncclCommInitRank(nullptr, size, own, rank) == ncclInvalidArgument);
  cudaStream_t stream = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  CHECK(ncclCommInitRank(&comm, size, own, rank) == ncclInvalidUsage);
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated);
  cudaGetLastError();
  CHECK(cudaStreamDestroy(stream) == cudaSuccess);
  CHECK(ncclCommDestroy(nullptr) == ncclInvalidArgument);
}

}  // namespace stillpoint
