// Implements cuFFT: transforms along each axis, by halving even lengths and by the definition for odd ones.
#include <cufft.h>

#include <cmath>
#include <complex>
#include <map>

#include "libraries/blas.h"
#include "report/ending.h"
#include "runtime/runtime.h"

namespace simt {
namespace {

using Complex = std::complex<double>;

struct Plan {
  std::vector<int> sizes;  // the last axis is contiguous
  cufftType type;
  int batch;
  cudaStream_t stream = nullptr;

  std::int64_t count() const {
    std::int64_t n = 1;
    for (const int size : sizes) n *= size;
    return n;
  }
  std::int64_t half_count() const { return count() / sizes.back() * (sizes.back() / 2 + 1); }
};

std::map<cufftHandle, Plan>& plans() {
  static auto* const instance = new std::map<cufftHandle, Plan>;
  return *instance;
}

cufftResult status_of(cufftResult status, const char* call, const char* why) {
  if (status != CUFFT_SUCCESS)
    report_use(Check::api, std::string(call) + ": status " + std::to_string(int(status)) + ": " + why);
  return status;
}

cufftResult make(cufftHandle* handle, std::vector<int> sizes, cufftType type, int batch, const char* call) {
  const std::lock_guard lock(runtime_mutex());
  static cufftHandle next = 0;
  if (handle == nullptr) return status_of(CUFFT_INVALID_VALUE, call, "the plan is null");
  for (const int size : sizes)
    if (size < 1) return status_of(CUFFT_INVALID_SIZE, call, "a size is below 1");
  if (batch < 1) return status_of(CUFFT_INVALID_SIZE, call, "the batch is below 1");
  if (refuse_unsafe() != cudaSuccess)
    return status_of(CUFFT_ALLOC_FAILED, call, "a capture does not permit it");
  plans()[*handle = ++next] = {std::move(sizes), type, batch};
  return CUFFT_SUCCESS;
}

// Transforms n values at a stride.
void transform(Complex* x, std::size_t n, std::size_t stride, double sign) {
  if (n == 1) return;
  std::vector<Complex> values(n);
  if (n % 2 == 0) {
    std::vector<Complex> even(n / 2), odd(n / 2);
    for (std::size_t i = 0; i < n / 2; ++i) even[i] = x[2 * i * stride], odd[i] = x[(2 * i + 1) * stride];
    transform(even.data(), n / 2, 1, sign);
    transform(odd.data(), n / 2, 1, sign);
    for (std::size_t k = 0; k < n / 2; ++k) {
      const Complex turned = std::polar(1.0, sign * 2 * M_PI * double(k) / double(n)) * odd[k];
      x[k * stride] = even[k] + turned;
      x[(k + n / 2) * stride] = even[k] - turned;
    }
    return;
  }
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t i = 0; i < n; ++i)
      values[k] += x[i * stride] * std::polar(1.0, sign * 2 * M_PI * double(i * k % n) / double(n));
  for (std::size_t k = 0; k < n; ++k) x[k * stride] = values[k];
}

// Transforms a packed array along all of its axes.
void transform_all(std::vector<Complex>& x, const std::vector<int>& sizes, double sign) {
  std::size_t inner = x.size();
  std::size_t outer = 1;
  for (const int size : sizes) {
    inner /= std::size_t(size);
    for (std::size_t o = 0; o < outer; ++o)
      for (std::size_t i = 0; i < inner; ++i)
        transform(x.data() + o * inner * std::size_t(size) + i, std::size_t(size), inner, sign);
    outer *= std::size_t(size);
  }
}

// Returns the place of (.., k) mirrored in all axes, for the half that a real transform leaves out.
std::size_t mirrored(std::size_t at, const std::vector<int>& sizes) {
  std::size_t result = 0, unit = 1;
  for (auto size = sizes.rbegin(); size != sizes.rend(); ++size) {
    const std::size_t n = std::size_t(*size), k = at % n;
    result += (n - k) % n * unit;
    unit *= n;
    at /= n;
  }
  return result;
}

Matrix array(const void* data, std::int64_t reals, bool wide) {
  return {data, wide ? CUDA_R_64F : CUDA_R_32F, reals, 1, reals, false};
}

struct Call {
  const char* name;
  cufftType type;
  bool real_in, real_out, wide;
};

template <class R>
void run(const Plan& plan, const Call& call, const R* in, R* out, double sign) {
  const std::int64_t n = plan.count(), half = plan.half_count(), last = plan.sizes.back();
  const std::int64_t from = call.real_in ? n : call.real_out ? 2 * half : 2 * n;
  const std::int64_t to = call.real_out ? n : call.real_in ? 2 * half : 2 * n;
  read_matrix(array(in, from * plan.batch, call.wide), call.name, "the input");
  write_matrix(array(out, to * plan.batch, call.wide), call.name, "the output");
  std::vector<R> source(in, in + from * plan.batch);
  for (int b = 0; b < plan.batch; ++b) {
    const R* const x = source.data() + b * from;
    R* const y = out + b * to;
    std::vector<Complex> values(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t k = i % last, row = i / last;
      const std::int64_t at = row * (last / 2 + 1) + k;
      if (call.real_in)
        values[std::size_t(i)] = double(x[i]);
      else if (!call.real_out)
        values[std::size_t(i)] = {double(x[2 * i]), double(x[2 * i + 1])};
      else if (k <= last / 2)
        values[std::size_t(i)] = {double(x[2 * at]), double(x[2 * at + 1])};
    }
    if (call.real_out)
      for (std::size_t i = 0; i < std::size_t(n); ++i)
        if (std::int64_t(i) % last > last / 2) values[i] = std::conj(values[mirrored(i, plan.sizes)]);
    transform_all(values, plan.sizes, sign);
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t k = i % last, at = call.real_in ? i / last * (last / 2 + 1) + k : i;
      const Complex value = values[std::size_t(i)];
      if (call.real_out) {
        y[i] = R(value.real());
      } else if (!call.real_in || k <= last / 2) {
        y[2 * at] = R(value.real());
        y[2 * at + 1] = R(value.imag());
      }
    }
  }
}

