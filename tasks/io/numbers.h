// Numbers as text, for terminals, logs, reports and figures.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace stillpoint {

// Read a number and return true if the whole text is one; change nothing otherwise.
bool read_number(std::string_view text, double& value);
bool read_number(std::string_view text, std::int64_t& value);

// 7 s, 3:05, 1:02:03, 2 d 03:04; "?" for a negative or non-finite number.
std::string format_duration(double seconds);
// 0.52, 8.3, 123, 4.57k, 1.23M (decimal thousands and millions).
std::string format_rate(double per_second);

// A number of decimals: 12.30.
std::string format_fixed(double value, int decimals);
// A number of significant digits and an exponent: 1.20e-05.
std::string format_scientific(double value, int digits);
// A number of significant digits in ASCII. Zeros at the end stay, so that the width of a changing number is
// steady: 0.1235, 12.30, 1.235e-05, nan.
std::string format_digits(double value, int digits = 4);

// 80,466
std::string grouped(long long number);
// Typesets the text of a number for documents: 1234.5 as 1,234.5, and 1.20e-05 as 1.2·10⁻⁵.
std::string typeset(std::string number);
// The four digits of format_digits for documents: 5,064; 0.9933; 1.2·10⁻⁵. Integers below 1e9 keep all their
// digits; a dash stands for a value that is not finite.
std::string readable(double value);

}  // namespace stillpoint
