// Tests traces on small programs: what they hold, and what each piece waits for.
#include "simt/trace.h"

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <algorithm>

#include "support.h"

using namespace simt_check;
using simt::Piece;
using simt::Trace;

namespace {

struct Event {
  cudaEvent_t handle = nullptr;
  Event() { REQUIRE(cudaEventCreate(&handle) == cudaSuccess); }
  ~Event() { cudaEventDestroy(handle); }
};

template <class... Params, class... Args>
void launch_on(cudaStream_t stream, void (*kernel)(Params...), dim3 grid, dim3 block, Args... args) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = stream;
  REQUIRE(cudaLaunchKernelEx(&config, kernel, args...) == cudaSuccess);
}
void launch_on(cudaStream_t stream, float* x) { launch_on(stream, add_one, 1, 4, x); }

// Records what the call queues, in every order and mode, which must all give the same.
template <class Call>
Trace trace_of(Call call) {
  const auto run = [&](std::uint64_t seed, bool late) {
    simt::set_seed(seed);
    simt::set_late(late);
    simt::start_trace(true);
    call();
    const Trace trace = simt::end_trace();
    simt::set_late(false);
    simt::set_seed(1);
    return trace;
  };
  const Trace first = run(0, false);
  for (const std::uint64_t seed : {3, 8})
    for (const bool late : {false, true}) {
      INFO("seed " << seed << ", late " << late);
      const Trace other = run(seed, late);
      CHECK(other.graph_launches == first.graph_launches);
      CHECK(other.host_waits == first.host_waits);
      CHECK(other.bytes_touched == first.bytes_touched);
      REQUIRE(other.pieces.size() == first.pieces.size());
      for (std::size_t i = 0; i < first.pieces.size(); ++i) {
        INFO(first.pieces[i].name);
        CHECK(other.pieces[i].name == first.pieces[i].name);
        CHECK(other.pieces[i].after == first.pieces[i].after);
        CHECK(other.pieces[i].profile == first.pieces[i].profile);
      }
    }
  return first;
}

bool does_work(const Piece& piece) {
  return piece.kind != Piece::Kind::order && piece.kind != Piece::Kind::graph;
}

// Returns the most pieces that do work and follow each other.
std::size_t chain(const Trace& trace) {
  std::vector<std::size_t> length;
  for (const Piece& piece : trace.pieces) {
    std::size_t before = 0;
    for (const std::size_t a : piece.after) before = std::max(before, length.at(a));
    length.push_back(before + does_work(piece));
  }
  return length.empty() ? 0 : *std::max_element(length.begin(), length.end());
}

std::size_t count(const Trace& trace, Piece::Kind kind) {
  return std::size_t(std::count_if(trace.pieces.begin(), trace.pieces.end(),
                                   [=](const Piece& piece) { return piece.kind == kind; }));
}

}  // namespace

TEST_CASE("trace: work on one stream is a chain, work on others is not", "[trace]") {
  const Stream first, second;
  DeviceArray<float> x(std::vector<float>(4, 0)), y(std::vector<float>(4, 0));
  const Trace apart = trace_of([&] {
    launch_on(first.handle, x.data);
    launch_on(first.handle, x.data);
    launch_on(second.handle, y.data);
  });
  CHECK(count(apart, Piece::Kind::kernel) == 3);
  CHECK(chain(apart) == 2);
  CHECK(apart.pieces[0].name == "simt_check::add_one");
  CHECK(apart.pieces[0].blocks == 1);
  CHECK(apart.pieces[0].threads == 4);
  CHECK(apart.host_waits == 0);
}

TEST_CASE("trace: an event and a wait of the host lengthen the chain", "[trace]") {
  const Stream first, second;
  const Event event;
  DeviceArray<float> x(std::vector<float>(4, 0)), y(std::vector<float>(4, 0));
  const Trace waited = trace_of([&] {
    launch_on(first.handle, x.data);
    REQUIRE(cudaEventRecord(event.handle, first.handle) == cudaSuccess);
    launch_on(first.handle, x.data);
    REQUIRE(cudaStreamWaitEvent(second.handle, event.handle) == cudaSuccess);
    launch_on(second.handle, y.data);
  });
  CHECK(chain(waited) == 2);
  const Trace by_host = trace_of([&] {
    launch_on(first.handle, x.data);
    for (int i = 0; i < 2; ++i)  // the second call has nothing to wait for
      REQUIRE(cudaStreamSynchronize(first.handle) == cudaSuccess);
    launch_on(second.handle, y.data);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    launch_on(first.handle, x.data);
  });
  CHECK(by_host.host_waits == 2);
  CHECK(chain(by_host) == 3);
}

