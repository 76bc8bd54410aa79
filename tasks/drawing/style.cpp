// The palette, whose curve colours the colour-blind can tell apart, and the rules of charts.
#include "tasks/drawing/style.h"

#include "kernels/device/error.h"

namespace stillpoint::drawing {
namespace {

struct Colour {
  const char *name, *light, *dark;
};
constexpr Colour colours[] = {
    {"paper", "#fcfcfa", "#14171a"},    {"ink", "#1c2024", "#e6e8ea"},      {"soft", "#5a626a", "#9ba4ac"},
    {"rule", "#dcdfdd", "#31373c"},     {"wash", "#f1f3f1", "#1d2226"},     {"link", "#005f9e", "#6cb8f0"},
    {"c0", "#0069a8", "#58aef0"},       {"c1", "#c04a00", "#ff8b4a"},       {"c2", "#007a58", "#2cc79c"},
    {"c3", "#a8327d", "#f08fcb"},       {"c4", "#86690a", "#e2b93c"},       {"c5", "#4d5358", "#c3c9ce"},
    {"hit", "0 105 168", "60 140 205"}, {"miss", "208 88 0", "214 106 40"},
};

const char* of_theme(const Colour& colour, Theme theme) {
  return theme == Theme::light ? colour.light : colour.dark;
}

// Returns the rules with colours in place of custom properties.
std::string resolved(std::string rules, Theme theme) {
  for (const Colour& colour : colours) {
    const std::string property = text("var(--", colour.name, ")");
    for (std::size_t at = rules.find(property); at != rules.npos; at = rules.find(property, at))
      rules.replace(at, property.size(), of_theme(colour, theme));
  }
  return rules;
}

}  // namespace

std::string palette(Theme theme) {
  std::string out;
  for (const Colour& colour : colours) out += text("--", colour.name, ": ", of_theme(colour, theme), "; ");
  return out;
}

const char* const chart_rules = R"(
.chart { overflow: visible; }
.chart text { font-size: 12.5px; fill: var(--soft); font-variant-numeric: tabular-nums; }
.chart .title { font-size: 15px; font-weight: 600; fill: var(--ink); }
.chart .legend text { fill: var(--ink); }
.chart .legend .note { fill: var(--soft); font-size: 12.5px; }
.chart .name { fill: var(--ink); stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; paint-order: stroke; }
.grid-line { stroke: var(--rule); stroke-width: 1; }
.tick, .base { stroke: var(--soft); stroke-width: 1; }
.curve path { fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
.curve circle { fill: currentColor; stroke: none; }
.read-outs rect { fill: var(--ink); fill-opacity: 0; }
.read-outs rect:hover { fill-opacity: .07; }
.unit { fill: none; stroke: var(--soft); stroke-width: 1.25; }
.mark { fill: currentColor; fill-opacity: .6; stroke: currentColor; stroke-width: 1; }
.paper { fill: var(--paper); }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); }
.c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); }
.d1 path { stroke-dasharray: 6 4; } .d2 path { stroke-dasharray: 1.5 3.5; }
.d3 path { stroke-dasharray: 9 3.5 1.5 3.5; } .d4 path { stroke-dasharray: 13 4; }
)";

std::string chart_style() {
  return "\n:root { max-width: 100%; height: auto; font-family: system-ui, Helvetica, Arial, 'DejaVu Sans', "
         "sans-serif; }" +
         resolved(chart_rules, Theme::light) + "@media (prefers-color-scheme: dark) {" +
         resolved(chart_rules, Theme::dark) + "}\n";
}

}  // namespace stillpoint::drawing
