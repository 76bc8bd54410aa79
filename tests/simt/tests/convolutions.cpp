// Tests the emulator's cuDNN: its convolutions against plain loops in double, its lists of algorithms, and
// misuse.
#include <cudnn.h>

#include <functional>

#include "support.h"

using namespace simt_check;

namespace {

// Returns numbers that are inexact in sums and when rounded to tf32.
std::vector<float> thirds(std::vector<float> values) {
  for (float& v : values) v /= 3;
  return values;
}

// x (2,3,5,6), w (4,3,3,2), y (2,4,3,4), with padding (1,1) and stride (2,2). The forward pass has the mode
// of a true convolution.
struct Problem {
  static constexpr int n = 2, c = 3, h = 5, w = 6, k = 4, r = 3, s = 2, p = 3, q = 4;
  std::vector<float> x = draw(n * c * h * w, 3), taps = draw(k * c * r * s, 4),
                     y = thirds(draw(n * k * p * q, 5));
  DeviceArray<float> dx{x}, dw{taps}, dy{y}, result{std::size_t(n * c * h * w)};
  DeviceArray<unsigned char> room{4096};
  cudnnHandle_t handle = nullptr;
  cudnnTensorDescriptor_t of_x = nullptr, of_y = nullptr;
  cudnnFilterDescriptor_t of_w = nullptr;
  cudnnConvolutionDescriptor_t convolution = nullptr;
  cudnnConvolutionFwdAlgo_t algorithm = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
  const float one = 1, zero = 0;

  explicit Problem(cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION) {
    cudnnCreate(&handle);
    cudnnCreateTensorDescriptor(&of_x);
    cudnnCreateTensorDescriptor(&of_y);
    cudnnCreateFilterDescriptor(&of_w);
    cudnnCreateConvolutionDescriptor(&convolution);
    cudnnSetTensor4dDescriptor(of_x, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, n, c, h, w);
    cudnnSetTensor4dDescriptor(of_y, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, n, k, p, q);
    cudnnSetFilter4dDescriptor(of_w, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, k, c, r, s);
    cudnnSetConvolution2dDescriptor(convolution, 1, 1, 2, 2, 1, 1, mode, CUDNN_DATA_FLOAT);
    cudnnSetConvolutionMathType(convolution, CUDNN_FMA_MATH);
  }
  ~Problem() {
    cudnnDestroyTensorDescriptor(of_x);
    cudnnDestroyTensorDescriptor(of_y);
    cudnnDestroyFilterDescriptor(of_w);
    cudnnDestroyConvolutionDescriptor(convolution);
    cudnnDestroy(handle);
  }
  Problem(const Problem&) = delete;
  Problem& operator=(const Problem&) = delete;

  cudnnStatus_t forward(const void* from, const void* by, void* to, std::size_t room_bytes = 4096) {
    return cudnnConvolutionForward(handle, &one, of_x, from, of_w, by, convolution, algorithm, room.data,
                                   room_bytes, &zero, of_y, to);
  }
  cudnnStatus_t forward() { return forward(dx.data, dw.data, result.data); }

  // Calls term(y, x, w) with the positions of every term's factors.
  void each_term(bool flipped, const std::function<void(std::size_t, std::size_t, std::size_t)>& term) const {
    for (int at = 0; at < n * k * p * q; ++at)
      for (int tap = 0; tap < c * r * s; ++tap) {
        const int i = at / q % p * 2 + tap / s % r - 1, j = at % q * 2 + tap % s - 1;
        if (i < 0 || i >= h || j < 0 || j >= w) continue;
        const int image = at / (k * p * q) * c + tap / (r * s), o = at / (p * q) % k;
        const int turned = tap / (r * s) * r * s + r * s - 1 - tap % (r * s);
        term(std::size_t(at), std::size_t((image * h + i) * w + j),
             std::size_t(o * c * r * s + (flipped ? turned : tap)));
      }
  }
  std::vector<double> expected_y(bool flipped = false) const {
    std::vector<double> sums(y.size());
    each_term(flipped, [&](std::size_t a, std::size_t b, std::size_t t) {
      sums[a] += double(x[b]) * double(taps[t]);
    });
    return sums;
  }
};

void check_values(const DeviceArray<float>& actual, const std::vector<double>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(double(actual.peek(i)) == Approx(expected[i]).margin(1e-4));
}

}  // namespace

