// CUDA arrays and texture objects of one and two dimensions: the host's calls, and fetches with CUDA's
// filtering.
#pragma once
#include <cmath>
#include <cstring>
#include <type_traits>

#include "simt/runtime_api.h"

enum cudaChannelFormatKind {
  cudaChannelFormatKindSigned = 0,
  cudaChannelFormatKindUnsigned = 1,
  cudaChannelFormatKindFloat = 2,
  cudaChannelFormatKindNone = 3
};
struct cudaChannelFormatDesc {
  int x, y, z, w;  // bits
  cudaChannelFormatKind f;
};
inline cudaChannelFormatDesc cudaCreateChannelDesc(int x, int y, int z, int w, cudaChannelFormatKind f) {
  return {x, y, z, w, f};
}

namespace simt {

// Returns how many components a scalar or a vector has, from its first one.
template <class T>
struct Components {
  using type = T;
};
template <class T>
requires requires(T v) { v.x; }
struct Components<T> {
  using type = decltype(T::x);
};
template <class T>
using Component = typename Components<T>::type;
template <class T>
inline constexpr int components = int(sizeof(T) / sizeof(Component<T>));

}  // namespace simt

template <class T>
cudaChannelFormatDesc cudaCreateChannelDesc() {
  using Each = simt::Component<T>;
  const int bits = 8 * sizeof(Each), n = simt::components<T>;
  return {bits, n > 1 ? bits : 0, n > 2 ? bits : 0, n > 3 ? bits : 0,
          std::is_floating_point_v<Each> ? cudaChannelFormatKindFloat
          : std::is_signed_v<Each>       ? cudaChannelFormatKindSigned
                                         : cudaChannelFormatKindUnsigned};
}

#define cudaArrayDefault 0x00
#define cudaArraySurfaceLoadStore 0x02
using cudaArray_const_t = const cudaArray*;

enum cudaResourceType {
  cudaResourceTypeArray = 0,
  cudaResourceTypeMipmappedArray = 1,
  cudaResourceTypeLinear = 2,
  cudaResourceTypePitch2D = 3
};
enum cudaTextureAddressMode {
  cudaAddressModeWrap = 0,
  cudaAddressModeClamp = 1,
  cudaAddressModeMirror = 2,
  cudaAddressModeBorder = 3
};
enum cudaTextureFilterMode { cudaFilterModePoint = 0, cudaFilterModeLinear = 1 };
enum cudaTextureReadMode { cudaReadModeElementType = 0, cudaReadModeNormalizedFloat = 1 };
struct cudaResourceDesc {
  cudaResourceType resType;
  union {
    struct {
      cudaArray_t array;
    } array;
    struct {
      void* mipmap;
    } mipmap;
    struct {
      void* devPtr;
      cudaChannelFormatDesc desc;
      std::size_t sizeInBytes;
    } linear;
    struct {
      void* devPtr;
      cudaChannelFormatDesc desc;
      std::size_t width, height, pitchInBytes;
    } pitch2D;
  } res;
};
struct cudaTextureDesc {
  cudaTextureAddressMode addressMode[3];
  cudaTextureFilterMode filterMode;
  cudaTextureReadMode readMode;
  int sRGB;
  float borderColor[4];
  int normalizedCoords;
  unsigned maxAnisotropy;
  cudaTextureFilterMode mipmapFilterMode;
  float mipmapLevelBias, minMipmapLevelClamp, maxMipmapLevelClamp;
  int disableTrilinearOptimization, seamlessCubemap;
};
struct cudaResourceViewDesc {
  int format;
  std::size_t width, height, depth;
  unsigned firstMipmapLevel, lastMipmapLevel, firstLayer, lastLayer;
};
using cudaTextureObject_t = unsigned long long;

cudaError_t cudaMallocArray(cudaArray_t* array, const cudaChannelFormatDesc* format, std::size_t width,
                            std::size_t height = 0, unsigned flags = 0);
cudaError_t cudaFreeArray(cudaArray_t array);
cudaError_t cudaArrayGetInfo(cudaChannelFormatDesc* format, cudaExtent* extent, unsigned* flags,
                             cudaArray_t array);
cudaError_t cudaMemcpy2DToArray(cudaArray_t to, std::size_t x_bytes, std::size_t y, const void* from,
                                std::size_t pitch, std::size_t width, std::size_t height,
                                cudaMemcpyKind kind);
cudaError_t cudaMemcpy2DToArrayAsync(cudaArray_t to, std::size_t x_bytes, std::size_t y, const void* from,
                                     std::size_t pitch, std::size_t width, std::size_t height,
                                     cudaMemcpyKind kind, cudaStream_t stream = nullptr);
cudaError_t cudaMemcpy2DFromArray(void* to, std::size_t pitch, cudaArray_const_t from, std::size_t x_bytes,
                                  std::size_t y, std::size_t width, std::size_t height, cudaMemcpyKind kind);
