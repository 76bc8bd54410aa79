// Implements CUDA arrays, which are rows of device memory here, and texture objects.
#include "texture_indirect_functions.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>

#include "memory/memory.h"
#include "simt/memory_api.h"

using namespace simt;

struct cudaArray {
  void* rows;
  std::size_t pitch, width, height;  // width in elements; height 0 for one dimension
  cudaChannelFormatDesc format;
  unsigned flags;
};

namespace {

struct Entry {
  Texture texture;
  cudaResourceDesc resource;
};
// Kernels ask for textures, so an entry keeps its address.
std::map<cudaTextureObject_t, Entry>& textures() {
  static auto* const instance = new std::map<cudaTextureObject_t, Entry>;
  return *instance;
}
std::map<const cudaArray*, std::unique_ptr<cudaArray>>& arrays() {
  static auto* const instance = new std::map<const cudaArray*, std::unique_ptr<cudaArray>>;
  return *instance;
}

std::size_t element_bytes(const cudaChannelFormatDesc& f) { return std::size_t(f.x + f.y + f.z + f.w) / 8; }
bool is_format(const cudaChannelFormatDesc& f) {
  if (f.x != 8 && f.x != 16 && f.x != 32) return false;
  for (const int bits : {f.y, f.z, f.w})
    if (bits != 0 && bits != f.x) return false;
  return f.f >= cudaChannelFormatKindSigned && f.f <= cudaChannelFormatKindFloat && (f.z != 0) == (f.w != 0);
}

// Copies between memory and a part of an array.
cudaError_t copy_part(const cudaArray* array, std::size_t x_bytes, std::size_t y, void* other,
                      std::size_t pitch, std::size_t width, std::size_t height, bool into,
                      cudaMemcpyKind kind, cudaStream_t stream) {
  const auto found = arrays().find(array);
  if (found == arrays().end()) return refuse(cudaErrorInvalidValue, "the array was not made, or is freed");
  const std::size_t bytes = array->width * element_bytes(array->format);
  const std::size_t rows = array->height == 0 ? 1 : array->height;
  if (x_bytes + width > bytes || y + height > rows)
    return refuse(cudaErrorInvalidValue, "the part ends at byte " + std::to_string(x_bytes + width) +
                                             " of row " + std::to_string(y + height) +
                                             ", and the array has " + std::to_string(rows) + " rows of " +
                                             std::to_string(bytes) + " bytes");
  char* const part = static_cast<char*>(array->rows) + y * array->pitch + x_bytes;
  return into ? cudaMemcpy2DAsync(part, array->pitch, other, pitch, width, height, kind, stream)
              : cudaMemcpy2DAsync(other, pitch, part, array->pitch, width, height, kind, stream);
}
cudaError_t waited(cudaError_t error) {
  if (error == cudaSuccess) finish_stream(nullptr);
  return error;
}

// Returns a reason to refuse the description; empty if it is right.
std::string fault(const cudaResourceDesc& r, const cudaTextureDesc& how, const Texture& t) {
  if (!is_format(t.format)) return "channels have 8, 16 or 32 bits, the same for each, and are 1, 2 or 4";
  const bool floats = t.format.f == cudaChannelFormatKindFloat;
  if (how.readMode == cudaReadModeNormalizedFloat && (floats || t.format.x == 32))
    return "normalised floats are read from elements of 8 or 16 bits";
  if (how.filterMode == cudaFilterModeLinear && how.readMode == cudaReadModeElementType && !floats)
    return "linear filtering needs elements or a read mode of floats";
  if (how.filterMode == cudaFilterModeLinear && r.resType == cudaResourceTypeLinear)
    return "linear memory has no linear filtering";
  const std::size_t elements = element_bytes(t.format);
  if (r.resType == cudaResourceTypeLinear && reinterpret_cast<std::uintptr_t>(t.start) % 512 != 0)
    return "linear memory begins at a multiple of 512 bytes";
  if (r.resType == cudaResourceTypePitch2D &&
      (t.pitch % 32 != 0 || t.pitch < std::size_t(t.width) * elements))
    return "the pitch is a multiple of 32 bytes and holds a row";
  if (r.resType != cudaResourceTypeArray) {
    const std::size_t bytes = std::size_t(t.height - 1) * t.pitch + std::size_t(t.width) * elements;
    if (!is_inside(t.start, bytes, MemoryKind::device))
      return "the memory is " + describe_device_address(t.start) + ", and the texture has " +
             std::to_string(bytes) + " bytes";
  }
  return {};
}

}  // namespace

