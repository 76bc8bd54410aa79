// Ends programs that simt++ compiled: prints the report, how to replay it, and exits as compute-sanitizer's
// --error-exitcode does. A failed call that the program never looked at is a report too.
#include "report/ending.h"

#include <execinfo.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "machine/block.h"
#include "runtime/runtime.h"
#include "simt/launch.h"

namespace simt {
namespace {

std::atomic<bool> wanted = false;

constexpr int usual_exit_code = 66;  // ThreadSanitizer's

struct Sign {
  std::string_view part;
  const char* check;
};
// The first that occurs in a message decides.
constexpr Sign signs[] = {
    {"data race", "race"},      {"barrier divergence", "sync"},
    {"deadlock", "sync"},       {"time limit", "sync"},
    {"lane", "sync"},           {"mask", "sync"},
    {"collective", "sync"},     {"never written", "init"},
    {"never set", "init"},      {"never freed", "leak"},
    {"never looked at", "api"}, {"out of bounds", "bounds"},
    {"null pointer", "bounds"}, {"host memory", "bounds"},
    {"misaligned", "bounds"},   {"host", "order"},
    {"freed", "order"},
};

int exit_code() {
  const char* text = std::getenv("SIMT_ERROR_EXITCODE");
  return text != nullptr ? std::atoi(text) : usual_exit_code;
}

// Guarded by runtime_mutex().
struct Unseen {
  cudaError_t error = cudaSuccess;
  void* frames[24] = {};
  int count = 0;
  bool at_exit = false;
};
Unseen& unseen() {
  static Unseen instance;
  return instance;
}

// Returns the first line of the program's own on the stack, because the emulator has no line numbers.
std::string place_of(const Unseen& call) {
  for (int i = 0; i < call.count; ++i)
    if (const std::string place = describe_place(call.frames[i]); !place.starts_with("code offset"))
      return place;
  return "an unknown place";
}

void report_unseen(int status, void*) {
  const Unseen call = unseen();
  if (call.error == cudaSuccess) return;
  const std::string text = std::string(cudaGetErrorName(call.error)) + " (" + cudaGetErrorString(call.error) +
                           ") at " + place_of(call) + " was never looked at";
  std::fflush(nullptr);
  report(text);
  if (status == 0) std::_Exit(exit_code());
}

}  // namespace

const char* check_of(const std::string& text) {
  for (const Sign& sign : signs)
    if (text.find(sign.part) != std::string::npos) return sign.check;
  return "api";
}

bool is_wanted(const char* check) {
  static const char* const list = std::getenv("SIMT_CHECK");
  if (list == nullptr) return true;
  const std::size_t length = std::strlen(check);
  for (const char* at = std::strstr(list, check); at != nullptr; at = std::strstr(at + 1, check))
    if ((at == list || at[-1] == ',') && (at[length] == '\0' || at[length] == ',')) return true;
  return false;
}

bool end_at_violation(bool on) {
  allow_float_atomics(on);
  wanted = on;
  return on;
}

void report(const std::string& text) {
  std::uint64_t version = 0;
  const unsigned long long seed = current_seed(&version);
  const int late = is_late() ? 1 : 0;
  std::fprintf(stderr,
               "simt: %s: %s\nsimt: replay it with simt-run --replay %llu (SIMT_SEED=%llu SIMT_LATE=%d)\n",
               check_of(text), text.c_str(), 2 * seed + unsigned(late), seed, late);
  const char* const path = std::getenv("SIMT_REPORT");
  std::FILE* const file = path != nullptr ? std::fopen(path, "a") : nullptr;
  if (file == nullptr) return;
  std::fprintf(file, "%s\t%llu\t%d\t%s\n", check_of(text), seed, late, text.c_str());
  std::fclose(file);
}

void end_if_wanted(const std::string& text) {
  if (!wanted) return;
  std::fflush(stdout);
  report(text);
  std::_Exit(exit_code());
}

void note_error(cudaError_t error) {
  if (!wanted || !is_wanted("api")) return;
  const std::lock_guard lock(runtime_mutex());
  Unseen& call = unseen();
  call.error = error;
  call.count = ::backtrace(call.frames, int(std::size(call.frames)));
  if (!call.at_exit) ::on_exit(report_unseen, nullptr);
  call.at_exit = true;
}

void error_was_seen() {
  if (!wanted) return;
  const std::lock_guard lock(runtime_mutex());
  unseen().error = cudaSuccess;
}

}  // namespace simt