cudaError_t cudaMemcpyToArray(cudaArray_t to, std::size_t x_bytes, std::size_t y, const void* from,
                              std::size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaCreateTextureObject(cudaTextureObject_t* texture, const cudaResourceDesc* resource,
                                    const cudaTextureDesc* how, const cudaResourceViewDesc* view);
cudaError_t cudaDestroyTextureObject(cudaTextureObject_t texture);
cudaError_t cudaGetTextureObjectResourceDesc(cudaResourceDesc* resource, cudaTextureObject_t texture);

namespace simt {

struct Texture {
  const char* start;
  std::size_t pitch;
  int width, height;
  cudaChannelFormatDesc format;
  cudaTextureDesc how;
};
enum class Fetch : std::uint8_t { linear, one, two };
// Returns the texture, a copy, because kernels read no memory of the host. Stops the caller with a Violation
// if it was destroyed, is no such texture, or has elements of another size (0 means any).
Texture texture_of(cudaTextureObject_t texture, Fetch fetch, std::size_t bytes, const char* function);

// Returns the index that the address mode makes of i, or -1 for the border's colour.
int texture_index(int i, int size, cudaTextureAddressMode mode, bool normalised);

// Returns a texel, converted if the texture reads normalised floats.
template <class T>
T texel(const Texture& t, int x, int y) {
  const bool normalised = t.how.normalizedCoords != 0;
  x = texture_index(x, t.width, t.how.addressMode[0], normalised);
  y = texture_index(y, t.height, t.how.addressMode[1], normalised);
  T value = {};
  if (x < 0 || y < 0) {
    Component<T> colour[components<T>];
    for (int i = 0; i < components<T>; ++i) colour[i] = static_cast<Component<T>>(t.how.borderColor[i]);
    std::memcpy(&value, colour, sizeof value);
    return value;
  }
  const char* const row = t.start + std::size_t(y) * t.pitch;
  if (t.how.readMode == cudaReadModeElementType) return reinterpret_cast<const T*>(row)[x];
  Component<T> parts[components<T>];
  for (int i = 0; i < components<T>; ++i) {
    const int at = x * components<T> + i;
    const bool is_signed = t.format.f == cudaChannelFormatKindSigned;
    const float raw = t.format.x == 8 ? (is_signed ? float(reinterpret_cast<const signed char*>(row)[at])
                                                   : float(reinterpret_cast<const unsigned char*>(row)[at]))
                                      : (is_signed ? float(reinterpret_cast<const short*>(row)[at])
                                                   : float(reinterpret_cast<const unsigned short*>(row)[at]));
    const float most = float((1 << (t.format.x - int(is_signed))) - 1);
    parts[i] = static_cast<Component<T>>(raw < -most ? -1.0f : raw / most);
  }
  std::memcpy(&value, parts, sizeof value);
  return value;
}

// The interpolated value: a + weight (b - a) for each component. Hardware keeps 8 bits of a weight.
template <class T>
T between(T a, T b, float weight) {
  Component<T> p[components<T>], q[components<T>];
  std::memcpy(p, &a, sizeof a);
  std::memcpy(q, &b, sizeof b);
  for (int i = 0; i < components<T>; ++i)
    p[i] = static_cast<Component<T>>((1.0f - weight) * float(p[i]) + weight * float(q[i]));
  std::memcpy(static_cast<void*>(&a), p, sizeof a);
  return a;
}

template <class T>
T filtered(const Texture& t, float x, float y, bool two) {
  if (t.how.normalizedCoords != 0) {
    x *= float(t.width);
    y *= float(t.height);
  }
  if (t.how.filterMode == cudaFilterModePoint)
    return texel<T>(t, int(std::floor(x)), two ? int(std::floor(y)) : 0);
  const float left = std::floor(x - 0.5f), top = two ? std::floor(y - 0.5f) : 0.0f;
  const float a = std::round((x - 0.5f - left) * 256.0f) / 256.0f;
  const float b = two ? std::round((y - 0.5f - top) * 256.0f) / 256.0f : 0.0f;
  const int i = int(left), j = int(top);
  const T upper = between(texel<T>(t, i, j), texel<T>(t, i + 1, j), a);
  return two ? between(upper, between(texel<T>(t, i, j + 1), texel<T>(t, i + 1, j + 1), a), b) : upper;
}

}  // namespace simt

// An index outside gives zeros.
template <class T>
T tex1Dfetch(cudaTextureObject_t texture, int i) {
  const simt::Texture t = simt::texture_of(texture, simt::Fetch::linear, sizeof(T), "tex1Dfetch");
  return i < 0 || i >= t.width ? T{} : simt::texel<T>(t, i, 0);
}
template <class T>
T tex1D(cudaTextureObject_t texture, float x) {
  return simt::filtered<T>(simt::texture_of(texture, simt::Fetch::one, sizeof(T), "tex1D"), x, 0, false);
}
template <class T>
T tex2D(cudaTextureObject_t texture, float x, float y) {
  return simt::filtered<T>(simt::texture_of(texture, simt::Fetch::two, sizeof(T), "tex2D"), x, y, true);
}
template <class T>
void tex1Dfetch(T* value, cudaTextureObject_t texture, int i) {
  *value = tex1Dfetch<T>(texture, i);
}
template <class T>
void tex1D(T* value, cudaTextureObject_t texture, float x) {
  *value = tex1D<T>(texture, x);
}
template <class T>
void tex2D(T* value, cudaTextureObject_t texture, float x, float y) {
  *value = tex2D<T>(texture, x, y);
}
