// Tests host programs with one seeded bug each: streams, frees, captures, pinned memory, library calls.
#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "support.h"

using namespace simt_check;

namespace {

__global__ void scale(float* x, float factor) { x[threadIdx.x] *= factor; }

struct Streams {
  cudaStream_t first = nullptr, second = nullptr;
  cudaEvent_t done = nullptr;
  Streams() {
    REQUIRE(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaEventCreate(&done) == cudaSuccess);
  }
  ~Streams() {
    cudaStreamDestroy(first);
    cudaStreamDestroy(second);
    cudaEventDestroy(done);
  }
  // Makes the second stream's next work follow the first stream's.
  void join() const {
    REQUIRE(cudaEventRecord(done, first) == cudaSuccess);
    REQUIRE(cudaStreamWaitEvent(second, done) == cudaSuccess);
  }
};

// Checks a status outside Catch's macros, which would catch a Violation.
template <class Status>
void succeeded(Status status) {
  REQUIRE(int(status) == 0);
}

void launch_scale(cudaStream_t stream, float* x) {
  cudaLaunchConfig_t config = {};
  config.blockDim = 32;
  config.stream = stream;
  succeeded(cudaLaunchKernelEx(&config, scale, x, 2.0f));
}

// Returns the message that the work throws, late or not, for any order of the streams.
template <class Work>
std::vector<std::string> reports(Work work) {
  std::vector<std::string> all;
  for (const bool late : {false, true})
    for (const auto seed : seeds) {
      simt::set_seed(seed);
      simt::set_late(late);
      std::string report;
      try {
        work();
        cudaDeviceSynchronize();
      } catch (const simt::Violation& error) {
        report = error.what();
      }
      simt::set_late(false);
      cudaDeviceSynchronize();
      all.push_back(report);
    }
  return all;
}

template <class Work>
void reported(Work work, const std::string& text) {
  for (const auto& report : reports(work)) holds(report, text);
}
template <class Work>
void not_reported(Work work) {
  for (const auto& report : reports(work)) CHECK(report == "");
}

// Does the work in a child process and returns what that writes, which must be empty unless it was aborted.
template <class Work>
std::string aborted(Work work) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    work();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[256];
  for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, std::size_t(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  const bool was_aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  CHECK(was_aborted == !text.empty());
  return text;
}

volatile float sink;

}  // namespace

TEST_CASE("simt: streams that share memory without an event are reported") {
  if (!simt::checks_accesses()) return;
  const Streams s;
  const DeviceArray<float> x(std::vector<float>(32, 1));
  const auto two_kernels = [&](bool joined) {
    launch_scale(s.first, x.data);
    if (joined) s.join();
    launch_scale(s.second, x.data);
  };
  reported([&] { two_kernels(false); }, "data race: work on another stream");
  not_reported([&] { two_kernels(true); });
  not_reported([&] {  // the host may order them too
    launch_scale(s.first, x.data);
    cudaStreamSynchronize(s.first);
    launch_scale(s.second, x.data);
  });
  const DeviceArray<float> y(std::vector<float>(32, 1));
  const auto copy_and_kernel = [&](bool joined) {
    cudaMemcpyAsync(y.data, x.data, 128, cudaMemcpyDeviceToDevice, s.first);
    if (joined) s.join();
    launch_scale(s.second, y.data);
  };
  reported([&] { copy_and_kernel(false); }, "data race");
  not_reported([&] { copy_and_kernel(true); });
}

TEST_CASE("simt: memory that is freed before another stream is done with it is reported") {
  if (!simt::checks_accesses()) return;
  const Streams s;
  const auto free_behind = [&](bool joined) {
    float* x = nullptr;
    succeeded(cudaMallocAsync(&x, 128, s.second));
    succeeded(cudaMemsetAsync(x, 0, 128, s.second));
    REQUIRE(cudaEventRecord(s.done, s.second) == cudaSuccess);
    REQUIRE(cudaStreamWaitEvent(s.first, s.done) == cudaSuccess);
    launch_scale(s.first, x);
    if (joined) s.join();
    succeeded(cudaFreeAsync(x, s.second));
  };
  for (const auto& report : reports([&] { free_behind(false); })) CHECK(report != "");
  not_reported([&] { free_behind(true); });
  reported(
      [&] {
        float* x = nullptr;
        succeeded(cudaMallocAsync(&x, 128, s.first));
        succeeded(cudaMemsetAsync(x, 0, 128, s.first));
        succeeded(cudaFreeAsync(x, s.first));
        launch_scale(s.first, x);
      },
      "out of bounds");
}

