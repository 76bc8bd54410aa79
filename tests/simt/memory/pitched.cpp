// Implements copies and fills of rows that are a pitch apart: each row is a copy of its own.
#include <algorithm>

#include "memory/memory.h"
#include "simt/memory_api.h"

using namespace simt;

namespace {

constexpr std::size_t pitch_step = 512;

// Rows of `width` bytes, `height` of them in a slice, `depth` slices.
struct Rows {
  char* start;
  std::size_t pitch, slice;
  char* row(std::size_t y, std::size_t z) const { return start + z * slice + y * pitch; }
};
Rows rows(const void* start, std::size_t pitch, std::size_t height) {
  return {static_cast<char*>(const_cast<void*>(start)), pitch, pitch * height};
}
Rows rows(const cudaPitchedPtr& p, const cudaPos& at) {
  const Rows all = rows(p.ptr, p.pitch, p.ysize);
  return {all.row(at.y, at.z) + at.x, all.pitch, all.slice};
}

// Checks the first and the last row before any is copied.
cudaError_t copy_rows(const Rows& to, const Rows& from, cudaExtent extent, cudaMemcpyKind kind,
                      cudaStream_t stream) {
  const auto [width, height, depth] = extent;
  if (width == 0 || height == 0 || depth == 0) return result(cudaSuccess);
  if (width > to.pitch || width > from.pitch) return result(cudaErrorInvalidPitchValue);
  for (const std::size_t last : {std::size_t(0), std::size_t(1)}) {
    cudaMemcpyKind each = kind;
    const std::size_t y = last * (height - 1), z = last * (depth - 1);
    if (const cudaError_t error = check_copy(to.row(y, z), from.row(y, z), width, each); error != cudaSuccess)
      return result(error);
  }
  for (std::size_t z = 0; z < depth; ++z)
    for (std::size_t y = 0; y < height; ++y)
      if (const cudaError_t error = cudaMemcpyAsync(to.row(y, z), from.row(y, z), width, kind, stream);
          error != cudaSuccess)
        return error;
  return result(cudaSuccess);
}

cudaError_t fill_rows(const Rows& to, int value, cudaExtent extent, cudaStream_t stream) {
  if (extent.width > to.pitch) return result(cudaErrorInvalidPitchValue);
  for (std::size_t z = 0; z < extent.depth; ++z)
    for (std::size_t y = 0; y < extent.height; ++y)
      if (const cudaError_t error = cudaMemsetAsync(to.row(y, z), value, extent.width, stream);
          error != cudaSuccess)
        return error;
  return result(cudaSuccess);
}

cudaError_t wait_for(cudaError_t error) {
  if (error == cudaSuccess) finish_stream(nullptr);
  return error;
}

}  // namespace

cudaError_t cudaMallocPitch(void** pointer, std::size_t* pitch, std::size_t width, std::size_t height) {
  if (const cudaError_t error = refuse_unsafe(); error != cudaSuccess) return result(error);
  if (pitch == nullptr) return result(cudaErrorInvalidValue);
  *pitch = (width + pitch_step - 1) / pitch_step * pitch_step;
  return result(allocate(pointer, *pitch * height, MemoryKind::device, __builtin_return_address(0)));
}

cudaError_t cudaMalloc3D(cudaPitchedPtr* pointer, cudaExtent extent) {
  if (const cudaError_t error = refuse_unsafe(); error != cudaSuccess) return result(error);
  if (pointer == nullptr) return result(cudaErrorInvalidValue);
  *pointer = {nullptr, (extent.width + pitch_step - 1) / pitch_step * pitch_step, extent.width,
              extent.height};
  return result(allocate(&pointer->ptr, pointer->pitch * extent.height * extent.depth, MemoryKind::device,
                         __builtin_return_address(0)));
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
  return copy_rows(rows(to, to_pitch, height), rows(from, from_pitch, height), {width, height, 1}, kind,
                   stream);
}
cudaError_t cudaMemcpy2D(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                         std::size_t width, std::size_t height, cudaMemcpyKind kind) {
  return wait_for(cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width, height, kind, nullptr));
}

cudaError_t cudaMemcpy3DAsync(const cudaMemcpy3DParms* p, cudaStream_t stream) {
  if (p == nullptr) return result(cudaErrorInvalidValue);
  if (p->srcArray != nullptr || p->dstArray != nullptr) return result(cudaErrorNotSupported);
  return copy_rows(rows(p->dstPtr, p->dstPos), rows(p->srcPtr, p->srcPos), p->extent, p->kind, stream);
}
cudaError_t cudaMemcpy3D(const cudaMemcpy3DParms* p) { return wait_for(cudaMemcpy3DAsync(p, nullptr)); }

cudaError_t cudaMemset2DAsync(void* to, std::size_t pitch, int value, std::size_t width, std::size_t height,
                              cudaStream_t stream) {
  return fill_rows(rows(to, pitch, height), value, {width, height, 1}, stream);
}
cudaError_t cudaMemset2D(void* to, std::size_t pitch, int value, std::size_t width, std::size_t height) {
  return cudaMemset2DAsync(to, pitch, value, width, height, nullptr);
}
cudaError_t cudaMemset3D(cudaPitchedPtr to, int value, cudaExtent extent) {
  return fill_rows(rows(to.ptr, to.pitch, to.ysize), value, extent, nullptr);
}
