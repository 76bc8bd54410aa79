// Host data on its way to a device, past the work that is queued there.
#pragma once
#include <cstddef>
#include <memory>

#include "kernels/device/memory.h"

namespace stillpoint::kernels {

// On CUDA `start` copies to pinned memory and, on a stream of its own, from there to a staging buffer on the
// device; `finish` copies that to its place, after the work queued before it. Neither waits for the compute
// stream. On a CPU `start` keeps a copy and `finish` writes it. One transfer is under way at a time: start,
// finish, start, ...
class Upload {
 public:
  Upload();
  ~Upload();
  Upload(Upload&&) noexcept;
  Upload& operator=(Upload&&) noexcept;

  // The data may be changed as soon as start returns.
  void start(Device device, const void* data, std::size_t bytes);
  // Writes the data that start was given, or nothing if start was not called since.
  void finish(void* to);

 private:
  struct Transfer;
  std::unique_ptr<Transfer> transfer_;
};

}  // namespace stillpoint::kernels
