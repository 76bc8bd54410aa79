// Tests what captures refuse by their mode and thread, and the graphs that are made by hand.
#include <cuda_runtime.h>

#include <thread>

#include "support.h"

using namespace simt_check;

namespace {

__global__ void scale(float* x, float factor, int n) {
  if (int(threadIdx.x) < n) x[threadIdx.x] *= factor;
}
__global__ void halve(float* x, float limit, cudaGraphConditionalHandle more) {
  x[0] *= 0.5f;
  cudaGraphSetConditional(more, x[0] > limit);
}

struct Capture {
  cudaStream_t stream = nullptr;
  Capture(cudaStreamCaptureMode mode, unsigned flags = cudaStreamNonBlocking) {
    REQUIRE(cudaStreamCreateWithFlags(&stream, flags) == cudaSuccess);
    REQUIRE(cudaStreamBeginCapture(stream, mode) == cudaSuccess);
  }
  ~Capture() { cudaStreamDestroy(stream); }
  cudaError_t end() const {
    cudaGraph_t graph = nullptr;
    const cudaError_t error = cudaStreamEndCapture(stream, &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    cudaGetLastError();
    return error;
  }
};

cudaError_t launch(cudaStream_t stream, float* x) {
  cudaLaunchConfig_t config = {};
  config.blockDim = 4;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, add_one, x);
}

cudaError_t allocate() {
  void* p = nullptr;
  const cudaError_t error = cudaMalloc(&p, 16);
  if (error == cudaSuccess) cudaFree(p);
  return error;
}

template <class F>
cudaError_t elsewhere(F f) {
  cudaError_t error = cudaSuccess;
  std::thread([&] { error = f(); }).join();
  return error;
}

cudaGraphNode_t kernel_node(cudaGraph_t graph, const void* kernel, void** args, cudaGraphNode_t after) {
  cudaKernelNodeParams params = {};
  params.func = const_cast<void*>(kernel);
  params.blockDim = dim3(4);
  params.kernelParams = args;
  cudaGraphNode_t node = nullptr;
  REQUIRE(cudaGraphAddKernelNode(&node, graph, &after, after != nullptr, &params) == cudaSuccess);
  return node;
}

}  // namespace

TEST_CASE("simt: the mode of a capture and its thread decide which allocations it refuses") {
  constexpr cudaError_t refused = cudaErrorStreamCaptureUnsupported,
                        invalid = cudaErrorStreamCaptureInvalidated;
  const struct {
    cudaStreamCaptureMode mode;
    cudaError_t here, there;
  } rows[] = {{cudaStreamCaptureModeGlobal, refused, refused},
              {cudaStreamCaptureModeThreadLocal, refused, cudaSuccess},
              {cudaStreamCaptureModeRelaxed, cudaSuccess, cudaSuccess}};
  for (const auto& row : rows) {
    const Capture own(row.mode);
    CHECK(allocate() == row.here);
    CHECK(own.end() == (row.here == cudaSuccess ? cudaSuccess : invalid));
    const Capture other(row.mode);
    CHECK(elsewhere(allocate) == row.there);
    CHECK(other.end() == (row.there == cudaSuccess ? cudaSuccess : invalid));
  }
  const Capture relaxed(cudaStreamCaptureModeGlobal);
  cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
  CHECK(cudaThreadExchangeStreamCaptureMode(&mode) == cudaSuccess);
  CHECK(allocate() == cudaSuccess);
  CHECK(cudaThreadExchangeStreamCaptureMode(&mode) == cudaSuccess);
  CHECK(elsewhere([&] { return relaxed.end(); }) == cudaErrorStreamCaptureWrongThread);
  CHECK(relaxed.end() == cudaSuccess);
  cudaGetLastError();
}

TEST_CASE("simt: the legacy stream cannot be used while a blocking stream is captured") {
  const DeviceArray<float> x(std::vector<float>(4, 0));
  for (const unsigned flags : {cudaStreamDefault, cudaStreamNonBlocking}) {
    const bool blocking = flags == cudaStreamDefault;
    const Capture capture(cudaStreamCaptureModeRelaxed, flags);
    CHECK(launch(nullptr, x.data) == (blocking ? cudaErrorStreamCaptureImplicit : cudaSuccess));
    CHECK(capture.end() == (blocking ? cudaErrorStreamCaptureInvalidated : cudaSuccess));
  }
}

TEST_CASE("simt: captures are not merged by an event") {
  const Capture first(cudaStreamCaptureModeRelaxed), second(cudaStreamCaptureModeRelaxed);
  cudaEvent_t event = nullptr;
  REQUIRE(cudaEventCreate(&event) == cudaSuccess);
  REQUIRE(cudaEventRecord(event, first.stream) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(second.stream, event) == cudaErrorStreamCaptureMerge);
  CHECK(first.end() == cudaErrorStreamCaptureInvalidated);
  CHECK(second.end() == cudaErrorStreamCaptureInvalidated);
  cudaEventDestroy(event);
}