TEST_CASE("simt: the three passes of a cuDNN convolution are plain sums") {
  Problem t;
  REQUIRE(t.forward() == CUDNN_STATUS_SUCCESS);
  check_values(t.result, t.expected_y());
  Problem flipped(CUDNN_CONVOLUTION);
  REQUIRE(flipped.forward() == CUDNN_STATUS_SUCCESS);
  check_values(flipped.result, flipped.expected_y(true));

  const float half = 0.5f, minus = -2;
  DeviceArray<float> sum(t.y);
  REQUIRE(cudnnConvolutionForward(t.handle, &half, t.of_x, t.dx.data, t.of_w, t.dw.data, t.convolution,
                                  t.algorithm, t.room.data, 4096, &minus, t.of_y,
                                  sum.data) == CUDNN_STATUS_SUCCESS);
  std::vector<double> expected = t.expected_y();
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = 0.5 * expected[i] - 2 * double(t.y[i]);
  check_values(sum, expected);

  const DeviceArray<float> data(t.x.size()), weight(t.taps.size());
  REQUIRE(cudnnConvolutionBackwardData(t.handle, &t.one, t.of_w, t.dw.data, t.of_y, t.dy.data, t.convolution,
                                       CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, t.room.data, 4096, &t.zero, t.of_x,
                                       data.data) == CUDNN_STATUS_SUCCESS);
  REQUIRE(cudnnConvolutionBackwardFilter(t.handle, &t.one, t.of_x, t.dx.data, t.of_y, t.dy.data,
                                         t.convolution, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, t.room.data,
                                         4096, &t.zero, t.of_w, weight.data) == CUDNN_STATUS_SUCCESS);
  std::vector<double> dx(t.x.size()), dw(t.taps.size());
  t.each_term(false, [&](std::size_t y, std::size_t x, std::size_t w) {
    dx[x] += double(t.y[y]) * double(t.taps[w]);
    dw[w] += double(t.y[y]) * double(t.x[x]);
  });
  check_values(data, dx);
  check_values(weight, dw);
}

TEST_CASE("simt: cuDNN lists algorithms that may not be chosen before one that may") {
  Problem t;
  cudnnConvolutionBwdFilterAlgoPerf_t found[8] = {};
  int count = 0;
  REQUIRE(cudnnGetConvolutionBackwardFilterAlgorithm_v7(t.handle, t.of_x, t.of_y, t.convolution, t.of_w, 8,
                                                        &count, found) == CUDNN_STATUS_SUCCESS);
  REQUIRE(count > 3);
  bool unsupported = false, loose = false, tf32 = false;
  for (int i = 0; i + 1 < count; ++i) {
    unsupported |= found[i].status != CUDNN_STATUS_SUCCESS;
    loose |= found[i].determinism == CUDNN_NON_DETERMINISTIC;
    tf32 |= found[i].mathType == CUDNN_TENSOR_OP_MATH;
  }
  CHECK((unsupported && loose && tf32));
  const auto& last = found[count - 1];
  CHECK((last.status == CUDNN_STATUS_SUCCESS && last.determinism == CUDNN_DETERMINISTIC));
  CHECK(last.mathType == CUDNN_FMA_MATH);
  std::size_t bytes = 0;
  REQUIRE(cudnnGetConvolutionBackwardFilterWorkspaceSize(t.handle, t.of_x, t.of_y, t.convolution, t.of_w,
                                                         last.algo, &bytes) == CUDNN_STATUS_SUCCESS);
  CHECK(bytes == last.memory);
  int one = 0;
  CHECK(cudnnGetConvolutionBackwardFilterAlgorithm_v7(t.handle, t.of_x, t.of_y, t.convolution, t.of_w, 1,
                                                      &one, found) == CUDNN_STATUS_SUCCESS);
  CHECK(one == 1);
  CHECK(cudnnGetConvolutionBackwardFilterAlgorithm_v7(t.handle, t.of_x, t.of_y, t.convolution, t.of_w, 0,
                                                      &one, found) == CUDNN_STATUS_BAD_PARAM);
}

