// Implements cuRAND's generators by Philox: the values do not depend on the type of the generator.
#include <curand_kernel.h>

#include <cmath>
#include <set>

#include "libraries/blas.h"
#include "report/ending.h"
#include "runtime/runtime.h"

struct curandGenerator_st {
  cudaStream_t stream = nullptr;
  unsigned long long seed = 0, offset = 0;
  bool host = false;
};

namespace simt {
namespace {

std::set<curandGenerator_t>& generators() {
  static auto* const instance = new std::set<curandGenerator_t>;
  return *instance;
}

curandStatus_t status_of(curandStatus_t status, const char* call, const char* why) {
  if (status != CURAND_STATUS_SUCCESS)
    report_use(Check::api, std::string(call) + ": status " + std::to_string(int(status)) + ": " + why);
  return status;
}

curandStatus_t create(curandGenerator_t* generator, bool host, const char* call) {
  if (generator == nullptr) return status_of(CURAND_STATUS_OUT_OF_RANGE, call, "the generator is null");
  if (refuse_unsafe() != cudaSuccess)
    return status_of(CURAND_STATUS_INITIALIZATION_FAILED, call, "the capture of a stream does not permit it");
  *generator = *generators().insert(new curandGenerator_st{.host = host}).first;
  return CURAND_STATUS_SUCCESS;
}

template <class T>
constexpr cudaDataType type_of = sizeof(T) == 8 ? CUDA_R_64F : CUDA_R_32F;

// Fills the array with what `draw` makes of a state, on the generator's stream.
template <class T, class Draw>
curandStatus_t fill(curandGenerator_t g, T* to, std::size_t count, const char* call, bool even, Draw draw) {
  const std::lock_guard lock(runtime_mutex());
  if (!generators().contains(g))
    return status_of(CURAND_STATUS_NOT_INITIALIZED, call, "the generator does not exist, or was destroyed");
  if (even && count % 2 != 0)
    return status_of(CURAND_STATUS_LENGTH_NOT_MULTIPLE, call, "the number of values is odd");
  if (to == nullptr) return status_of(CURAND_STATUS_OUT_OF_RANGE, call, "the array is null");
  const auto work = [=, seed = g->seed, offset = g->offset, on_host = g->host] {
    if (!on_host)
      write_matrix({to, type_of<T>, std::int64_t(count), 1, std::int64_t(count), false}, call, "output");
    curandStatePhilox4_32_10 state;
    curand_init(seed, 0, offset, &state);
    for (std::size_t i = 0; i < count; ++i) to[i] = draw(state);
  };
  g->offset += 4 * count;
  if (g->host) {
    work();
    return CURAND_STATUS_SUCCESS;
  }
  if (refuse_queueing(g->stream) != cudaSuccess)
    return status_of(CURAND_STATUS_LAUNCH_FAILURE, call, "the capture of a stream does not permit it");
  log_library_call(call);
  enqueue(g->stream, {.kind = Piece::Kind::library, .name = call, .bytes = double(count * sizeof(T))}, work);
  return CURAND_STATUS_SUCCESS;
}

using State = curandStatePhilox4_32_10;

}  // namespace
}  // namespace simt

using namespace simt;

curandStatus_t curandCreateGenerator(curandGenerator_t* generator, curandRngType_t) {
  return create(generator, false, "curandCreateGenerator");
}
curandStatus_t curandCreateGeneratorHost(curandGenerator_t* generator, curandRngType_t) {
  return create(generator, true, "curandCreateGeneratorHost");
}
curandStatus_t curandDestroyGenerator(curandGenerator_t generator) {
  if (generators().erase(generator) == 0)
    return status_of(CURAND_STATUS_NOT_INITIALIZED, "curandDestroyGenerator", "the generator does not exist");
  return CURAND_STATUS_SUCCESS;
}
curandStatus_t curandSetStream(curandGenerator_t generator, cudaStream_t stream) {
  if (!generators().contains(generator) || !is_stream(stream))
    return status_of(CURAND_STATUS_NOT_INITIALIZED, "curandSetStream",
                     "the generator or the stream does not exist");
  generator->stream = stream;
  return CURAND_STATUS_SUCCESS;
}
curandStatus_t curandSetPseudoRandomGeneratorSeed(curandGenerator_t generator, unsigned long long seed) {
  if (!generators().contains(generator)) return CURAND_STATUS_NOT_INITIALIZED;
  generator->seed = seed;
  generator->offset = 0;
  return CURAND_STATUS_SUCCESS;
}
curandStatus_t curandSetGeneratorOffset(curandGenerator_t generator, unsigned long long offset) {
  if (!generators().contains(generator)) return CURAND_STATUS_NOT_INITIALIZED;
  generator->offset = offset;
  return CURAND_STATUS_SUCCESS;
}

curandStatus_t curandGenerate(curandGenerator_t g, unsigned* to, std::size_t count) {
  return fill(g, to, count, "curandGenerate", false, [](State& s) { return curand(&s); });
}
curandStatus_t curandGenerateUniform(curandGenerator_t g, float* to, std::size_t count) {
  return fill(g, to, count, "curandGenerateUniform", false, [](State& s) { return curand_uniform(&s); });
}
curandStatus_t curandGenerateUniformDouble(curandGenerator_t g, double* to, std::size_t count) {
  return fill(g, to, count, "curandGenerateUniformDouble", false,
              [](State& s) { return curand_uniform_double(&s); });
}
curandStatus_t curandGenerateNormal(curandGenerator_t g, float* to, std::size_t count, float mean,
                                    float deviation) {
  return fill(g, to, count, "curandGenerateNormal", true,
              [=](State& s) { return mean + deviation * curand_normal(&s); });
}
curandStatus_t curandGenerateNormalDouble(curandGenerator_t g, double* to, std::size_t count, double mean,
                                          double deviation) {
  return fill(g, to, count, "curandGenerateNormalDouble", true,
              [=](State& s) { return mean + deviation * curand_normal_double(&s); });
}
