// Implements the runtime's errors: the last one, their names, and their report.
#include <cstdlib>
#include <iterator>
#include <string>
#include <utility>

#include "report/ending.h"
#include "runtime/runtime.h"

namespace simt {
namespace {

thread_local cudaError_t last_error = cudaSuccess;
thread_local bool host_function = false;

struct ErrorText {
  cudaError_t error;
  const char *name, *text;
};
#define SIMT_ROW(name, value, text) {name, #name, text},
constexpr ErrorText error_texts[] = {SIMT_CUDA_ERRORS(SIMT_ROW)};
#undef SIMT_ROW

const ErrorText* text_of(cudaError_t error) {
  for (const ErrorText& t : error_texts)
    if (t.error == error) return &t;
  return nullptr;
}

// Returns `cudaMalloc` from `cudaError_t cudaMalloc(void**, std::size_t)`.
std::string name_of(const ApiCall& call) {
  const std::string text = call.function_name();
  const std::size_t end = text.find('('), begin = text.find_last_of(" :*&", end);
  return text.substr(begin + 1, end - begin - 1);
}

// Codes that a program asks for: a poll that is not done, memory that does not suffice.
bool is_answer(cudaError_t error) {
  return error == cudaErrorNotReady || error == cudaErrorMemoryAllocation ||
         error == cudaErrorPeerAccessAlreadyEnabled;
}

}  // namespace

cudaError_t refuse(cudaError_t error, const std::string& why, const ApiCall& call) {
  if (error == cudaSuccess) return error;
  last_error = error;
  if (!is_answer(error) && reports_use())
    report_use(Check::api, name_of(call) + ": " + cudaGetErrorName(error) + " (" + cudaGetErrorString(error) +
                               ")" + (why.empty() ? "" : ": " + why));
  return error;
}

cudaError_t result(cudaError_t error, const ApiCall& call) {
  if (!host_function) return refuse(error, "", call);
  return refuse(cudaErrorNotPermitted, "a host function on a stream may not call CUDA", call);
}

void call_host(const std::function<void()>& function) {
  host_function = true;
  function();
  host_function = false;
}
bool in_host_function() { return host_function; }

}  // namespace simt

using namespace simt;

const char* cudaGetErrorName(cudaError_t error) {
  const auto* found = text_of(error);
  return found != nullptr ? found->name : "unrecognized error code";
}
const char* cudaGetErrorString(cudaError_t error) {
  const auto* found = text_of(error);
  return found != nullptr ? found->text : "unrecognized error code";
}
cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last_error; }