template <class R>
cufftResult execute(cufftHandle handle, const Call& call, const void* in, void* out, double sign) {
  const std::lock_guard lock(runtime_mutex());
  const auto found = plans().find(handle);
  if (found == plans().end())
    return status_of(CUFFT_INVALID_PLAN, call.name, "the plan does not exist, or was destroyed");
  if (found->second.type != call.type)
    return status_of(CUFFT_INVALID_TYPE, call.name, "the plan is of another type");
  if (in == nullptr || out == nullptr) return status_of(CUFFT_INVALID_VALUE, call.name, "an array is null");
  if (refuse_queueing(found->second.stream) != cudaSuccess)
    return status_of(CUFFT_EXEC_FAILED, call.name, "the capture of a stream does not permit it");
  log_library_call(call.name);
  enqueue(found->second.stream, {.kind = Piece::Kind::library, .name = call.name}, [=, plan = found->second] {
    run(plan, call, static_cast<const R*>(in), static_cast<R*>(out), sign);
  });
  return CUFFT_SUCCESS;
}

}  // namespace
}  // namespace simt

using namespace simt;

cufftResult cufftPlan1d(cufftHandle* plan, int n, cufftType type, int batch) {
  return make(plan, {n}, type, batch, "cufftPlan1d");
}
cufftResult cufftPlan2d(cufftHandle* plan, int rows, int columns, cufftType type) {
  return make(plan, {rows, columns}, type, 1, "cufftPlan2d");
}
cufftResult cufftPlan3d(cufftHandle* plan, int planes, int rows, int columns, cufftType type) {
  return make(plan, {planes, rows, columns}, type, 1, "cufftPlan3d");
}
cufftResult cufftPlanMany(cufftHandle* plan, int rank, int* n, int* in_embed, int in_stride, int,
                          int* out_embed, int out_stride, int, cufftType type, int batch) {
  if (rank < 1 || rank > 3 || n == nullptr)
    return status_of(CUFFT_INVALID_SIZE, "cufftPlanMany", "wrong rank");
  if ((in_embed != nullptr && in_stride != 1) || (out_embed != nullptr && out_stride != 1))
    return status_of(CUFFT_NOT_SUPPORTED, "cufftPlanMany", "only packed data are supported");
  return make(plan, std::vector<int>(n, n + rank), type, batch, "cufftPlanMany");
}
cufftResult cufftDestroy(cufftHandle plan) {
  if (plans().erase(plan) == 0)
    return status_of(CUFFT_INVALID_PLAN, "cufftDestroy", "the plan does not exist");
  return CUFFT_SUCCESS;
}
cufftResult cufftSetStream(cufftHandle plan, cudaStream_t stream) {
  const auto found = plans().find(plan);
  if (found == plans().end() || !is_stream(stream))
    return status_of(CUFFT_INVALID_PLAN, "cufftSetStream", "the plan or the stream does not exist");
  found->second.stream = stream;
  return CUFFT_SUCCESS;
}
cufftResult cufftExecC2C(cufftHandle plan, cufftComplex* in, cufftComplex* out, int direction) {
  return execute<float>(plan, {"cufftExecC2C", CUFFT_C2C, false, false, false}, in, out, direction);
}
cufftResult cufftExecZ2Z(cufftHandle plan, cufftDoubleComplex* in, cufftDoubleComplex* out, int direction) {
  return execute<double>(plan, {"cufftExecZ2Z", CUFFT_Z2Z, false, false, true}, in, out, direction);
}
cufftResult cufftExecR2C(cufftHandle plan, cufftReal* in, cufftComplex* out) {
  return execute<float>(plan, {"cufftExecR2C", CUFFT_R2C, true, false, false}, in, out, CUFFT_FORWARD);
}
cufftResult cufftExecC2R(cufftHandle plan, cufftComplex* in, cufftReal* out) {
  return execute<float>(plan, {"cufftExecC2R", CUFFT_C2R, false, true, false}, in, out, CUFFT_INVERSE);
}
cufftResult cufftExecD2Z(cufftHandle plan, cufftDoubleReal* in, cufftDoubleComplex* out) {
  return execute<double>(plan, {"cufftExecD2Z", CUFFT_D2Z, true, false, true}, in, out, CUFFT_FORWARD);
}
cufftResult cufftExecZ2D(cufftHandle plan, cufftDoubleComplex* in, cufftDoubleReal* out) {
  return execute<double>(plan, {"cufftExecZ2D", CUFFT_Z2D, false, true, true}, in, out, CUFFT_INVERSE);
}
cufftResult cufftGetVersion(int* version) {
  if (version == nullptr) return CUFFT_INVALID_VALUE;
  *version = 12000;
  return CUFFT_SUCCESS;
}
