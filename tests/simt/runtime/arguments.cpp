// Calls kernels whose type is known only by name, as cudaLaunchKernel and the nodes of graphs do.
#include <cxxabi.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>

#include "runtime/runtime.h"

namespace simt {
namespace {

// How a calling convention passes a parameter: in registers for integers or for floats, `words` of eight
// bytes each.
struct Parameter {
  std::size_t bytes;
  bool floats;
  std::size_t words() const { return (bytes + 7) / 8; }
};

// Returns the parameters' types as they are written, without those inside < > or ( ).
std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> types(1);
  int depth = 0;
  for (const char c : list) {
    depth += (c == '<' || c == '(') - (c == '>' || c == ')');
    if (c == ',' && depth == 0) {
      types.emplace_back();
    } else if (c != ' ' || !types.back().empty()) {
      types.back() += c;
    }
  }
  if (types.size() == 1 && (types[0].empty() || types[0] == "void")) types.clear();
  return types;
}

std::optional<Parameter> classify(const std::string& type) {
  if (type.ends_with('*')) return Parameter{8, false};
  static const std::map<std::string, Parameter> known = {
      {"bool", {1, false}},          {"char", {1, false}},         {"signed char", {1, false}},
      {"unsigned char", {1, false}}, {"short", {2, false}},        {"unsigned short", {2, false}},
      {"int", {4, false}},           {"unsigned int", {4, false}}, {"long", {8, false}},
      {"unsigned long", {8, false}}, {"long long", {8, false}},    {"unsigned long long", {8, false}},
      {"float", {4, true}},          {"double", {8, true}},        {"float2", {8, true}},
      {"float3", {12, true}},        {"float4", {16, true}},       {"double2", {16, true}},
      {"int2", {8, false}},          {"int3", {12, false}},        {"int4", {16, false}},
      {"uint2", {8, false}},         {"uint3", {12, false}},       {"uint4", {16, false}},
      {"dim3", {12, false}}};
  const auto found = known.find(type);
  return found == known.end() ? std::nullopt : std::optional(found->second);
}

constexpr std::size_t stack_words = 32;
#if defined(__x86_64__)
constexpr std::size_t integer_registers = 6, float_registers = 8;
#else
constexpr std::size_t integer_registers = 8, float_registers = 8;
#endif

// Everything that a call passes. Registers that the kernel does not ask for hold nothing of interest.
struct Arguments {
  std::array<std::uint64_t, 8> integers = {};
  std::array<double, float_registers> floats = {};
  std::array<std::uint64_t, stack_words> stack = {};
  std::size_t used_integers = 0, used_floats = 0, used_stack = 0;

  bool add(const Parameter& p, const void* value) {
    std::uint64_t words[2] = {};
    std::memcpy(words, value, p.bytes);
    const bool fits = p.floats ? used_floats + p.words() <= float_registers
                               : used_integers + p.words() <= integer_registers;
    if (!fits && used_stack + p.words() > stack_words) return false;
    for (std::size_t i = 0; i < p.words(); ++i) {
      if (!fits)
        stack[used_stack++] = words[i];
      else if (p.floats)
        std::memcpy(&floats[used_floats++], &words[i], 8);
      else
        integers[used_integers++] = words[i];
    }
    return true;
  }
};

template <std::size_t... S>
void call(const void* kernel, const Arguments& a, std::index_sequence<S...>) {
  using Word = std::uint64_t;
  const auto& r = a.integers;
  const auto& f = a.floats;
#if defined(__x86_64__)
  using Kernel = void (*)(Word, Word, Word, Word, Word, Word, double, double, double, double, double, double,
                          double, double, decltype(Word(S))...);
  reinterpret_cast<Kernel>(const_cast<void*>(kernel))(r[0], r[1], r[2], r[3], r[4], r[5], f[0], f[1], f[2],
                                                      f[3], f[4], f[5], f[6], f[7], a.stack[S]...);
#else
  using Kernel = void (*)(Word, Word, Word, Word, Word, Word, Word, Word, double, double, double, double,
                          double, double, double, double, decltype(Word(S))...);
  reinterpret_cast<Kernel>(const_cast<void*>(kernel))(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], f[0],
                                                      f[1], f[2], f[3], f[4], f[5], f[6], f[7],
                                                      a.stack[S]...);
#endif
}

}  // namespace

std::function<void()> bind_arguments(const void* kernel, void** args) {
  if (kernel == nullptr) return {};
  const std::string types = parameter_types(kernel);
  if (types.empty() && args != nullptr && args[0] != nullptr) return {};
  Arguments arguments;
  std::size_t i = 0;
  for (const std::string& type : split(types)) {
    const auto parameter = classify(type);
    if (!parameter || args == nullptr || args[i] == nullptr || !arguments.add(*parameter, args[i])) return {};
    ++i;
  }
  return [kernel, arguments] {
    enter_kernel(&arguments, sizeof arguments);
    call(kernel, arguments, std::make_index_sequence<stack_words>());
  };
}

}  // namespace simt
