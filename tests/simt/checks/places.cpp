// Knows the program's own layout: constant data, thread-local memory, static shared variables, variables of
// the device, launch bounds, lines of code.
#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

#include "checks/globals.h"
#include "checks/watch.h"

namespace simt {
namespace {

struct Range {
  std::uintptr_t begin, end;
};

struct Variable {
  std::uintptr_t begin, end;  // offsets in thread-local memory
  std::string symbol;
};

// Describes only the program itself, because no shared library has kernels.
struct Program {
  std::uintptr_t bias = 0;
  std::size_t thread_local_bytes = 0;
  std::vector<Range> constant;
  std::vector<Range> device_sections;
  std::vector<Range> bounded;       // code before kernels with launch bounds, see launch_bound
  std::vector<Variable> variables;  // by offset
  std::vector<Range> guards;        // offsets in thread-local memory
  std::vector<Range> red_zones;     // likewise
  std::vector<Global> globals;      // by address
};

int read_segments(dl_phdr_info* info, std::size_t, void* data) {
  auto& program = *static_cast<Program*>(data);
  program.bias = info->dlpi_addr;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    const std::uintptr_t start = info->dlpi_addr + segment.p_vaddr;
    const bool relocated = segment.p_type == PT_GNU_RELRO;
    if ((segment.p_type == PT_LOAD && (segment.p_flags & PF_W) == 0) || relocated)
      program.constant.push_back({start, start + segment.p_memsz});
    if (segment.p_type == PT_TLS) program.thread_local_bytes = segment.p_memsz;
  }
  return 1;  // the program comes first
}

// Sorts the sections into which qualifiers.h puts what the device uses.
void read_sections(const char* image, Program& program) {
  const auto& header = *reinterpret_cast<const ElfW(Ehdr)*>(image);
  const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(image + header.e_shoff);
  const char* names = image + sections[header.e_shstrndx].sh_offset;
  for (unsigned s = 0; s < header.e_shnum; ++s) {
    const std::string name = names + sections[s].sh_name;
    const std::uintptr_t begin = program.bias + sections[s].sh_addr, end = begin + sections[s].sh_size;
    if (name.starts_with(".noinit") || name.starts_with(".persistent"))
      program.device_sections.push_back({begin, end});
    if (name == "__patchable_function_entries") program.bounded.push_back({begin, end});
  }
}

bool inside(const std::vector<Range>& ranges, std::uintptr_t at) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [=](const Range& range) { return at >= range.begin && at < range.end; });
}

// Takes thread-local variables of functions (`_ZZ`), which a kernel uses only if they are __shared__, and
// those of the device. The emulator's own variables are neither. A red zone is beside each.
void read_symbol(const ElfW(Sym) & symbol, const std::string& name, Program& program) {
  const auto type = symbol.st_info & 0xf;
  if (type == STT_TLS && name.starts_with("_ZZ") && !name.starts_with("_ZZN4simt")) {
    const std::uintptr_t end = symbol.st_value + symbol.st_size;
    if (name.find("simt_red_zone_") != std::string::npos)
      program.red_zones.push_back({symbol.st_value, end});
    else
      program.variables.push_back({symbol.st_value, end, name});
  }
  if (type == STT_TLS && name.starts_with("_ZGV") && !name.starts_with("_ZGVZN4simt"))
    program.guards.push_back({symbol.st_value, symbol.st_value + symbol.st_size});
  const std::uintptr_t at = program.bias + symbol.st_value;
  const bool managed = name.find("B7managed") != std::string::npos;
  if (type == STT_OBJECT && symbol.st_size > 0 && (managed || inside(program.device_sections, at)))
    program.globals.push_back({at, at + symbol.st_size, name, managed});
}

void read_symbols(const char* image, Program& program) {
  const auto& header = *reinterpret_cast<const ElfW(Ehdr)*>(image);
  const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(image + header.e_shoff);
  for (unsigned s = 0; s < header.e_shnum; ++s) {
    if (sections[s].sh_type != SHT_SYMTAB) continue;
    const auto* symbols = reinterpret_cast<const ElfW(Sym)*>(image + sections[s].sh_offset);
    const char* names = image + sections[sections[s].sh_link].sh_offset;
    for (std::size_t i = 0; i < sections[s].sh_size / sizeof(ElfW(Sym)); ++i)
      read_symbol(symbols[i], names + symbols[i].st_name, program);
  }
  const auto by_start = [](const auto& a, const auto& b) { return a.begin < b.begin; };
  std::sort(program.variables.begin(), program.variables.end(), by_start);
  std::sort(program.globals.begin(), program.globals.end(), by_start);
}

