// Implements launches and their checks, function attributes and occupancy.
#include "runtime/runtime.h"

#include <algorithm>
#include <map>
#include <set>

#include "checks/globals.h"
#include "runtime/pinned.h"

namespace simt {
namespace {

std::map<const void*, std::size_t>& raised_limits() {
  static std::map<const void*, std::size_t> limits;
  return limits;
}

constexpr int max_threads = 1024;

cudaError_t check_shape(const dim3& grid, const dim3& block) {
  const bool grid_fits = grid.x <= 0x7fffffffu && grid.y <= 65535 && grid.z <= 65535;
  const bool block_fits = block.x <= max_threads && block.y <= max_threads && block.z <= 64 &&
                          std::uint64_t(block.x) * block.y * block.z <= max_threads;
  const bool empty =
      grid.x == 0 || grid.y == 0 || grid.z == 0 || block.x == 0 || block.y == 0 || block.z == 0;
  return grid_fits && block_fits && !empty ? cudaSuccess : cudaErrorInvalidConfiguration;
}

constexpr std::size_t most_parameter_bytes = 32764;

// Checks what the kernel itself asks for: its launch bounds, and its static shared memory beside the dynamic.
cudaError_t check_resources(const cudaLaunchConfig_t& config, const void* kernel) {
  const auto [x, y, z] = uint3(config.blockDim);
  const auto [fixed, bound, cluster] = kernel_limits(kernel);
  if (bound > 0 && std::uint64_t(x) * y * z > std::uint64_t(bound)) return cudaErrorInvalidValue;
  const std::size_t limit = shared_limit(kernel);
  if (config.dynamicSmemBytes > limit) return cudaErrorInvalidValue;
  const std::size_t most = limit > std::size_t(shared_default) ? shared_optin : shared_default;
  return fixed + config.dynamicSmemBytes > most ? cudaErrorInvalidValue : cudaSuccess;
}

// Returns the last attribute of this kind, or 0.
int attribute(const cudaLaunchConfig_t& config, cudaLaunchAttributeID id,
              int cudaLaunchAttributeValue::*value) {
  int found = 0;
  for (unsigned i = 0; i < config.numAttrs; ++i)
    if (config.attrs[i].id == id) found = config.attrs[i].val.*value;
  return found;
}

bool is_programmatic(const cudaLaunchConfig_t& config) {
  return attribute(config, cudaLaunchAttributeProgrammaticStreamSerialization,
                   &cudaLaunchAttributeValue::programmaticStreamSerializationAllowed) != 0;
}

constexpr unsigned portable_cluster = 8, largest_cluster = 16;

std::set<const void*>& kernels_with_large_clusters() {
  static std::set<const void*> kernels;
  return kernels;
}

// Finds the blocks of a cluster by the launch's attribute or the kernel's own __cluster_dims__.
cudaError_t find_cluster(const cudaLaunchConfig_t& config, const void* kernel, dim3& cluster) {
  const dim3 own = kernel_limits(kernel).cluster, grid = config.gridDim;
  if (own.x != 0) cluster = own;
  for (unsigned i = 0; i < config.numAttrs; ++i)
    if (const auto& a = config.attrs[i]; a.id == cudaLaunchAttributeClusterDimension) {
      const auto [x, y, z] = a.val.clusterDim;
      if (own.x != 0 && (own.x != x || own.y != y || own.z != z)) return cudaErrorInvalidClusterSize;
      cluster = {x, y, z};
    }
  if (cluster.x == 0 || cluster.y == 0 || cluster.z == 0) return cudaErrorInvalidClusterSize;
  if (grid.x % cluster.x != 0 || grid.y % cluster.y != 0 || grid.z % cluster.z != 0)
    return cudaErrorInvalidClusterSize;
  const std::uint64_t size = std::uint64_t(cluster.x) * cluster.y * cluster.z;
  return size > (kernels_with_large_clusters().contains(kernel) ? largest_cluster : portable_cluster)
             ? cudaErrorInvalidClusterSize
             : cudaSuccess;
}

void check_parameters(const void* kernel, const void* parameters, std::size_t bytes) {
  if (bytes > most_parameter_bytes)
    throw Violation(Check::api, kernel_name(kernel), {}, {},
                    "the parameters have " + std::to_string(bytes) + " bytes, at most " +
                        std::to_string(most_parameter_bytes) + " are possible");
  require_exposed(parameters, bytes);
}

}  // namespace

std::size_t shared_limit(const void* kernel) {
  const std::lock_guard lock(runtime_mutex());
  const auto found = raised_limits().find(kernel);
  return found == raised_limits().end() ? std::size_t(shared_default) : found->second;
}

cudaError_t prepare_launch(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> body,
                           Grid& grid, Piece& piece) {
  if (kernel == nullptr) return cudaErrorInvalidDeviceFunction;
  if (const cudaError_t error = check_shape(config.gridDim, config.blockDim); error != cudaSuccess)
    return error;
  if (const cudaError_t error = check_resources(config, kernel); error != cudaSuccess) return error;
  const auto cooperative =
      attribute(config, cudaLaunchAttributeCooperative, &cudaLaunchAttributeValue::cooperative);
  dim3 cluster;
  if (const cudaError_t error = find_cluster(config, kernel, cluster); error != cudaSuccess) return error;
  if (cooperative != 0)
    if (const auto error =
            check_cooperative(kernel, config.gridDim, config.blockDim, config.dynamicSmemBytes);
        error != cudaSuccess)
      return error;
  const auto [gx, gy, gz] = uint3(config.gridDim);
  const auto [bx, by, bz] = uint3(config.blockDim);
  piece = {.kind = Piece::Kind::kernel,
           .name = kernel_name(kernel),
           .blocks = std::uint64_t(gx) * gy * gz,
           .threads = std::uint64_t(bx) * by * bz,
           .shared_bytes = config.dynamicSmemBytes};
  grid = Grid{kernel,           config.gridDim,  config.blockDim, config.dynamicSmemBytes,
              cooperative != 0, std::move(body), cluster};
  return cudaSuccess;
}

cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> body,
                   const void* parameters, std::size_t parameter_bytes) {
  const auto fail = [&](cudaError_t error) { return refuse(error, "kernel " + kernel_name(kernel)); };
  if (!is_stream(config.stream)) return fail(cudaErrorInvalidResourceHandle);
  if (const cudaError_t error = refuse_queueing(config.stream); error != cudaSuccess) return fail(error);
  Grid grid;
  Piece piece;
  if (const cudaError_t error = prepare_launch(config, kernel, std::move(body), grid, piece);
      error != cudaSuccess)
    return fail(error);
  check_parameters(kernel, parameters, parameter_bytes);
  log_kernel(kernel);
  const TaskId task = enqueue(config.stream, std::move(piece), [grid = std::move(grid)] { run_grid(grid); },
                              {.kernel = kernel, .programmatic = is_programmatic(config)});
  // What it does to memory of the host decides what the host may do before it waits.
  if (task != 0 && holds_pinned_pointer(parameters, parameter_bytes)) finish(task);
  return result(cudaSuccess);
}

