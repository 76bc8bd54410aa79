// The style sheet: two themes as custom properties, and curve colours that the colour-blind can tell apart.
#include "tasks/report/report.h"

namespace stillpoint::report {

// It contains no < and no &, so that it needs no escaping.
const char* const style_sheet = R"(
:root {
  color-scheme: light dark;
  --paper: #fcfcfa; --ink: #1c2024; --soft: #5a626a; --rule: #dcdfdd; --wash: #f1f3f1; --link: #005f9e;
  --c0: #0069a8; --c1: #c04a00; --c2: #007a58; --c3: #a8327d; --c4: #86690a; --c5: #4d5358;
  --hit: 0 105 168; --miss: 208 88 0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --ink: #e6e8ea; --soft: #9ba4ac; --rule: #31373c; --wash: #1d2226; --link: #6cb8f0;
    --c0: #58aef0; --c1: #ff8b4a; --c2: #2cc79c; --c3: #f08fcb; --c4: #e2b93c; --c5: #c3c9ce;
    --hit: 60 140 205; --miss: 214 106 40;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 80rem; padding: 2.5rem clamp(1rem, 3.5vw, 3rem) 5rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
h1, h2, h3, h4, figcaption, .label { overflow-wrap: anywhere; }
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
.scroll { overflow-x: auto; margin: 0 0 1.25rem; max-width: 100%; position: relative; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 3px; border-radius: 2px; }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.35; font-variant-numeric: tabular-nums lining-nums; }
caption { text-align: left; color: var(--soft); font-size: .8125rem; padding-bottom: .6rem; }
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
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: 2rem 2.25rem; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .9375rem; font-weight: 600; }
.chart { display: block; width: 100%; height: auto; overflow: visible; margin-top: .5rem; }
.chart text { font-size: 12.5px; fill: var(--soft); font-variant-numeric: tabular-nums; }
.grid-line { stroke: var(--rule); stroke-width: 1; }
.tick, .base { stroke: var(--soft); stroke-width: 1; }
.curve path { fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
.curve circle { fill: currentColor; stroke: none; }
.read-outs rect { fill: var(--ink); fill-opacity: 0; }
.read-outs rect:hover { fill-opacity: .07; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); }
.c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); }
.d1 path { stroke-dasharray: 6 4; } .d2 path { stroke-dasharray: 1.5 3.5; }
.d3 path { stroke-dasharray: 9 3.5 1.5 3.5; } .d4 path { stroke-dasharray: 13 4; }
.grid + .scroll { margin-top: 2rem; }
.legend { list-style: none; margin: .35rem 0 0; padding: 0; font-size: .8125rem; line-height: 1.5; font-variant-numeric: tabular-nums; display: flex; flex-wrap: wrap; gap: 0 1.25rem; }
.legend li { display: flex; align-items: center; gap: .45rem; min-width: 0; }
.legend .last { color: var(--soft); }
.swatch { width: 26px; height: 8px; flex: none; overflow: visible; }

.spectrum { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21.5rem), 1fr)); gap: 1.5rem 3rem; align-items: start; }
.plane { max-width: 27rem; }
.plane .swatch { height: 12px; }
.unit { fill: none; stroke: var(--soft); stroke-width: 1.25; }
.mark { fill: currentColor; fill-opacity: .6; stroke: currentColor; stroke-width: 1; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 1.75rem 2.25rem; }
.picture img { display: block; width: 100%; height: auto; border-radius: .25rem; margin-bottom: .5rem; }

@media (max-width: 30rem) {
  body { padding-top: 1.5rem; }
  .summary { gap: 0; }
  th, td { padding-left: .5rem; padding-right: .5rem; }
}
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --rule: #ccc; --wash: #f4f4f4;
    --c0: #0069a8; --c1: #c04a00; --c2: #007a58; --c3: #a8327d; --c4: #86690a; --c5: #4d5358; --hit: 0 105 168; --miss: 208 88 0; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  .pick + label:not(.pick:checked + label), nav, .read-outs { display: none; }
  .grid { grid-template-columns: repeat(2, 1fr); }
  .scroll { overflow: visible; }
  figure, tr { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
)";

}  // namespace stillpoint::report
