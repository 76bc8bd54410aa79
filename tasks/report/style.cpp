// The style sheet of a page: the palette in two themes, and the rules of what is not a chart.
#include "tasks/drawing/style.h"

#include "tasks/report/report.h"

namespace stillpoint::report {
namespace {

// It contains no < and no &, so that it needs no escaping.
const char* const page_rules = R"(
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 80rem; padding: 2.5rem clamp(1rem, 3.5vw, 3rem) 5rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
h1, h2, h3, h4, figcaption { overflow-wrap: anywhere; }
th { overflow-wrap: break-word; }
h1 { font-size: clamp(1.7rem, 4vw, 2.4rem); line-height: 1.15; font-weight: 650; letter-spacing: -.02em; margin: 0; }
h2 { font-size: 1.35rem; line-height: 1.25; font-weight: 650; letter-spacing: -.01em; margin: 0 0 1rem; }
h3 { font-size: 1.05rem; font-weight: 650; margin: 2.5rem 0 .75rem; }
h4 { font-size: .875rem; font-weight: 600; color: var(--soft); margin: 1.75rem 0 .75rem; }
a { color: var(--link); text-underline-offset: .2em; }
.kicker { margin: 0 0 .4rem; color: var(--soft); font-size: .875rem; }
nav ul { list-style: none; margin: 1.25rem 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: .35rem 1.75rem; }
.note { color: var(--soft); font-size: .8125rem; font-weight: 400; }
nav .note, figcaption .note { margin-left: .6em; }
section { margin-top: 3rem; padding-top: 1.5rem; border-top: 1px solid var(--rule); }
.remarks { margin: 0 0 1rem; padding: .75rem 1rem .75rem 2rem; background: var(--wash); border-radius: .4rem; font-size: .9375rem; overflow-wrap: anywhere; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.summary { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 0 3.5rem; align-items: start; }
.summary > div { min-width: 0; }
.summary h3 { margin-top: .75rem; }
.scroll {
  overflow-x: auto; margin: 0 0 1.25rem; max-width: 100%; position: relative;
  background: linear-gradient(to left, var(--paper) 40%, transparent) right / 2.5rem 100% no-repeat local,
    linear-gradient(to left, var(--rule), transparent) right / 1rem 100% no-repeat scroll;
}
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 3px; border-radius: 2px; }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.35; font-variant-numeric: tabular-nums lining-nums; }
caption { text-align: left; max-width: calc(100vw - 2rem); color: var(--soft); font-size: .8125rem; padding-bottom: .6rem; }
th, td { padding: .32rem .75rem; text-align: right; vertical-align: baseline; border-bottom: 1px solid var(--rule); }
th { font-weight: 500; }
thead th { font-weight: 600; border-bottom-color: var(--soft); vertical-align: bottom; }
thead th, td { min-width: 3.5rem; max-width: 22rem; }
td { white-space: nowrap; }
td.long { white-space: normal; overflow-wrap: anywhere; min-width: 11rem; }
th:first-child { text-align: left; padding-left: 0; position: sticky; left: 0; background: var(--paper); max-width: 42vw; }
td:last-child, th:last-child { padding-right: .25rem; }
td strong { font-weight: 700; }
th .swatch { display: block; margin: 0 0 .25rem auto; }
details { margin: .5rem 0 1rem; }
summary { cursor: pointer; color: var(--link); font-size: .9375rem; width: fit-content; }
details[open] > summary { margin-bottom: .75rem; }

.heat th, .heat td { padding: .3rem .4rem; }
.heat td { min-width: 3.1rem; border: 1px solid var(--paper); text-align: center; }
.heat thead th { min-width: 3.1rem; text-align: center; font-weight: 500; font-size: .8125rem; overflow-wrap: normal; }
.heat th:first-child { border-bottom-color: transparent; padding: .3rem .75rem .3rem 0; text-align: left; max-width: 9rem; }
.heat .hit { background: rgb(var(--hit) / calc(.08 + var(--heat) * .42)); }
.heat .miss { background: rgb(var(--miss) / calc(.06 + var(--heat) * .54)); }
.heat .none { color: var(--soft); opacity: .75; }
.heat .sum { padding-left: 1rem; text-align: right; }

.curves { display: flex; flex-wrap: wrap; align-items: center; }
.against { color: var(--soft); font-size: .875rem; margin-right: .75rem; }
.pick { position: absolute; opacity: 0; width: 1px; height: 1px; }
.pick + label { font-size: .875rem; padding: .2rem .8rem; border: 1px solid var(--rule); margin-left: -1px; cursor: pointer; color: var(--soft); }
.pick + label:hover { color: var(--ink); }
.against + .pick + label { border-radius: .4rem 0 0 .4rem; margin-left: 0; }
.pick-time + label { border-radius: 0 .4rem .4rem 0; }
.pick:checked + label { color: var(--ink); background: var(--wash); font-weight: 600; }
.pick:focus-visible + label { outline: 2px solid var(--link); outline-offset: 1px; }
.panels { flex: 0 0 100%; min-width: 0; }
.pick-step:checked ~ .panels :is(.by-epoch, .by-time),
.pick-epoch:checked ~ .panels :is(.by-step, .by-time),
.pick-time:checked ~ .panels :is(.by-step, .by-epoch) { display: none; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 2rem 2.25rem; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .9375rem; font-weight: 600; }
.chart { display: block; width: 100%; height: auto; }
.grid + .scroll { margin-top: 2rem; }
.swatch { width: 26px; height: 8px; flex: none; overflow: visible; }

.spectrum { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21.5rem), 1fr)); gap: 1.5rem 3rem; align-items: start; }
.plane { max-width: 27rem; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 1.75rem 2.25rem; }
.picture img { display: block; width: 100%; height: auto; border-radius: .25rem; margin-bottom: .5rem; }

@media (max-width: 30rem) {
  body { padding-top: 1.5rem; }
  .summary { gap: 0; }
  th, td { padding-left: .5rem; padding-right: .5rem; }
  td { white-space: normal; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  .pick + label:not(.pick:checked + label), nav, .read-outs { display: none; }
  .grid { grid-template-columns: repeat(2, 1fr); }
  .scroll { overflow: visible; }
  figure, tr { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
)";

}  // namespace

std::string style_sheet() {
  using drawing::palette, drawing::Theme;
  return "\n:root { color-scheme: light dark; " + palette(Theme::light) +
         "}\n@media (prefers-color-scheme: dark) { :root { " + palette(Theme::dark) +
         "} }\n@media print { :root { color-scheme: light; " + palette(Theme::light) +
         "--paper: #fff; --ink: #000; --soft: #444; --rule: #ccc; --wash: #f4f4f4; } }\n" + page_rules +
         drawing::chart_rules;
}

}  // namespace stillpoint::report
