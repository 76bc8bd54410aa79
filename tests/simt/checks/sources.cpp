// Implements chains of calls by frame pointers, and looks into the source for returns.
#include "checks/sources.h"

#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <regex>
#include <unordered_map>
#include <vector>

#include "checks/watch.h"

namespace simt {
namespace {

constexpr std::size_t most_frames = 16;

using Chain = std::vector<const void*>;

struct Chains {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, Chain> known;
  std::map<std::pair<std::uint64_t, std::uint64_t>, bool> same;
};
Chains& chains() {
  static auto* const instance = new Chains;
  return *instance;
}

Chain chain_of(std::uint64_t calls) {
  const std::lock_guard lock(chains().mutex);
  const auto found = chains().known.find(calls);
  return found == chains().known.end() ? Chain() : found->second;
}

std::vector<std::string> lines_of(const void* address) { return lines_at(short_place(address)); }

// Returns whether two return addresses belong to one call in the source. The compiler copies calls, for
// example into both sides of a condition; a copy keeps its line and column, and those of the calls that it is
// inlined in.
bool is_one_call(const void* a, const void* b) {
  if (a == b) return true;
  const std::uint32_t x = short_place(a) - 1, y = short_place(b) - 1;
  return lines_at(x) == lines_at(y) && columns_at(x) == columns_at(y);
}

struct Line {
  std::string file;
  int number = 0;
};
Line parse(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return {};
  return {text.substr(0, colon), std::atoi(text.c_str() + colon + 1)};
}

// Returns whether the lines [first, last] hold `return;`, outside comments.
bool has_return(const std::string& file, int first, int last) {
  std::ifstream in(file);
  if (!in) return true;
  std::string text, line;
  for (int number = 1; number <= last && std::getline(in, line); ++number) {
    if (number < first) continue;
    text += line.substr(0, line.find("//")) + "\n";
  }
  text = std::regex_replace(text, std::regex(R"(/\*[^*]*\*+([^/*][^*]*\*+)*/)"), "");
  return std::regex_search(text, std::regex(R"(\breturn\s*;)"));
}

bool search_return(const void* kernel, Where where, std::uint64_t calls) {
  const auto start_lines = lines_of(static_cast<const char*>(kernel) + 1);
  if (start_lines.empty()) return true;
  const auto name = [](const std::string& path) { return path.substr(path.rfind('/') + 1); };
  const Line start = parse(start_lines.back());
  Line wait = {where.file, where.line};
  if (const Chain chain = chain_of(calls); chain.size() > 1) {
    // The last address is in the launch's code, the one before in the kernel.
    // A kernel that the compiler split names its own first line last.
    const auto lines = lines_of(static_cast<const char*>(chain[chain.size() - 2]) - 1);
    for (const std::string& text : lines)
      if (const Line line = parse(text); name(line.file) == name(start.file)) {
        wait = line;
        break;
      }
  }
  if (name(wait.file) != name(start.file) || wait.number < start.number) return true;
  return has_return(start.file, start.number, wait.number);
}

}  // namespace

std::uint64_t calls_from(const void* frame, const void* end) {
  if (!watched || end == nullptr) return 0;
  const void* chain[most_frames];
  std::size_t count = 0;
  std::uint64_t hash = 0;
  for (auto at = static_cast<const void* const*>(frame); at < end && count < most_frames;) {
    chain[count++] = at[1];
    hash = (hash ^ reinterpret_cast<std::uintptr_t>(at[1])) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
    const auto* const next = static_cast<const void* const*>(at[0]);
    if (next <= at) break;
    at = next;
  }
  thread_local std::uint64_t latest = 0;
  if (hash == latest) return hash;
  latest = hash;
  const std::lock_guard lock(chains().mutex);
  auto& known = chains().known[hash];
  if (known.empty()) known.assign(chain, chain + count);
  return hash;
}

bool is_same_call(std::uint64_t a, std::uint64_t b) {
  if (a == b) return true;
  {
    const std::lock_guard lock(chains().mutex);
    const auto found = chains().same.find({a, b});
    if (found != chains().same.end()) return found->second;
  }
  const Chain x = chain_of(a), y = chain_of(b);
  bool same = x.size() == y.size();
  for (std::size_t i = 0; same && i < x.size(); ++i) same = is_one_call(x[i], y[i]);
  const std::lock_guard lock(chains().mutex);
  return chains().same[{a, b}] = same;
}

std::string describe_calls(std::uint64_t calls) {
  std::string text;
  const Chain chain = chain_of(calls);
  for (std::size_t i = 0; i + 1 < chain.size(); ++i)
    text += (i == 0 ? "" : ", called at ") + describe_place(chain[i]);
  return text;
}

bool may_return_before(const void* kernel, Where where, std::uint64_t calls) {
  const char* const exited = std::getenv("SIMT_EXITED");
  if (exited != nullptr && std::string(exited) == "arrive") return true;
  if (exited != nullptr && std::string(exited) == "refuse") return false;
  static std::mutex mutex;
  static std::map<std::pair<const void*, std::uint64_t>, bool> cache;
  const std::lock_guard lock(mutex);
  const auto [found, fresh] = cache.try_emplace({kernel, calls ^ std::uint64_t(where.line)}, true);
  if (fresh) found->second = search_return(kernel, where, calls);
  return found->second;
}

}  // namespace simt
