// What all uses of oneDNN's C++ interface share.
#pragma once
#if STILLPOINT_ONEDNN
#include <oneapi/dnnl/dnnl.hpp>

namespace stillpoint::kernels {

inline dnnl::engine& onednn_cpu() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

// Wraps data that a primitive reads or writes.
inline dnnl::memory onednn_memory(const dnnl::memory::desc& desc, const void* data) {
  return {desc, onednn_cpu(), const_cast<void*>(data)};
}

}  // namespace stillpoint::kernels
#endif