TEST_CASE("trace: the nodes of a graph count at every launch", "[trace]") {
  const Stream first, second;
  const Event fork, join;
  DeviceArray<float> x(std::vector<float>(4, 0)), y(std::vector<float>(4, 0));
  REQUIRE(cudaStreamBeginCapture(first.handle, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  launch_on(first.handle, x.data);
  REQUIRE(cudaEventRecord(fork.handle, first.handle) == cudaSuccess);
  REQUIRE(cudaStreamWaitEvent(second.handle, fork.handle) == cudaSuccess);
  launch_on(second.handle, y.data);
  launch_on(first.handle, x.data);
  REQUIRE(cudaEventRecord(join.handle, second.handle) == cudaSuccess);
  REQUIRE(cudaStreamWaitEvent(first.handle, join.handle) == cudaSuccess);
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamEndCapture(first.handle, &graph) == cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  REQUIRE(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess);
  const Trace trace = trace_of([&] {
    launch_on(first.handle, x.data);
    for (int i = 0; i < 2; ++i) REQUIRE(cudaGraphLaunch(executable, first.handle) == cudaSuccess);
    launch_on(first.handle, x.data);
  });
  CHECK(trace.graph_launches == 2);
  CHECK(count(trace, Piece::Kind::graph) == 2);
  CHECK(count(trace, Piece::Kind::kernel) == 8);
  CHECK(chain(trace) == 6);  // one, two of each graph, one
  CHECK(std::count_if(trace.pieces.begin(), trace.pieces.end(), [](const Piece& piece) {
          return piece.in_graph && piece.kind == Piece::Kind::kernel;
        }) == 6);
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
}

namespace {

__global__ void ask(const float* x, cudaGraphConditionalHandle handle) {
  cudaGraphSetConditional(handle, x[0] < 2);
}

// Makes a graph that adds 1 to x, asks whether x is below 2, and if so adds 2.
cudaGraphExec_t conditional_graph(const Stream& stream, const Stream& inner, float* x) {
  cudaGraph_t graph = nullptr, body = nullptr;
  REQUIRE(cudaGraphCreate(&graph, 0) == cudaSuccess);
  cudaGraphConditionalHandle handle = 0;
  REQUIRE(cudaGraphConditionalHandleCreate(&handle, graph, 0, cudaGraphCondAssignDefault) == cudaSuccess);
  REQUIRE(cudaStreamBeginCaptureToGraph(stream.handle, graph, nullptr, nullptr, 0,
                                        cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  launch_on(stream.handle, x);
  launch_on(stream.handle, ask, 1, 1, static_cast<const float*>(x), handle);
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  const cudaGraphNode_t* after = nullptr;
  std::size_t count = 0;
  REQUIRE(cudaStreamGetCaptureInfo(stream.handle, &status, nullptr, nullptr, &after, nullptr, &count) ==
          cudaSuccess);
  cudaGraphNodeParams params = {};
  params.type = cudaGraphNodeTypeConditional;
  params.conditional.handle = handle;
  params.conditional.type = cudaGraphCondTypeIf;
  params.conditional.size = 1;
  cudaGraphNode_t node = nullptr;
  REQUIRE(cudaGraphAddNode(&node, graph, after, nullptr, count, &params) == cudaSuccess);
  REQUIRE(cudaStreamUpdateCaptureDependencies(stream.handle, &node, nullptr, 1,
                                              cudaStreamSetCaptureDependencies) == cudaSuccess);
  REQUIRE(cudaStreamBeginCaptureToGraph(inner.handle, params.conditional.phGraph_out[0], nullptr, nullptr, 0,
                                        cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  for (int i = 0; i < 2; ++i) launch_on(inner.handle, x);
  REQUIRE(cudaStreamEndCapture(inner.handle, &body) == cudaSuccess);
  REQUIRE(cudaStreamEndCapture(stream.handle, &graph) == cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  REQUIRE(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess);
  cudaGraphDestroy(graph);
  return executable;
}

}  // namespace

TEST_CASE("trace: a conditional node counts what it ran", "[trace]") {
  const Stream stream, inner;
  DeviceArray<float> x(std::vector<float>(4, 0));
  const cudaGraphExec_t executable = conditional_graph(stream, inner, x.data);
  const Trace trace = trace_of([&] {
    REQUIRE(cudaMemsetAsync(x.data, 0, 16, stream.handle) == cudaSuccess);
    for (int i = 0; i < 2; ++i) REQUIRE(cudaGraphLaunch(executable, stream.handle) == cudaSuccess);
    launch_on(stream.handle, x.data);
  });
  CHECK(trace.graph_launches == 2);
  CHECK(count(trace, Piece::Kind::condition) == 2);
  CHECK(count(trace, Piece::Kind::kernel) == 7);  // four and two of the graph, one
  CHECK(chain(trace) == 10);
  REQUIRE(cudaStreamSynchronize(stream.handle) == cudaSuccess);
  CHECK(x.host() == std::vector<float>(4, 5));
  cudaGraphExecDestroy(executable);
}

TEST_CASE("trace: copies and products have their bytes and sizes", "[trace]") {
  DeviceArray<float> a(std::vector<float>(6 * 4, 1)), b(std::vector<float>(4 * 5, 1)), c(6 * 5);
  std::vector<float> host(30);
  cublasHandle_t handle = nullptr;
  REQUIRE(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS);
  const float one = 1, zero = 0;
  const Trace trace = trace_of([&] {
    REQUIRE(cudaMemset(c.data, 0, 120) == cudaSuccess);
    REQUIRE(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 6, 5, 4, &one, a.data, 6, b.data, 4, &zero, c.data,
                        6) == CUBLAS_STATUS_SUCCESS);
    REQUIRE(cudaMemcpy(host.data(), c.data, 120, cudaMemcpyDeviceToHost) == cudaSuccess);
  });
  CHECK(host == std::vector<float>(30, 4));
  CHECK(chain(trace) == 3);
  CHECK(trace.host_waits == 1);
  const auto find = [&](Piece::Kind kind) {
    return *std::find_if(trace.pieces.begin(), trace.pieces.end(),
                         [=](const Piece& piece) { return piece.kind == kind; });
  };
  CHECK(find(Piece::Kind::fill).bytes == 120);
  CHECK(find(Piece::Kind::copy).bytes == 120);
  CHECK(find(Piece::Kind::copy).name == "DeviceToHost");
  const Piece product = find(Piece::Kind::library);
  CHECK(product.name == "cublasSgemm");
  CHECK(product.rows == 6);
  CHECK(product.columns == 5);
  CHECK(product.depth == 4);
  CHECK(product.count == 1);
  CHECK(product.bytes == 4 * (24 + 20 + 30));
  if (simt::checks_accesses()) CHECK(trace.bytes_touched == 96 + 96 + 128);  // sectors of 32 bytes
  cublasDestroy(handle);
}

namespace {

// Each thread loads `loads` floats and then stores their sum, `rounds` times; a barrier ends each round.
__global__ void sum_in_rounds(const float* x, float* y, int loads, int rounds) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x), n = int(gridDim.x * blockDim.x);
  for (int r = 0; r < rounds; ++r) {
    float sum = 0;
    for (int k = 0; k < loads; ++k) sum += x[i + k * n];
    y[i] = sum;
    __syncthreads();
  }
}

// Stores behind every load, as a loop does whose pointers may alias.
__global__ void copy_one_by_one(const float* x, float* y, int count) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x), n = int(gridDim.x * blockDim.x);
  for (int k = 0; k < count; ++k) y[i + k * n] = x[i + k * n];
}

}  // namespace

TEST_CASE("trace: a kernel's bytes count once, and its threads wait for loads that follow each other",
          "[trace]") {
  if (!simt::checks_accesses()) return;
  const DeviceArray<float> x(draw(64 * 9, 3));
  DeviceArray<float> y(64 * 9);
  const auto profile = [&](auto kernel, auto... args) {
    const Trace trace = trace_of(
        [&] { launch_on(nullptr, kernel, 2, 32, static_cast<const float*>(x.data), y.data, args...); });
    REQUIRE(trace.pieces.size() == 1);
    CHECK(trace.bytes_touched == trace.pieces[0].profile.bytes_touched);
    return trace.pieces[0].profile;
  };
  CHECK(profile(sum_in_rounds, 1, 1).load_waits == 1);
  CHECK(profile(sum_in_rounds, 8, 1).load_waits == 1);
  CHECK(profile(sum_in_rounds, 9, 1).load_waits == 2);
  CHECK(profile(sum_in_rounds, 9, 3).load_waits == 6);
  CHECK(profile(sum_in_rounds, 9, 3).bytes_touched == 4 * 64 * (9 + 1));
  CHECK(profile(sum_in_rounds, 9, 3).loads.bytes_moved == 3 * 4 * 64 * 9);
  CHECK(profile(copy_one_by_one, 5).load_waits == 5);
  const simt::KernelProfile checked = profile(sum_in_rounds, 9, 3);
  simt::set_checks(false);
  const simt::KernelProfile unchecked = profile(sum_in_rounds, 9, 3);
  simt::set_checks(true);
  CHECK(unchecked == checked);
  CHECK(y.host()[0] == y.host()[0]);  // what was written without checks counts as written
  const DeviceArray<float> never(64);
  CHECK(holds(violation(copy_one_by_one, 1, 32, static_cast<const float*>(never.data), y.data, 1),
              "never written"));
}
