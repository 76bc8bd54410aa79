// Records work graphs by stream capture.
#include "kernels/device/cuda_work_graph.h"

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

void CudaGraph::replay() const { STILLPOINT_CUDA_CHECK(cudaGraphLaunch(executable_, cuda::queue().stream)); }

}  // namespace stillpoint::kernels
