// The colours of pages and charts on light and dark screens, and the style of charts.
#pragma once
#include <string>

namespace stillpoint::drawing {

enum class Theme { light, dark };

// Returns the colours as custom properties: "--paper: #fcfcfa; --ink: ...".
std::string palette(Theme theme);

// The style of charts in a page that has the palette. It contains no < and no &, so that it needs no
// escaping.
extern const char* const chart_rules;
// Returns the style of a chart that is a file: without custom properties, which converters to PNG do not
// know.
std::string chart_style();

}  // namespace stillpoint::drawing