cudaError_t cudaMallocArray(cudaArray_t* array, const cudaChannelFormatDesc* format, std::size_t width,
                            std::size_t height, unsigned flags) {
  if (const cudaError_t error = refuse_unsafe(); error != cudaSuccess) return result(error);
  if (array == nullptr || format == nullptr || width == 0) return result(cudaErrorInvalidValue);
  if (!is_format(*format)) return result(cudaErrorInvalidChannelDescriptor);
  auto made = std::make_unique<cudaArray>();
  *made = {nullptr, (width * element_bytes(*format) + 511) / 512 * 512, width, height, *format, flags};
  const cudaError_t error = allocate(&made->rows, made->pitch * (height == 0 ? 1 : height),
                                     MemoryKind::device, __builtin_return_address(0));
  if (error != cudaSuccess) return result(error);
  const std::lock_guard lock(runtime_mutex());
  *array = made.get();
  arrays()[*array] = std::move(made);
  return result(cudaSuccess);
}

cudaError_t cudaFreeArray(cudaArray_t array) {
  if (array == nullptr) return result(cudaSuccess);
  const std::lock_guard lock(runtime_mutex());
  if (arrays().find(array) == arrays().end())
    return refuse(cudaErrorInvalidValue, "the array was not made, or is freed");
  const cudaError_t error = free_now(array->rows, {MemoryKind::device}, __builtin_return_address(0));
  arrays().erase(array);
  return result(error);
}

cudaError_t cudaArrayGetInfo(cudaChannelFormatDesc* format, cudaExtent* extent, unsigned* flags,
                             cudaArray_t array) {
  const std::lock_guard lock(runtime_mutex());
  if (arrays().find(array) == arrays().end()) return result(cudaErrorInvalidValue);
  if (format != nullptr) *format = array->format;
  if (extent != nullptr) *extent = {array->width, array->height, 0};
  if (flags != nullptr) *flags = array->flags;
  return result(cudaSuccess);
}

cudaError_t cudaMemcpy2DToArrayAsync(cudaArray_t to, std::size_t x_bytes, std::size_t y, const void* from,
                                     std::size_t pitch, std::size_t width, std::size_t height,
                                     cudaMemcpyKind kind, cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  return copy_part(to, x_bytes, y, const_cast<void*>(from), pitch, width, height, true, kind, stream);
}
cudaError_t cudaMemcpy2DToArray(cudaArray_t to, std::size_t x_bytes, std::size_t y, const void* from,
                                std::size_t pitch, std::size_t width, std::size_t height,
                                cudaMemcpyKind kind) {
  return waited(cudaMemcpy2DToArrayAsync(to, x_bytes, y, from, pitch, width, height, kind, nullptr));
}
cudaError_t cudaMemcpy2DFromArray(void* to, std::size_t pitch, cudaArray_const_t from, std::size_t x_bytes,
                                  std::size_t y, std::size_t width, std::size_t height, cudaMemcpyKind kind) {
  const std::lock_guard lock(runtime_mutex());
  return waited(copy_part(from, x_bytes, y, to, pitch, width, height, false, kind, nullptr));
}
// The bytes fill whole rows, or a part of one.
cudaError_t cudaMemcpyToArray(cudaArray_t to, std::size_t x_bytes, std::size_t y, const void* from,
                              std::size_t bytes, cudaMemcpyKind kind) {
  const std::lock_guard lock(runtime_mutex());
  if (arrays().find(to) == arrays().end()) return result(cudaErrorInvalidValue);
  const std::size_t row = to->width * element_bytes(to->format);
  if (x_bytes + bytes <= row) return cudaMemcpy2DToArray(to, x_bytes, y, from, bytes, bytes, 1, kind);
  if (x_bytes != 0 || bytes % row != 0)
    return refuse(cudaErrorInvalidValue, "the bytes are neither whole rows nor a part of one");
  return cudaMemcpy2DToArray(to, 0, y, from, row, row, bytes / row, kind);
}

