// Asynchronous copies of one thread. They copy at once, but until they are waited for, their targets count as
// not written.
#pragma once
#include <cuda_runtime.h>

#include <cstring>

namespace simt {

// Notes that the calling thread has started a copy to shared memory. It is under way until the barrier's
// phase ends or, without a barrier, until the thread has waited for the batch that its next `commit_copies`
// closes.
void start_copy(const void* to, std::size_t bytes, const void* barrier = nullptr);
void commit_copies();
// Notes that the thread has waited for all its batches but the latest `batches`.
void wait_for_copies(std::size_t batches);
// Notes that a phase of the barrier ends.
void end_copies(const void* barrier);

}  // namespace simt

SIMT_MEETING void __pipeline_memcpy_async(void* to, const void* from, std::size_t bytes,
                                          std::size_t zeros = 0) {
  auto* const target = static_cast<char*>(to);
  const auto* const source = static_cast<const char*>(from);
  if (bytes == 16 && zeros == 0) {
    *static_cast<int4*>(to) = *static_cast<const int4*>(from);
  } else if (bytes == 8 && zeros == 0) {
    *static_cast<int2*>(to) = *static_cast<const int2*>(from);
  } else if (bytes == 4 && zeros == 0) {
    *static_cast<int*>(to) = *static_cast<const int*>(from);
  } else {
    for (std::size_t i = 0; i < bytes; ++i) target[i] = i < bytes - zeros ? source[i] : char(0);
  }
  simt::start_copy(to, bytes);
}
inline void __pipeline_commit() { simt::commit_copies(); }
inline void __pipeline_wait_prior(std::size_t batches) { simt::wait_for_copies(batches); }
