// How a program that catches no Violation ends: with one report and an exit code.
#pragma once
#include <string>

namespace simt {

// Returns which check a message is of: race, bounds, init, sync, order, leak or api.
const char* check_of(const std::string& text);

// Ends the program with a report, if simt++ compiled it (simt::end_at_violation); otherwise returns.
void end_if_wanted(const std::string& text);

}  // namespace simt