Program read_program() {
  Program program;
  ::dl_iterate_phdr(read_segments, &program);
  const int file = ::open("/proc/self/exe", O_RDONLY);
  struct stat info = {};
  if (file >= 0 && ::fstat(file, &info) == 0) {
    void* image = ::mmap(nullptr, std::size_t(info.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    if (image != MAP_FAILED) {
      read_sections(static_cast<const char*>(image), program);
      read_symbols(static_cast<const char*>(image), program);
      ::munmap(image, std::size_t(info.st_size));
    }
  }
  if (file >= 0) ::close(file);
  return program;
}

const Program& program() {
  static const Program& instance = *new Program(read_program());
  return instance;
}

int read_own_thread_local(dl_phdr_info* info, std::size_t, void* data) {
  *static_cast<std::uintptr_t*>(data) = reinterpret_cast<std::uintptr_t>(info->dlpi_tls_data);
  return 1;
}

std::uintptr_t thread_local_start() {
  thread_local std::uintptr_t start = 0;
  if (start == 0) ::dl_iterate_phdr(read_own_thread_local, &start);
  return start;
}

// Returns the variable's own name, without namespaces, functions and tags.
std::string demangled(const std::string& symbol) {
  int status = 0;
  char* text = abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status);
  std::string name = status == 0 ? text : symbol;
  std::free(text);
  if (const auto tag = name.find("[abi:"); tag != std::string::npos) name.erase(tag);
  return name.substr(name.rfind(':') + 1);
}

std::string file_name(const std::string& line) {
  const std::string place = line.substr(line.rfind('/') + 1);
  return place.substr(0, place.find(' '));
}

// Joins the lines around the place, from the innermost out, without the emulator's own.
std::string joined_lines(std::uint32_t place) {
  std::string text;
  int lines = 0;
  for (const std::string& line : lines_at(place))
    if (line.find("simt/include/") == std::string::npos && lines++ < 4)
      text += (text.empty() ? "" : ", called at ") + file_name(line);
  return text;
}

}  // namespace

void own_thread_local(std::uintptr_t* begin, std::size_t* bytes) {
  *begin = thread_local_start();
  *bytes = program().thread_local_bytes;
}

bool in_device_section(std::uintptr_t at) { return inside(program().device_sections, at); }

bool is_guard_variable(std::uintptr_t at) { return inside(program().guards, at - thread_local_start()); }

bool is_red_zone(std::uintptr_t at) { return inside(program().red_zones, at - thread_local_start()); }

bool is_constant_data(std::uintptr_t at) { return inside(program().constant, at); }

const std::vector<Global>& device_variables() { return program().globals; }

std::string name_of(const Global& variable) { return demangled(variable.symbol); }

namespace {

// A variable's symbol holds that of its function: _ZZ6kernelPfE4tile is `tile` of _Z6kernelPf.
bool declares(const std::string& kernel_symbol, const Variable& variable) {
  return kernel_symbol.starts_with("_Z") && variable.symbol.starts_with("_Z" + kernel_symbol.substr(1) + "E");
}

std::size_t static_shared_bytes(const std::string& kernel_symbol) {
  std::size_t bytes = 0;
  for (const Variable& variable : program().variables)
    if (declares(kernel_symbol, variable)) bytes += variable.end - variable.begin;
  return bytes;
}

// Qualifiers.h asks the compiler for as many one-byte instructions (0x90) before the kernel as its bound has
// threads; a section holds where they begin.
int launch_bound(const void* kernel) {
  const auto at = reinterpret_cast<std::uintptr_t>(kernel);
  int bound = 0;
  for (const Range& range : program().bounded)
    for (auto entry = range.begin; entry < range.end; entry += sizeof(std::uintptr_t)) {
      const std::uintptr_t first = *reinterpret_cast<const std::uintptr_t*>(entry);
      if (first >= at || at - first > 1024) continue;
      const auto* code = reinterpret_cast<const unsigned char*>(first);
      if (std::all_of(code, code + (at - first), [](unsigned char byte) { return byte == 0x90; }))
        bound = int(at - first);
    }
  return bound;
}

}  // namespace

