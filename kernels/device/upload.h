// Host data on its way to a device, past the work that is queued there.
#pragma once
#include <cstddef>
#include <memory>

#include "kernels/device/memory.h"

namespace stillpoint::kernels {

// On CUDA `start` copies to pinned memory and from there, on a stream of its own, to a staging buffer on the device;
// `finish` copies that to its place, ordered behind the work queued before it. Neither waits for the compute stream. On
// a CPU `start` keeps a copy and `finish` writes it. One transfer at a time: start, finish, start, ...
class Upload {
 public:
  Upload();
  ~Upload();
  Upload(Upload&&) noexcept;
  Upload& operator=(Upload&&) noexcept;

  // The data may be changed as soon as start returns.
  void start(Device device, const void* data, std::size_t bytes);
  // Writes what start was given; without a start before it, nothing.
  void finish(void* to);

 private:
  struct Transfer;
  std::unique_ptr<Transfer> transfer_;
};

}  // namespace stillpoint::kernels