cudaError_t check_cooperative(const void* kernel, dim3 grid, dim3 block, std::size_t dynamic_shared_bytes) {
  int blocks = 0;
  const int threads = int(block.x * block.y * block.z);
  const auto error =
      cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, threads, dynamic_shared_bytes);
  if (error != cudaSuccess) return error;
  const std::uint64_t wanted = std::uint64_t(grid.x) * grid.y * grid.z;
  return wanted > std::uint64_t(blocks) * multiprocessors ? cudaErrorCooperativeLaunchTooLarge : cudaSuccess;
}

}  // namespace simt

// Handles stay when they are destroyed, so that no later one has their address, and a thread that breaks a
// rule is dropped without unwinding; leak checkers are told so.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:cudaEventCreate\n"
         "leak:cudaStreamCreate\n"
         "leak:cudaGraphInstantiate\n"
         "leak:cudaGraphAdd\n"
         "leak:cudaGraphConditionalHandleCreate\n"
         "leak:cudaStreamBeginCapture\n"
         "leak:simt::new_graph\n"
         "leak:conditional_node\n"
         "leak:simt::add_node\n"
         "leak:cublasCreate\n"
         "leak:cublasLt\n"
         "leak:cudnnCreate\n"
         "leak:curandCreate\n"
         "leak:cufftPlan\n"
         "leak:cusolverDnCreate\n"
         "leak:simt::Machine::\n"
         "leak:__assert_fail\n";
}

