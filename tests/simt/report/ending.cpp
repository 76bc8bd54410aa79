// Ends programs that simt++ compiled: prints the report, how to replay it, and exits as compute-sanitizer's
// --error-exitcode does.
#include "report/ending.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
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
    {"data race", "race"},
    {"barrier divergence", "sync"},
    {"deadlock", "sync"},
    {"lane", "sync"},
    {"mask", "sync"},
    {"collective", "sync"},
    {"never written", "init"},
    {"never set", "init"},
    {"out of bounds", "bounds"},
    {"null pointer", "bounds"},
    {"host memory", "bounds"},
    {"misaligned", "bounds"},
    {"never freed", "leak"},
    {"host", "order"},
    {"freed", "order"},
};

int exit_code() {
  const char* text = std::getenv("SIMT_ERROR_EXITCODE");
  return text != nullptr ? std::atoi(text) : usual_exit_code;
}

}  // namespace

const char* check_of(const std::string& text) {
  for (const Sign& sign : signs)
    if (text.find(sign.part) != std::string::npos) return sign.check;
  return "api";
}

bool end_at_violation(bool on) {
  allow_float_atomics(on);
  wanted = on;
  return on;
}

void end_if_wanted(const std::string& text) {
  if (!wanted) return;
  std::fflush(stdout);
  std::uint64_t version = 0;
  std::fprintf(stderr, "simt: %s: %s\nsimt: replay it with SIMT_SEED=%llu SIMT_LATE=%d\n", check_of(text),
               text.c_str(), static_cast<unsigned long long>(current_seed(&version)), int(is_late()));
  std::_Exit(exit_code());
}

}  // namespace simt
