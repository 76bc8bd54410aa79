// Ends programs that simt++ compiled: prints the report, how to replay it, and exits as compute-sanitizer's
// --error-exitcode does. A call that failed is reported too, and the
// program continues with its error code.
#include "report/ending.h"

#include <execinfo.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "machine/block.h"
#include "machine/choices.h"
#include "report/profile.h"
#include "runtime/runtime.h"
#include "simt/launch.h"

namespace simt {
namespace {

std::atomic<bool> wanted = false;

constexpr int usual_exit_code = 66;  // ThreadSanitizer's

const char* name_of(Check check) {
  constexpr const char* names[] = {"race", "bounds", "init", "sync", "order", "leak", "api"};
  return names[int(check)];
}

std::atomic<std::uint64_t> reported = 0;

// Returns the innermost line of code that is not the emulator's own, which has no line numbers.
std::string caller() {
  void* frames[24];
  const int count = ::backtrace(frames, int(std::size(frames)));
  for (int i = 1; i < count; ++i)
    if (const std::string place = describe_place(frames[i]); !place.starts_with("code offset")) return place;
  return {};
}

// Ends a program that would report success although a fault was reported.
void end_with_error(int status, void*) {
  std::fflush(nullptr);
  if (status == 0) std::_Exit(error_exit_code());
}

}  // namespace

int error_exit_code() {
  const char* text = std::getenv("SIMT_ERROR_EXITCODE");
  return text != nullptr ? std::atoi(text) : usual_exit_code;
}

bool ends_programs() { return wanted; }

bool is_wanted(Check check) { return std::getenv("SIMT_CHECK") == nullptr || is_listed(check); }

bool is_listed(Check which) {
  static const char* const list = std::getenv("SIMT_CHECK");
  if (list == nullptr) return false;
  const char* const check = name_of(which);
  const std::size_t length = std::strlen(check);
  for (const char* at = std::strstr(list, check); at != nullptr; at = std::strstr(at + 1, check))
    if ((at == list || at[-1] == ',') && (at[length] == '\0' || at[length] == ',')) return true;
  return false;
}

bool end_at_violation(bool on) {
  allow_float_atomics(on);
  if (on && !wanted) start_profile_file();
  wanted = on;
  return on;
}

void report(Check check, const std::string& text) {
  std::uint64_t version = 0;
  const unsigned long long seed = current_seed(&version);
  const int late = is_late() ? 1 : 0;
  const char* const only = std::getenv("SIMT_SWITCHES");
  std::fprintf(
      stderr, "simt: %s: %s\nsimt: replay it with simt-run --replay %llu (SIMT_SEED=%llu SIMT_LATE=%d%s%s)\n",
      name_of(check), text.c_str(), static_cast<unsigned long long>(replay_number(seed, late == 1)), seed,
      late, only == nullptr ? "" : " SIMT_SWITCHES=", only == nullptr ? "" : only);
  const char* const path = std::getenv("SIMT_REPORT");
  std::FILE* const file = path != nullptr ? std::fopen(path, "a") : nullptr;
  if (file == nullptr) return;
  std::fprintf(file, "%s\t%llu\t%d\t%llu\t%s\n", name_of(check), seed, late,
               static_cast<unsigned long long>(choices), text.c_str());
  std::fclose(file);
}

void end_if_wanted(Check check, const std::string& text) {
  if (!wanted) return;
  std::fflush(stdout);
  report(check, text);
  write_profile_file();
  std::_Exit(error_exit_code());
}

bool reports_use() {
  static const char* const text = std::getenv("SIMT_API");
  return text != nullptr ? std::string_view(text) != "0" : bool(wanted);
}

void report_use(Check check, const std::string& text) {
  if (!reports_use() || !is_wanted(check)) return;
  if (reported++ == 0) ::on_exit(end_with_error, nullptr);
  const std::string place = caller();
  std::fflush(stdout);
  report(check, text + (place.empty() ? "" : " (" + place + ")"));
}

std::uint64_t reported_uses() { return reported; }

}  // namespace simt