cudaError_t cudaCreateTextureObject(cudaTextureObject_t* texture, const cudaResourceDesc* resource,
                                    const cudaTextureDesc* how, const cudaResourceViewDesc* view) {
  if (texture == nullptr || resource == nullptr || how == nullptr) return result(cudaErrorInvalidValue);
  if (view != nullptr) return refuse(cudaErrorNotSupported, "the emulator has no views of textures");
  const std::lock_guard lock(runtime_mutex());
  Texture t;
  const auto& r = resource->res;
  if (resource->resType == cudaResourceTypeArray) {
    const cudaArray_t array = r.array.array;
    if (arrays().find(array) == arrays().end())
      return refuse(cudaErrorInvalidValue, "the array was not made, or is freed");
    t = {static_cast<const char*>(array->rows),       array->pitch,  int(array->width),
         array->height == 0 ? 1 : int(array->height), array->format, *how};
  } else if (resource->resType == cudaResourceTypeLinear) {
    const std::size_t bytes = element_bytes(r.linear.desc);
    t = {static_cast<const char*>(r.linear.devPtr),
         0,
         bytes == 0 ? 0 : int(r.linear.sizeInBytes / bytes),
         1,
         r.linear.desc,
         *how};
  } else if (resource->resType == cudaResourceTypePitch2D) {
    t = {static_cast<const char*>(r.pitch2D.devPtr),
         r.pitch2D.pitchInBytes,
         int(r.pitch2D.width),
         int(r.pitch2D.height),
         r.pitch2D.desc,
         *how};
  } else {
    return refuse(cudaErrorNotSupported, "the emulator has no mipmapped arrays");
  }
  if (const std::string why = fault(*resource, *how, t); !why.empty())
    return refuse(cudaErrorInvalidValue, why);
  static cudaTextureObject_t last = 0;
  *texture = ++last;
  textures()[last] = {t, *resource};
  return result(cudaSuccess);
}

cudaError_t cudaDestroyTextureObject(cudaTextureObject_t texture) {
  const std::lock_guard lock(runtime_mutex());
  if (textures().find(texture) == textures().end())
    return refuse(cudaErrorInvalidValue, "the texture object was not made, or is destroyed");
  finish_all();
  textures().erase(texture);
  return result(cudaSuccess);
}

cudaError_t cudaGetTextureObjectResourceDesc(cudaResourceDesc* resource, cudaTextureObject_t texture) {
  const std::lock_guard lock(runtime_mutex());
  const auto found = textures().find(texture);
  if (resource == nullptr || found == textures().end()) return result(cudaErrorInvalidValue);
  *resource = found->second.resource;
  return result(cudaSuccess);
}

namespace simt {

Texture texture_of(cudaTextureObject_t texture, Fetch fetch, std::size_t bytes, const char* function) {
  const auto found = textures().find(texture);
  const auto stop = [&](const std::string& why) {
    device_violation((function + (": " + why)).c_str(), int(texture), "");
  };
  if (found == textures().end()) stop("the texture object was not made, or is destroyed: ");
  const auto& [t, resource] = found->second;
  const bool linear = resource.resType == cudaResourceTypeLinear;
  if (linear != (fetch == Fetch::linear))
    stop(linear ? "linear memory is read by tex1Dfetch, given the texture object "
                : "an array or rows with a pitch need tex1D or tex2D, given the texture object ");
  if (t.how.readMode == cudaReadModeElementType && bytes != element_bytes(t.format))
    stop("reads " + std::to_string(bytes) + " bytes from elements of " +
         std::to_string(element_bytes(t.format)) + " bytes of the texture object ");
  return t;
}

bool has_texture(const Extent& block) {
  const std::lock_guard lock(runtime_mutex());
  return std::any_of(textures().begin(), textures().end(), [&](const auto& entry) {
    return block.leads_to(reinterpret_cast<std::uintptr_t>(entry.second.texture.start));
  });
}

int texture_index(int i, int size, cudaTextureAddressMode mode, bool normalised) {
  if (i >= 0 && i < size) return i;
  if (mode == cudaAddressModeBorder) return -1;
  if (normalised && mode == cudaAddressModeWrap) return (i % size + size) % size;
  if (normalised && mode == cudaAddressModeMirror) {
    const int twice = (i % (2 * size) + 2 * size) % (2 * size);
    return twice < size ? twice : 2 * size - 1 - twice;
  }
  return i < 0 ? 0 : size - 1;
}

}  // namespace simt
