// Tests stream capture and graphs against the real runtime's rules: what is recorded, what is forbidden, what
// a launch repeats.
#include <cuda_runtime.h>

#include "support.h"

using namespace simt_check;

namespace {

void launch_on(cudaStream_t stream, float* x) {
  cudaLaunchConfig_t config = {};
  config.gridDim = 1;
  config.blockDim = 4;
  config.stream = stream;
  REQUIRE(cudaLaunchKernelEx(&config, add_one, x) == cudaSuccess);
}

void begin(cudaStream_t stream) {
  REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
}

// Returns the error of ending a capture in which `call` was made.
template <class Call>
cudaError_t end_after(Call call, cudaError_t expected) {
  const Stream stream;
  begin(stream.handle);
  CHECK(call(stream.handle) == expected);
  cudaGraph_t graph = nullptr;
  const cudaError_t error = cudaStreamEndCapture(stream.handle, &graph);
  CHECK((graph == nullptr) == (error != cudaSuccess));
  if (graph != nullptr) cudaGraphDestroy(graph);
  cudaGetLastError();
  return error;
}

}  // namespace

TEST_CASE("simt: a captured stream runs nothing until its graph is launched, then as often as asked") {
  const Stream stream;
  DeviceArray<float> x(std::vector<float>(4, 0));
  begin(stream.handle);
  launch_on(stream.handle, x.data);
  launch_on(stream.handle, x.data);
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamEndCapture(stream.handle, &graph) == cudaSuccess);
  CHECK(x.host()[0] == 0);
  cudaGraphExec_t executable = nullptr;
  REQUIRE(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess);
  CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  CHECK(cudaGraphDestroy(graph) == cudaErrorInvalidValue);
  for (int i = 0; i < 3; ++i) CHECK(cudaGraphLaunch(executable, stream.handle) == cudaSuccess);
  CHECK(cudaGraphExecDestroy(executable) == cudaSuccess);  // queued launches still run
  REQUIRE(cudaStreamSynchronize(stream.handle) == cudaSuccess);
  CHECK(x.host() == std::vector<float>(4, 6));
  CHECK(cudaGraphLaunch(executable, stream.handle) == cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST_CASE("simt: a second stream joins a capture through events, and has to come back") {
  const Stream first, second;
  DeviceArray<float> x(std::vector<float>(4, 0)), y(std::vector<float>(4, 0));
  cudaEvent_t fork = nullptr, join = nullptr;
  REQUIRE(cudaEventCreate(&fork) == cudaSuccess);
  REQUIRE(cudaEventCreate(&join) == cudaSuccess);
  for (const bool joined : {true, false}) {
    begin(first.handle);
    launch_on(first.handle, x.data);
    REQUIRE(cudaEventRecord(fork, first.handle) == cudaSuccess);
    REQUIRE(cudaStreamWaitEvent(second.handle, fork) == cudaSuccess);
    launch_on(second.handle, y.data);
    if (joined) {
      REQUIRE(cudaEventRecord(join, second.handle) == cudaSuccess);
      REQUIRE(cudaStreamWaitEvent(first.handle, join) == cudaSuccess);
    }
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(second.handle, &graph) == cudaErrorStreamCaptureUnmatched);
    CHECK(cudaStreamEndCapture(first.handle, &graph) ==
          (joined ? cudaSuccess : cudaErrorStreamCaptureUnjoined));
    if (!joined) continue;
    cudaGraphExec_t executable = nullptr;
    REQUIRE(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess);
    REQUIRE(cudaGraphLaunch(executable, first.handle) == cudaSuccess);
    REQUIRE(cudaStreamSynchronize(first.handle) == cudaSuccess);
    CHECK(x.host()[3] == 1);
    CHECK(y.host()[3] == 1);
    cudaGraphExecDestroy(executable);
    cudaGraphDestroy(graph);
  }
  begin(first.handle);
  REQUIRE(cudaEventRecord(fork, first.handle) == cudaSuccess);
  CHECK(cudaEventSynchronize(fork) == cudaErrorCapturedEvent);
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamEndCapture(first.handle, &graph) == cudaErrorStreamCaptureInvalidated);
  cudaEventDestroy(fork);
  cudaEventDestroy(join);
  cudaGetLastError();
}

TEST_CASE("simt: calls that a capture does not allow fail and end it") {
  constexpr cudaError_t refused = cudaErrorStreamCaptureUnsupported,
                        invalidated = cudaErrorStreamCaptureInvalidated;
  CHECK(end_after([](cudaStream_t s) { return cudaStreamSynchronize(s); }, refused) == invalidated);
  CHECK(end_after([](cudaStream_t s) { return cudaStreamQuery(s); }, refused) == invalidated);
  CHECK(end_after([](cudaStream_t) { return cudaDeviceSynchronize(); }, refused) == invalidated);
  CHECK(end_after(
            [](cudaStream_t) {
              void* p;
              return cudaMalloc(&p, 8);
            },
            refused) == invalidated);
  CHECK(end_after(
            [](cudaStream_t) {
              void* p;
              return cudaHostAlloc(&p, 8, cudaHostAllocDefault);
            },
            refused) == invalidated);
  CHECK(end_after([](cudaStream_t s) { return cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal); },
                  refused) == cudaSuccess);
  DeviceArray<float> x(std::vector<float>(4, 0));
  float host[4] = {};
  CHECK(
      end_after([&](cudaStream_t s) { return cudaMemcpyAsync(host, x.data, 16, cudaMemcpyDeviceToHost, s); },
                cudaSuccess) == cudaSuccess);
  CHECK(end_after([&](cudaStream_t) { return cudaMemcpy(host, x.data, 16, cudaMemcpyDeviceToHost); },
                  cudaErrorStreamCaptureImplicit) == invalidated);
  CHECK(end_after([&](cudaStream_t s) { return cudaMemsetAsync(x.data, 0, 16, s); }, cudaSuccess) ==
        cudaSuccess);
  cudaEvent_t outside = nullptr;
  REQUIRE(cudaEventCreate(&outside) == cudaSuccess);
  REQUIRE(cudaEventRecord(outside, nullptr) == cudaSuccess);
  CHECK(end_after([&](cudaStream_t s) { return cudaStreamWaitEvent(s, outside); },
                  cudaErrorStreamCaptureIsolation) == invalidated);
  cudaEventDestroy(outside);
}