using namespace simt;

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (kernel == nullptr) return result(cudaErrorInvalidDeviceFunction);
  if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout)
    return result(value >= -1 && value <= 100 ? cudaSuccess : cudaErrorInvalidValue);
  if (attribute == cudaFuncAttributeNonPortableClusterSizeAllowed) {
    if (value != 0)
      kernels_with_large_clusters().insert(kernel);
    else
      kernels_with_large_clusters().erase(kernel);
    return result(cudaSuccess);
  }
  const std::size_t fixed = kernel_limits(kernel).static_shared_bytes;
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
      std::size_t(value) + fixed > std::size_t(shared_optin))
    return result(cudaErrorInvalidValue);
  const std::lock_guard lock(runtime_mutex());
  raised_limits()[kernel] = std::size_t(value);
  return result(cudaSuccess);
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  if (attributes == nullptr) return result(cudaErrorInvalidValue);
  if (kernel == nullptr) return result(cudaErrorInvalidDeviceFunction);
  *attributes = {};
  const auto [fixed, bound, cluster] = kernel_limits(kernel);
  attributes->maxThreadsPerBlock = bound > 0 ? bound : max_threads;
  attributes->sharedSizeBytes = fixed;
  attributes->numRegs = 32;
  attributes->ptxVersion = attributes->binaryVersion = 90;
  attributes->maxDynamicSharedSizeBytes = int(shared_limit(kernel));
  return result(cudaSuccess);
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* kernel, int block_size,
                                                          std::size_t dynamic_shared_bytes) {
  if (blocks == nullptr || block_size <= 0) return result(cudaErrorInvalidValue);
  note_size_asked();
  if (kernel == nullptr) return result(cudaErrorInvalidDeviceFunction);
  *blocks = 0;
  if (block_size > max_threads || dynamic_shared_bytes > shared_limit(kernel)) return result(cudaSuccess);
  const auto [fixed, bound, cluster] = kernel_limits(kernel);
  if (bound > 0 && block_size > bound) return result(cudaSuccess);
  *blocks = blocks_per_multiprocessor(block_size, fixed + dynamic_shared_bytes);
  return result(cudaSuccess);
}

cudaError_t cudaFuncSetCacheConfig(const void* kernel, cudaFuncCache config) {
  if (kernel == nullptr) return result(cudaErrorInvalidDeviceFunction);
  const bool known = config >= cudaFuncCachePreferNone && config <= cudaFuncCachePreferEqual;
  return result(known ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaOccupancyMaxPotentialBlockSize(int* grid_size, int* block_size, const void* kernel,
                                               std::size_t dynamic_shared_bytes, int limit) {
  if (grid_size == nullptr || block_size == nullptr) return result(cudaErrorInvalidValue);
  int best = 0;
  for (int threads = limit > 0 ? std::min(limit, max_threads) / 32 * 32 : max_threads; threads > 0;
       threads -= 32) {
    int blocks = 0;
    const auto error =
        cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, threads, dynamic_shared_bytes);
    if (error != cudaSuccess) return error;
    if (blocks * threads <= best) continue;
    best = blocks * threads;
    *block_size = threads;
    *grid_size = blocks * multiprocessors;
  }
  return result(best > 0 ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaLaunchKernel(const void* kernel, dim3 grid, dim3 block, void** args,
                             std::size_t dynamic_shared_bytes, cudaStream_t stream) {
  auto body = bind_arguments(kernel, args);
  if (!body)
    return refuse(cudaErrorInvalidDeviceFunction, "the types of the kernel's parameters are not known");
  return launch({grid, block, dynamic_shared_bytes, stream, nullptr, 0}, kernel, std::move(body));
}

cudaError_t cudaLaunchCooperativeKernel(const void* kernel, dim3 grid, dim3 block, void** args,
                                        std::size_t dynamic_shared_bytes, cudaStream_t stream) {
  auto body = bind_arguments(kernel, args);
  if (!body)
    return refuse(cudaErrorInvalidDeviceFunction, "the types of the kernel's parameters are not known");
  cudaLaunchAttribute cooperative{};
  cooperative.id = cudaLaunchAttributeCooperative;
  cooperative.val.cooperative = 1;
  return launch({grid, block, dynamic_shared_bytes, stream, &cooperative, 1}, kernel, std::move(body));
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* kernel, void** args) {
  if (config == nullptr) return result(cudaErrorInvalidValue);
  auto body = bind_arguments(kernel, args);
  if (!body)
    return refuse(cudaErrorInvalidDeviceFunction, "the types of the kernel's parameters are not known");
  return launch(*config, kernel, std::move(body));
}

cudaError_t cudaOccupancyMaxPotentialClusterSize(int* size, const void* kernel, const cudaLaunchConfig_t*) {
  if (size == nullptr || kernel == nullptr) return result(cudaErrorInvalidValue);
  *size = int(kernels_with_large_clusters().contains(kernel) ? largest_cluster : portable_cluster);
  return result(cudaSuccess);
}

cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, const void* kernel,
                                           const cudaLaunchConfig_t* config) {
  if (clusters == nullptr || kernel == nullptr || config == nullptr) return result(cudaErrorInvalidValue);
  dim3 size;
  if (const cudaError_t error = find_cluster(*config, kernel, size); error != cudaSuccess)
    return result(error);
  int blocks = 0;
  const auto [x, y, z] = uint3(config->blockDim);
  const auto error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, int(x * y * z),
                                                                   config->dynamicSmemBytes);
  *clusters = blocks * multiprocessors / int(size.x * size.y * size.z);
  return result(error);
}