TEST_CASE("simt: launches of one executable are ordered on any streams") {
  for (const bool late : {false, true}) {
    simt::set_late(late);
    const DeviceArray<float> x(std::vector<float>(4, 0));
    cudaStream_t streams[2];
    for (auto& s : streams) REQUIRE(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaStreamBeginCapture(streams[0], cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    REQUIRE(launch(streams[0], x.data) == cudaSuccess);
    cudaGraph_t graph = nullptr;
    REQUIRE(cudaStreamEndCapture(streams[0], &graph) == cudaSuccess);
    cudaGraphExec_t executable = nullptr;
    REQUIRE(cudaGraphInstantiate(&executable, graph) == cudaSuccess);
    for (int i = 0; i < 4; ++i) CHECK(cudaGraphLaunch(executable, streams[i % 2]) == cudaSuccess);
    CHECK(cudaDeviceSynchronize() == cudaSuccess);
    CHECK(x.host()[3] == 4);
    cudaGraphExecDestroy(executable);
    cudaGraphDestroy(graph);
    for (const auto s : streams) cudaStreamDestroy(s);
    simt::set_late(false);
  }
}

TEST_CASE("simt: a graph is made of nodes and edges, and its executable takes other arguments") {
  const DeviceArray<float> x(std::vector<float>(4, 3));
  float* data = x.data;
  float factor = 2;
  int n = 4;
  void *one[] = {&data}, *two[] = {&data, &factor, &n};
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaGraphCreate(&graph, 0) == cudaSuccess);
  const auto first = kernel_node(graph, reinterpret_cast<const void*>(add_one), one, nullptr);
  const auto second = kernel_node(graph, reinterpret_cast<const void*>(scale), two, first);
  cudaGraphExec_t executable = nullptr;
  REQUIRE(cudaGraphInstantiate(&executable, graph) == cudaSuccess);
  REQUIRE(cudaGraphLaunch(executable, nullptr) == cudaSuccess);
  CHECK(x.host() == std::vector<float>(4, 8));
  factor = 0.5f;
  cudaKernelNodeParams params = {};
  REQUIRE(cudaGraphKernelNodeGetParams(second, &params) == cudaSuccess);
  CHECK(cudaGraphExecKernelNodeSetParams(executable, second, &params) == cudaSuccess);
  REQUIRE(cudaGraphLaunch(executable, nullptr) == cudaSuccess);
  CHECK(x.host() == std::vector<float>(4, 4.5f));
  CHECK(cudaGraphAddDependencies(graph, &second, &first, nullptr, 1) == cudaSuccess);
  cudaGraphExec_t cyclic = nullptr;
  CHECK(cudaGraphInstantiate(&cyclic, graph) == cudaErrorInvalidValue);
  CHECK(cudaGraphExecDestroy(executable) == cudaSuccess);
  CHECK(cudaGraphExecKernelNodeSetParams(executable, second, &params) == cudaErrorInvalidValue);
  CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  CHECK(cudaLaunchKernel(reinterpret_cast<const void*>(scale), dim3(1), dim3(4), two) == cudaSuccess);
  CHECK(x.host() == std::vector<float>(4, 2.25f));
  cudaGetLastError();
}

TEST_CASE("simt: a while node repeats its body until a kernel sets its condition to 0") {
  for (const bool initial : {true, false}) {
    const DeviceArray<float> x(std::vector<float>{100});
    cudaGraph_t graph = nullptr;
    REQUIRE(cudaGraphCreate(&graph, 0) == cudaSuccess);
    cudaGraphConditionalHandle more = 0;
    REQUIRE(cudaGraphConditionalHandleCreate(&more, graph, 1, initial ? cudaGraphCondAssignDefault : 0) ==
            cudaSuccess);
    cudaGraphNodeParams params = {};
    params.type = cudaGraphNodeTypeConditional;
    params.conditional.handle = more;
    params.conditional.type = cudaGraphCondTypeWhile;
    params.conditional.size = 1;
    cudaGraphNode_t loop = nullptr;
    REQUIRE(cudaGraphAddNode(&loop, graph, nullptr, nullptr, 0, &params) == cudaSuccess);
    float* data = x.data;
    float limit = 1;
    void* args[] = {&data, &limit, &more};
    cudaKernelNodeParams kernel = {};
    kernel.func = reinterpret_cast<void*>(halve);
    kernel.kernelParams = args;
    cudaGraphNode_t body = nullptr;
    REQUIRE(cudaGraphAddKernelNode(&body, params.conditional.phGraph_out[0], nullptr, 0, &kernel) ==
            cudaSuccess);
    cudaGraphExec_t executable = nullptr;
    REQUIRE(cudaGraphInstantiate(&executable, graph) == cudaSuccess);
    if (initial) {
      REQUIRE(cudaGraphLaunch(executable, nullptr) == cudaSuccess);
      CHECK(x.host()[0] == 0.78125f);
    } else {
      CHECK_THROWS_AS(cudaGraphLaunch(executable, nullptr), simt::Violation);
    }
    cudaGraphExecDestroy(executable);
    cudaGraphDestroy(graph);
  }
}

TEST_CASE("simt: a copy on the device does not wait for the host, and host functions may not call CUDA") {
  const DeviceArray<float> x(std::vector<float>(4, 3)), y(std::vector<float>(4, 0));
  simt::set_late(true);
  CHECK(cudaMemcpy(y.data, x.data, 16, cudaMemcpyDeviceToDevice) == cudaSuccess);
  CHECK(y.peek(0) == 0);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(y.peek(0) == 3);
  static cudaError_t inside = cudaSuccess;
  CHECK(cudaLaunchHostFunc(
            nullptr, [](void*) { inside = cudaStreamSynchronize(nullptr); }, nullptr) == cudaSuccess);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  simt::set_late(false);
  CHECK(inside == cudaErrorNotPermitted);
  cudaGetLastError();
}
