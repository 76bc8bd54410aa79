// Asks how much memory of the host is left before it is taken: Linux grants more than there is, and ends the
// program when it uses it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace stillpoint::kernels {

// Returns the bytes that this process can still use: the smaller of what the machine has available and what
// its control groups leave.
std::size_t free_host_memory();
// Returns what the control groups (kernels/host/control_groups.h) leave, with the pages of files that they
// can drop, or the largest number if they have no limit.
std::size_t left_in_groups(const std::string& memberships, const std::string& root);

// Throws OutOfMemory if that is less than the product of the factors, of which the last is the bytes of an
// element, or if the product exceeds 64 bits. `what` names what would be kept there, `remedy` what to lower.
void require_host_memory(std::initializer_list<std::int64_t> factors, const std::string& what,
                         const std::string& remedy);

}  // namespace stillpoint::kernels
