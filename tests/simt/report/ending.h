// How a program that catches no Violation ends: with one report and an exit code.
#pragma once
#include <cstdint>
#include <string>

#include "simt/runtime_api.h"

namespace simt {

// Returns whether the check is on: all are, unless the environment variable SIMT_CHECK lists some.
bool is_wanted(Check check);
bool is_listed(Check check);
// Returns whether a Violation ends the program, because simt++ made it.
bool ends_programs();
// Returns the exit code of a program with a report: 66, or SIMT_ERROR_EXITCODE.
int error_exit_code();

// Prints the message and how to replay it, and appends it to the file that SIMT_REPORT names.
void report(Check check, const std::string& text);
// Ends the program with a report, if simt++ compiled it (simt::end_at_violation); otherwise returns.
void end_if_wanted(Check check, const std::string& text);

// Returns whether faults in how a program uses CUDA's interface are reported: in programs made by simt++, or
// if SIMT_API is 1; never if it is 0.
bool reports_use();
// Reports such a fault with the line that made the call. The program continues, and its exit code is that of
// a fault if it would be 0.
void report_use(Check check, const std::string& text);
std::uint64_t reported_uses();

}  // namespace simt
