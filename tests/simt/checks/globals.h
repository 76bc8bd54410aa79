// Variables of the device (__device__, __constant__, __managed__), and what else the program's file knows of
// kernels.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "checks/shadow.h"
#include "simt/vectors.h"

namespace simt {

struct Global {
  std::uintptr_t begin = 0, end = 0;
  std::string symbol;
  bool managed = false;
};
// Returns all of them, by address.
const std::vector<Global>& device_variables();
// Returns the one that holds the address, or null.
const Global* device_variable_at(std::uintptr_t at);
// Returns whether the address is in a section that has only variables of the device.
bool in_device_section(std::uintptr_t at);
// Returns the one that holds the address or, in such a section, precedes it; or null.
const Global* device_variable_near(std::uintptr_t at);
std::string name_of(const Global& variable);

// Notes that the program asked for the variable's address, so that it may pass it on: before, `&variable` in
// host code is the address of a copy that the device cannot reach.
void expose_variable(const void* pointer);
// Throws a Violation if a kernel's parameters hold the host's address of a variable.
void require_exposed(const void* parameters, std::size_t bytes);
bool is_exposed(const Global& variable);
// Makes all variables count as exposed for the calling thread as long as the object lives: a call got a
// symbol.
class SymbolCall {
 public:
  SymbolCall() { ++depth; }
  ~SymbolCall() { --depth; }
  SymbolCall(const SymbolCall&) = delete;
  SymbolCall& operator=(const SymbolCall&) = delete;
  static thread_local int depth;
};

struct KernelLimits {
  std::size_t static_shared_bytes = 0;  // of the variables that the kernel itself declares __shared__
  int threads = 0;                      // the largest block that __launch_bounds__ allow; 0 without them
  dim3 cluster = {0, 0, 0};             // of __cluster_dims__; 0 without them
};
KernelLimits kernel_limits(const void* kernel);

}  // namespace simt
