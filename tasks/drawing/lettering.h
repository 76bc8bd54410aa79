// Estimates the width of text, because an SVG file does not know which font will draw it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace stillpoint::drawing {

constexpr double letters = 12.5, title_letters = 15;  // sizes of fonts, in units of the viewBox

// Returns the width in DejaVu Sans, which is wider than most fonts.
double width_of(std::string_view text, double size = letters);

// Breaks text at spaces into lines of at most `width`. A word that is too long for a line is broken anywhere.
std::vector<std::string> wrapped(std::string_view text, double width, double size = letters);

}  // namespace stillpoint::drawing
