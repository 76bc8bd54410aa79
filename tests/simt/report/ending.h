// How a program that catches no Violation ends: with one report and an exit code.
#pragma once
#include <string>

#include "simt/runtime_api.h"

namespace simt {

// Returns which check a message is of: race, bounds, init, sync, order, leak or api.
const char* check_of(const std::string& text);
// Returns whether the check is on: all are, unless the environment variable SIMT_CHECK lists some.
bool is_wanted(const char* check);

// Prints the message and how to replay it, and appends it to the file that SIMT_REPORT names.
void report(const std::string& text);
// Ends the program with a report, if simt++ compiled it (simt::end_at_violation); otherwise returns.
void end_if_wanted(const std::string& text);

// Keeps the error of a call until the program looks at it; one that is left at the end is reported.
void note_error(cudaError_t error);
void error_was_seen();

}  // namespace simt