TEST_CASE("simt: a cuDNN algorithm that is not deterministic changes its bits, tensor cores round to tf32") {
  Problem t;
  const DeviceArray<float> gradient(t.taps.size());
  const auto run = [&](cudnnConvolutionBwdFilterAlgo_t algorithm) {
    REQUIRE(cudnnConvolutionBackwardFilter(t.handle, &t.one, t.of_x, t.dx.data, t.of_y, t.dy.data,
                                           t.convolution, algorithm, t.room.data, 4096, &t.zero, t.of_w,
                                           gradient.data) == CUDNN_STATUS_SUCCESS);
    return gradient.host();
  };
  const auto changes = [&](cudnnConvolutionBwdFilterAlgo_t algorithm) {
    const auto first = run(algorithm);
    bool changed = false;
    for (int i = 0; i < 32; ++i) changed |= run(algorithm) != first;
    return changed;
  };
  CHECK(changes(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0));
  CHECK_FALSE(changes(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1));
  const auto exact = run(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1);
  cudnnSetConvolutionMathType(t.convolution, CUDNN_TENSOR_OP_MATH);
  CHECK(run(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1) != exact);
}

TEST_CASE("simt: cuDNN rejects descriptors and arguments that do not fit") {
  Problem t;
  CHECK(t.forward(t.dx.data, t.dw.data, nullptr) == CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
  CHECK(t.forward(t.dx.data + 1, t.dw.data, t.result.data) == CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER);
  CHECK(t.forward(t.dx.data, t.dw.data, t.dx.data) == CUDNN_STATUS_BAD_PARAM);
  std::size_t bytes = 0;
  REQUIRE(cudnnGetConvolutionForwardWorkspaceSize(t.handle, t.of_x, t.of_w, t.convolution, t.of_y,
                                                  t.algorithm, &bytes) == CUDNN_STATUS_SUCCESS);
  REQUIRE(bytes > 0);
  CHECK(t.forward(t.dx.data, t.dw.data, t.result.data, bytes) == CUDNN_STATUS_SUCCESS);
  CHECK(t.forward(t.dx.data, t.dw.data, t.result.data, bytes - 1) ==
        CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
  t.algorithm = CUDNN_CONVOLUTION_FWD_ALGO_DIRECT;
  CHECK(t.forward() == CUDNN_STATUS_NOT_SUPPORTED);
  t.algorithm = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM;
  cudnnSetConvolutionMathType(t.convolution, CUDNN_TENSOR_OP_MATH);
  CHECK(t.forward() == CUDNN_STATUS_NOT_SUPPORTED);  // float64 has no tensor cores here
  cudnnSetConvolutionMathType(t.convolution, CUDNN_FMA_MATH);
  CHECK(t.forward() == CUDNN_STATUS_SUCCESS);

  using D = Problem;
  CHECK(cudnnSetTensor4dDescriptor(t.of_y, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, D::n, D::k, D::p, 0) ==
        CUDNN_STATUS_BAD_PARAM);
  for (const int width : {D::q - 1, D::q + 1}) {
    cudnnSetTensor4dDescriptor(t.of_y, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, D::n, D::k, D::p, width);
    CHECK(t.forward() == CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
  }
  cudnnSetTensor4dDescriptor(t.of_y, CUDNN_TENSOR_NCHW, CUDNN_DATA_DOUBLE, D::n, D::k, D::p, D::q);
  CHECK(t.forward() == CUDNN_STATUS_BAD_PARAM);
  cudnnTensorDescriptor_t fresh = nullptr;
  cudnnCreateTensorDescriptor(&fresh);
  std::swap(fresh, t.of_y);
  CHECK(t.forward() == CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
  std::swap(fresh, t.of_y);
  cudnnDestroyTensorDescriptor(fresh);
  CHECK(cudnnSetTensor4dDescriptor(t.of_y, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 1, 1, 1, 1) ==
        CUDNN_STATUS_NOT_SUPPORTED);
  CHECK(cudnnSetStream(nullptr, nullptr) == CUDNN_STATUS_BAD_PARAM);
}

TEST_CASE("simt: memory that a cuDNN call may not use is reported") {
  Problem t;
  const auto report = [&](const void* from, void* to, unsigned char* room) {
    try {
      cudnnConvolutionForward(t.handle, &t.one, t.of_x, from, t.of_w, t.dw.data, t.convolution, t.algorithm,
                              room, 4096, &t.zero, t.of_y, to);
      cudaDeviceSynchronize();
    } catch (const simt::Violation& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const DeviceArray<float> unwritten(t.x.size()), small(t.y.size() - 1);
  const DeviceArray<unsigned char> little(16);
  CHECK(report(t.dx.data, t.result.data, t.room.data) == "");
  holds(report(t.dx.data, small.data, t.room.data),
        "cudnnConvolutionForward: y needs 384 bytes of device memory");
  holds(report(t.dx.data, t.result.data, little.data), "cudnnConvolutionForward: the workspace needs");
  alignas(16) static float host[256];
  holds(report(host, t.result.data, t.room.data), "cudnnConvolutionForward: x");
  if (!simt::checks_accesses()) return;
  holds(report(unwritten.data, t.result.data, t.room.data), "never written");
}

TEST_CASE("simt: cuDNN calls on a stream are ordered with other streams") {
  if (!simt::checks_accesses()) return;
  Problem t;
  cudaStream_t other = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudnnSetStream(t.handle, other) == CUDNN_STATUS_SUCCESS);
  const DeviceArray<float> fresh(t.x);
  cudaDeviceSynchronize();
  cudaStream_t third = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&third, cudaStreamNonBlocking) == cudaSuccess);
  std::string report;
  try {
    cudaMemsetAsync(fresh.data, 0, 4, third);
    t.forward(fresh.data, t.dw.data, t.result.data);
    cudaDeviceSynchronize();
  } catch (const simt::Violation& error) {
    report = error.what();
  }
  cudaDeviceSynchronize();
  holds(report, "data race: ");
  cudaStreamDestroy(other);
  cudaStreamDestroy(third);
}

TEST_CASE("simt: cuDNN convolutions are captured, what makes ready for them is not") {
  Problem t;
  cudaStream_t stream = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudnnSetStream(t.handle, stream) == CUDNN_STATUS_SUCCESS);
  const auto end_after = [&](auto call) {
    REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    call();
    cudaGraph_t graph = nullptr;
    const cudaError_t error = cudaStreamEndCapture(stream, &graph);
    if (error == cudaSuccess) {
      cudaGraphExec_t executable = nullptr;
      REQUIRE(cudaGraphInstantiate(&executable, graph) == cudaSuccess);
      REQUIRE(cudaGraphLaunch(executable, stream) == cudaSuccess);
      REQUIRE(cudaStreamSynchronize(stream) == cudaSuccess);
      cudaGraphExecDestroy(executable);
      cudaGraphDestroy(graph);
    }
    return error;
  };
  CHECK(end_after([&] { CHECK(t.forward() == CUDNN_STATUS_SUCCESS); }) == cudaSuccess);
  check_values(t.result, t.expected_y());
  cudnnHandle_t second = nullptr;
  CHECK(end_after([&] { CHECK(cudnnCreate(&second) == CUDNN_STATUS_EXECUTION_FAILED_CUDART); }) !=
        cudaSuccess);
  std::size_t bytes = 0;
  CHECK(end_after([&] {
          CHECK(cudnnGetConvolutionForwardWorkspaceSize(t.handle, t.of_x, t.of_w, t.convolution, t.of_y,
                                                        t.algorithm,
                                                        &bytes) == CUDNN_STATUS_EXECUTION_FAILED_CUDART);
        }) != cudaSuccess);
  cudaGetLastError();
  cudnnSetStream(t.handle, nullptr);
  cudaStreamDestroy(stream);
}