namespace {

dim3 cluster_dims(const std::string& kernel_symbol) {
  const auto at = kernel_symbol.find("simt_cluster_");
  dim3 size = {0, 0, 0};
  if (at != std::string::npos)
    std::sscanf(kernel_symbol.c_str() + at, "simt_cluster_%u_%u_%u", &size.x, &size.y, &size.z);
  return size;
}

}  // namespace

KernelLimits kernel_limits(const void* kernel) {
  static std::mutex mutex;
  static std::map<const void*, KernelLimits> cache;
  const std::lock_guard lock(mutex);
  const auto [found, added] = cache.try_emplace(kernel);
  if (!added) return found->second;
  const std::string symbol = kernel_symbol(kernel);
  found->second = {static_shared_bytes(symbol), launch_bound(kernel), cluster_dims(symbol)};
  return found->second;
}

StaticShared static_shared_at(std::uintptr_t at) {
  const std::uintptr_t start = thread_local_start(), offset = at - start;
  const auto& variables = program().variables;
  auto next = std::upper_bound(variables.begin(), variables.end(), offset,
                               [](std::uintptr_t o, const Variable& v) { return o < v.begin; });
  if (offset >= program().thread_local_bytes || next == variables.begin()) return {};
  --next;
  if (offset >= next->end) return {};
  return {start + next->begin, start + next->end, demangled(next->symbol)};
}

StaticShared static_shared_near(std::uintptr_t at, const void* kernel,
                                const std::vector<StaticShared>& used) {
  const std::string symbol = kernel_symbol(kernel);
  const std::uintptr_t start = thread_local_start();
  const Variable* nearest = nullptr;
  std::uintptr_t least = 0;
  for (const Variable& v : program().variables) {
    const std::uintptr_t begin = start + v.begin, end = start + v.end;
    const bool known = declares(symbol, v) || std::any_of(used.begin(), used.end(), [begin](const auto& u) {
                         return u.begin == begin;
                       });
    const std::uintptr_t distance = (at >= end ? at - end : 4 * (begin - at)) * (known ? 1 : 4);
    if (nearest == nullptr || distance < least) nearest = &v, least = distance;
  }
  if (nearest == nullptr) return {};
  return {start + nearest->begin, start + nearest->end, demangled(nearest->symbol)};
}

std::uint32_t short_place(const void* place) {
  static const std::uintptr_t bias = program().bias;
  return std::uint32_t(reinterpret_cast<std::uintptr_t>(place) - bias);
}

namespace {

// Returns what the tool prints of the place, one line for each function that is inlined there. A return
// address is one byte past the call, so that its line may be the next one's.
std::vector<std::string> lines_by(const char* tool, std::uint32_t place) {
  char command[128];
  std::snprintf(command, sizeof command, "%s -i -e /proc/%d/exe 0x%x 2>/dev/null", tool, int(::getpid()),
                unsigned(place));
  std::vector<std::string> lines;
  std::FILE* const pipe = ::popen(command, "r");
  if (pipe == nullptr) return lines;
  char line[4096];
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    std::string text = line;
    text.erase(std::min(text.find_first_of(" \n"), text.size()));  // the rest names a discriminator
    if (!text.starts_with("??") && !text.ends_with("?")) lines.push_back(text);
  }
  ::pclose(pipe);
  return lines;
}

}  // namespace

std::vector<std::string> lines_at(std::uint32_t place) { return lines_by("addr2line", place); }
std::vector<std::string> columns_at(std::uint32_t place) { return lines_by("eu-addr2line", place); }

bool is_cub(const void* place) {
  thread_local std::map<const void*, bool> known;
  const auto [found, added] = known.try_emplace(place);
  if (added)
    for (const std::string& line : lines_at(short_place(place)))
      found->second = found->second || line.find("/cub/") != line.npos || line.find("/thrust/") != line.npos;
  return found->second;
}

std::string describe_place(std::uint32_t place) {
  static std::mutex mutex;
  static auto& cache = *new std::map<std::uint32_t, std::string>;  // lives on, for reports at the exit
  const std::lock_guard lock(mutex);
  const auto found = cache.find(place);
  if (found != cache.end()) return found->second;
  std::string text = joined_lines(place - 1);
  if (text.empty()) {
    char offset[32];
    std::snprintf(offset, sizeof offset, "code offset 0x%x", place);
    text = offset;
  }
  return cache[place] = text;
}

std::string describe_place(const void* place) { return describe_place(short_place(place)); }

}  // namespace simt