TEST_CASE("simt: a wrong leading dimension of a library call is reported") {
  if (!simt::checks_accesses()) return;
  cublasHandle_t handle = nullptr;
  REQUIRE(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS);
  const DeviceArray<float> a(draw(6 * 4, 1)), b(draw(4 * 5, 2)), c(6 * 5), gap(6 * 4);
  const float one = 1, zero = 0;
  const auto product = [&](const float* left, int lda, int ldc) {
    succeeded(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 6, 5, 4, &one, left, lda, b.data, 4, &zero,
                          c.data, ldc));
  };
  not_reported([&] { product(a.data, 6, 6); });
  reported([&] { product(a.data, 7, 6); }, "cublasSgemm: A needs");
  reported([&] { product(a.data, 6, 7); }, "cublasSgemm: C needs");
  reported([&] { product(gap.data, 6, 6); }, "byte 0 of 24 of A was never written");
  CHECK(cublasDestroy(handle) == CUBLAS_STATUS_SUCCESS);
}

TEST_CASE("simt: a call that a capture does not allow is refused and ends it") {
  const Streams s;
  const DeviceArray<float> x(std::vector<float>(32, 1));
  for (const bool bug : {false, true}) {
    REQUIRE(cudaStreamBeginCapture(s.first, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    launch_scale(s.first, x.data);
    if (bug) CHECK(cudaStreamSynchronize(s.first) == cudaErrorStreamCaptureUnsupported);
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(s.first, &graph) == (bug ? cudaErrorStreamCaptureInvalidated : cudaSuccess));
    if (!bug) cudaGraphDestroy(graph);
  }
  cudaGetLastError();
}

TEST_CASE("simt: branches of a graph that share memory are reported") {
  if (!simt::checks_accesses()) return;
  const Streams s;
  const DeviceArray<float> x(std::vector<float>(32, 1));
  cudaEvent_t fork = nullptr;
  REQUIRE(cudaEventCreate(&fork) == cudaSuccess);
  const auto forked = [&](bool bug) {
    REQUIRE(cudaStreamBeginCapture(s.second, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    REQUIRE(cudaEventRecord(fork, s.second) == cudaSuccess);
    REQUIRE(cudaStreamWaitEvent(s.first, fork) == cudaSuccess);
    launch_scale(s.first, x.data);
    if (bug) launch_scale(s.second, x.data);
    s.join();
    if (!bug) launch_scale(s.second, x.data);
    cudaGraph_t graph = nullptr;
    REQUIRE(cudaStreamEndCapture(s.second, &graph) == cudaSuccess);
    cudaGraphExec_t executable = nullptr;
    REQUIRE(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess);
    cudaGraphDestroy(graph);
    cudaGraphLaunch(executable, s.second);
    cudaGraphLaunch(executable, s.second);
    cudaGraphExecDestroy(executable);
  };
  reported([&] { forked(true); }, "data race: work on another stream");
  not_reported([&] { forked(false); });
  cudaEventDestroy(fork);
}

TEST_CASE("simt: host code that touches device memory is stopped") {
  if (!simt::checks_accesses()) return;
  const DeviceArray<float> x(std::vector<float>(32, 1));
  CHECK(aborted([&] { sink = x.host()[3]; }) == "");
  holds(aborted([&] { sink = x.data[3]; }), "host code touched device memory");
  holds(aborted([&] { sink = x.data[3]; }), "byte 12 of an allocation of 128 bytes, outside a copy");
  holds(aborted([&] { x.data[3] = 1; }), "host code touched device memory");
}

TEST_CASE("simt: pinned memory that is touched before its copy was waited for is reported") {
  if (!simt::checks_accesses()) return;
  const Streams s;
  const DeviceArray<float> x(std::vector<float>(32, 1));
  float* pinned = nullptr;
  REQUIRE(cudaMallocHost(&pinned, 128) == cudaSuccess);
  const auto read_back = [&](bool waits) {
    cudaMemcpyAsync(pinned, x.data, 128, cudaMemcpyDeviceToHost, s.first);
    if (waits) cudaStreamSynchronize(s.first);
    sink = pinned[0];
  };
  const auto upload = [&](bool waits) {
    pinned[0] = 1;
    cudaMemcpyAsync(x.data, pinned, 128, cudaMemcpyHostToDevice, s.first);
    sink = pinned[0];  // the host may read it meanwhile
    cudaEventRecord(s.done, s.first);
    if (waits) cudaEventSynchronize(s.done);
    pinned[0] = 2;
  };
  CHECK(aborted([&] { read_back(true); }) == "");
  holds(aborted([&] { read_back(false); }), "without waiting for the copy");
  CHECK(aborted([&] { upload(true); }) == "");
  holds(aborted([&] { upload(false); }), "without waiting for the copy");
  CHECK(cudaFreeHost(pinned) == cudaSuccess);
}
