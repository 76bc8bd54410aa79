// Records work graphs by stream capture.
#include "kernels/device/cuda_work_graph.h"

#include "kernels/launch/launch.h"

namespace stillpoint::kernels {

CudaGraph::~CudaGraph() {
  if (executable_ != nullptr) cudaGraphExecDestroy(executable_);
}

void CudaGraph::record(const std::function<void()>& work) {
  const cudaStream_t stream = cuda::queue().stream;
  cudaGraph_t graph = nullptr;
  STILLPOINT_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  try {
    work();
  } catch (...) {
    if (cudaStreamEndCapture(stream, &graph) == cudaSuccess) cudaGraphDestroy(graph);
    cudaGetLastError();  // the error that broke the capture was reported already
    throw;
  }
  STILLPOINT_CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  const cudaError_t status = cudaGraphInstantiate(&executable_, graph, 0);
  cudaGraphDestroy(graph);
  cuda::check(status, "cudaGraphInstantiate", __FILE__, __LINE__);
}

namespace {

// One warp.
__global__ void ask_any(const std::int32_t* flags, Index n, std::int32_t value,
                        cudaGraphConditionalHandle handle) {
  bool any = false;
  for (Index i = threadIdx.x; i < n; i += 32) any = any || flags[i] == value;
  any = __any_sync(0xffffffffu, any);
  if (any && threadIdx.x == 0 && handle != 0) cudaGraphSetConditional(handle, 1);
}

// The stream that captures parts, because the queue's own stream captures the graph.
cudaStream_t part_stream() {
  static const cudaStream_t made = [] {
    cudaStream_t stream = nullptr;
    STILLPOINT_CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    return stream;
  }();
  return made;
}

// While one lives, the queue's work goes to another stream. cublasSetStream takes the workspace away.
class OnStream {
 public:
  explicit OnStream(cudaStream_t stream) : before_(cuda::queue().stream) { use(stream); }
  ~OnStream() { use(before_); }
  OnStream(const OnStream&) = delete;
  OnStream& operator=(const OnStream&) = delete;

 private:
  static void use(cudaStream_t stream) {
    cuda::Queue& queue = cuda::queue();
    queue.stream = stream;
    cublasSetStream(queue.blas, stream);
    cublasSetWorkspace(queue.blas, queue.workspace, queue.workspace_bytes);
  }
  cudaStream_t before_;
};

// The graph that the stream's capture adds to, and the nodes that the next one follows.
struct Place {
  cudaGraph_t graph = nullptr;
  const cudaGraphNode_t* after = nullptr;
  std::size_t count = 0;
  bool captured = false;
};
Place place_of(cudaStream_t stream) {
  Place place;
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
#if CUDART_VERSION >= 13000
  STILLPOINT_CUDA_CHECK(
      cudaStreamGetCaptureInfo(stream, &status, nullptr, &place.graph, &place.after, nullptr, &place.count));
#else
  STILLPOINT_CUDA_CHECK(
      cudaStreamGetCaptureInfo_v2(stream, &status, nullptr, &place.graph, &place.after, &place.count));
#endif
  place.captured = status == cudaStreamCaptureStatusActive;
  return place;
}

// Adds an IF node where the stream's capture stands, and returns its body.
cudaGraph_t add_if(cudaStream_t stream, cudaGraphConditionalHandle handle) {
  const Place place = place_of(stream);
  cudaGraphNodeParams params = {};
  params.type = cudaGraphNodeTypeConditional;
  params.conditional.handle = handle;
  params.conditional.type = cudaGraphCondTypeIf;
  params.conditional.size = 1;
  cudaGraphNode_t node = nullptr;
#if CUDART_VERSION >= 13000
  STILLPOINT_CUDA_CHECK(cudaGraphAddNode(&node, place.graph, place.after, nullptr, place.count, &params));
  STILLPOINT_CUDA_CHECK(
      cudaStreamUpdateCaptureDependencies(stream, &node, nullptr, 1, cudaStreamSetCaptureDependencies));
#else
  STILLPOINT_CUDA_CHECK(cudaGraphAddNode(&node, place.graph, place.after, place.count, &params));
  STILLPOINT_CUDA_CHECK(
      cudaStreamUpdateCaptureDependencies(stream, &node, 1, cudaStreamSetCaptureDependencies));
#endif
  return params.conditional.phGraph_out[0];
}

}  // namespace

std::uint64_t new_condition() {
  const Place place = place_of(cuda::queue().stream);
  if (!place.captured) return 0;
  cudaGraphConditionalHandle handle = 0;
  STILLPOINT_CUDA_CHECK(
      cudaGraphConditionalHandleCreate(&handle, place.graph, 0, cudaGraphCondAssignDefault));
  return handle;
}

void ask_condition(std::uint64_t handle, const Array& flags, std::int32_t value) {
  part_stream();
  launch("ask_any", ask_any, {dim3(1), dim3(32)}, flags.as<std::int32_t>(), flags.size, value, handle);
}

void record_part(std::uint64_t handle, const std::function<void()>& work) {
  const cudaGraph_t body = add_if(cuda::queue().stream, handle);
  const cudaStream_t stream = part_stream();
  STILLPOINT_CUDA_CHECK(
      cudaStreamBeginCaptureToGraph(stream, body, nullptr, nullptr, 0, cudaStreamCaptureModeThreadLocal));
  cudaGraph_t captured = nullptr;
  try {
    const OnStream on(stream);
    work();
  } catch (...) {
    cudaStreamEndCapture(stream, &captured);
    cudaGetLastError();  // the error that broke the capture was reported already
    throw;
  }
  STILLPOINT_CUDA_CHECK(cudaStreamEndCapture(stream, &captured));
}

void CudaGraph::replay() const { STILLPOINT_CUDA_CHECK(cudaGraphLaunch(executable_, cuda::queue().stream)); }

}  // namespace stillpoint::kernels
