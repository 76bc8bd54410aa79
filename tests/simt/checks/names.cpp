// Finds readable names of kernels by address, in the symbol table of the program or library that holds them.
#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <regex>
#include <sstream>
#include <string>

#include "checks/names.h"
#include "simt/machine.h"

namespace simt {
namespace {

struct Module {
  std::uintptr_t address;  // the address to look up
  std::uintptr_t bias = 0;
  std::string file;
};

int find_module(dl_phdr_info* info, std::size_t, void* data) {
  auto& module = *static_cast<Module*>(data);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    const std::uintptr_t start = info->dlpi_addr + segment.p_vaddr;
    if (segment.p_type != PT_LOAD || module.address < start || module.address >= start + segment.p_memsz)
      continue;
    module.bias = info->dlpi_addr;
    module.file = info->dlpi_name[0] == '\0' ? "/proc/self/exe" : info->dlpi_name;
    return 1;
  }
  return 0;
}

struct Symbol {
  std::uintptr_t value = 0;
  std::string name;
};

// Returns the function that holds `value`. Reads local symbols too, which dladdr does not see, because
// kernels are often in anonymous namespaces.
Symbol find_symbol(const char* image, std::uintptr_t value) {
  const auto& header = *reinterpret_cast<const ElfW(Ehdr)*>(image);
  const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(image + header.e_shoff);
  for (unsigned s = 0; s < header.e_shnum; ++s) {
    if (sections[s].sh_type != SHT_SYMTAB && sections[s].sh_type != SHT_DYNSYM) continue;
    const auto* symbols = reinterpret_cast<const ElfW(Sym)*>(image + sections[s].sh_offset);
    const char* names = image + sections[sections[s].sh_link].sh_offset;
    for (std::size_t i = 0; i < sections[s].sh_size / sizeof(ElfW(Sym)); ++i)
      if ((symbols[i].st_info & 0xf) == STT_FUNC && symbols[i].st_value <= value &&
          value - symbols[i].st_value < symbols[i].st_size)
        return {symbols[i].st_value, names + symbols[i].st_name};
  }
  return {};
}

// The value is that of the running program.
Symbol symbol_at(const void* address) {
  Module module{reinterpret_cast<std::uintptr_t>(address), 0, {}};
  if (::dl_iterate_phdr(find_module, &module) == 0) return {};
  const int file = ::open(module.file.c_str(), O_RDONLY);
  if (file < 0) return {};
  Symbol symbol;
  struct stat info = {};
  if (::fstat(file, &info) == 0) {
    void* image = ::mmap(nullptr, std::size_t(info.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    if (image != MAP_FAILED) {
      symbol = find_symbol(static_cast<const char*>(image), module.address - module.bias);
      ::munmap(image, std::size_t(info.st_size));
    }
  }
  ::close(file);
  symbol.value += module.bias;
  return symbol;
}

void erase_all(std::string& text, const std::string& part) {
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at))
    text.erase(at, part.size());
}

std::string demangle(const std::string& symbol) {
  int status = 0;
  char* demangled = abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status);
  const std::string name = status == 0 ? demangled : symbol;
  std::free(demangled);
  return name;
}

// Turns `void ns::(anonymous namespace)::k<float>(float*, int)` into `ns::k<float>`.
std::string readable(const std::string& symbol) {
  std::string name = demangle(symbol);
  erase_all(name, "(anonymous namespace)::");
  for (auto tag = name.find("[abi:"); tag != std::string::npos; tag = name.find("[abi:"))
    name.erase(tag, name.find(']', tag) + 1 - tag);
  if (const auto clone = name.find(" [clone"); clone != std::string::npos) name.erase(clone);
  if (name.starts_with("void ")) name.erase(0, 5);
  if (!name.ends_with(')')) return name;
  int depth = 0;
  for (std::size_t i = name.size(); i-- > 0;) {
    depth += (name[i] == ')') - (name[i] == '(');
    if (depth == 0) return name.substr(0, i);
  }
  return name;
}

}  // namespace

std::string kernel_symbol(const void* kernel) {
  static std::mutex mutex;
  static auto& cache = *new std::map<const void*, std::string>;  // lives on: reports at the exit ask for it
  const std::lock_guard lock(mutex);
  const auto [found, added] = cache.try_emplace(kernel);
  if (added) found->second = symbol_at(kernel).name;
  return found->second;
}

std::string kernel_name(const void* kernel) {
  static std::mutex mutex;
  static auto& cache = *new std::map<const void*, std::string>;  // lives on: reports at the exit ask for it
  const std::lock_guard lock(mutex);
  auto& name = cache[kernel];
  if (!name.empty()) return name;
  const std::string symbol = symbol_at(kernel).name;
  if (!symbol.empty()) return name = readable(symbol);
  std::ostringstream text;
  text << "kernel at " << kernel;
  return name = text.str();
}

const void* function_at(const void* address) {
  static std::mutex mutex;
  static auto& cache = *new std::map<const void*, const void*>;
  const std::lock_guard lock(mutex);
  const void*& start = cache[address];
  if (start != nullptr) return start;
  const Symbol symbol = symbol_at(address);
  return start = symbol.name.empty() ? address : reinterpret_cast<const void*>(symbol.value);
}

// Returns `float*, int` for k(float*, int); an empty text if the symbol has no types.
std::string parameter_types(const void* kernel) {
  const std::string name = demangle(symbol_at(kernel).name);
  if (!name.ends_with(')')) return {};
  int depth = 0;
  for (std::size_t i = name.size(); i-- > 0;) {
    depth += (name[i] == ')') - (name[i] == '(');
    if (depth == 0) return name.substr(i + 1, name.size() - i - 2);
  }
  return {};
}

std::string short_name(const std::string& kernel) {
  std::string name = std::regex_replace(kernel, std::regex(R"(\w+::)"), "");
  name = std::regex_replace(name, std::regex(R"(\b(float|int)(, )?)"), "");
  name = std::regex_replace(name, std::regex(R"((, )?(?=[ >]))"), "");
  name = std::regex_replace(name, std::regex(R"( >)"), ">");
  return std::regex_replace(name, std::regex(R"(<>)"), "");
}

}  // namespace simt
