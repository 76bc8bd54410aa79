// Copies data on the CPU, or leaves it to CudaUpload.
#include "kernels/device/upload.h"

#include <cstring>
#include <vector>

#include "kernels/device/error.h"
#if STILLPOINT_CUDA
#include "kernels/device/cuda_upload.h"
#endif

namespace stillpoint::kernels {

struct Upload::Transfer {
  bool started = false;
  Device device = Device::cpu;
  std::vector<std::byte> bytes;  // on the CPU
#if STILLPOINT_CUDA
  CudaUpload cuda;
#endif
};

Upload::Upload() = default;
Upload::~Upload() = default;
Upload::Upload(Upload&&) noexcept = default;
Upload& Upload::operator=(Upload&&) noexcept = default;

void Upload::start(Device device, const void* data, std::size_t bytes) {
  if (transfer_ == nullptr) transfer_ = std::make_unique<Transfer>();
  require(!transfer_->started,
          "upload: given a second transfer, expected the first to be finished, call finish");
  transfer_->started = true;
  transfer_->device = device;
#if STILLPOINT_CUDA
  if (device == Device::cuda) return transfer_->cuda.start(data, bytes);
#endif
  require(device == Device::cpu, "upload: given a cuda tensor, expected a cpu tensor, build with CUDA");
  transfer_->bytes.resize(bytes);
  if (bytes > 0) std::memcpy(transfer_->bytes.data(), data, bytes);
}

void Upload::finish(void* to) {
  if (transfer_ == nullptr || !transfer_->started) return;
  transfer_->started = false;
#if STILLPOINT_CUDA
  if (transfer_->device == Device::cuda) return transfer_->cuda.finish(to);
#endif
  if (!transfer_->bytes.empty()) std::memcpy(to, transfer_->bytes.data(), transfer_->bytes.size());
}

}  // namespace stillpoint::kernels
