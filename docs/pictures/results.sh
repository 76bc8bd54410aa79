#!/usr/bin/env bash
# Draws results.png: docs/pictures/results.sh IMAGE_RUN SINGLE_RUN TWO_RUN (run folders of image-regression and of copy-memory)
set -euo pipefail
[ $# -eq 3 ] || { sed -n 2p "$0" >&2; exit 2; }
valid() { python3 -c '
import json, sys
for line in open(sys.argv[1] + "/metrics.jsonl"):
    m = json.loads(line)
    if m["split"] == "valid": print(m["epoch"], m["loss"])
' "$1"; }
valid "$2" > "${TMPDIR:-/tmp}/single.dat"
valid "$3" > "${TMPDIR:-/tmp}/two.dat"
gnuplot <<GP
set terminal pngcairo size 1320,420 font "sans,11"
set output "$(dirname "$0")/results.png"
set multiplot
set size 0.62, 1
set lmargin 1; set rmargin 1; set tmargin 1; set bmargin 1
unset border; unset tics; unset key
set size ratio -1
set origin 0, 0
plot "$1/truth_and_prediction.png" binary filetype=png with rgbimage
set size noratio
set origin 0.62, 0
set size 0.38, 1
set lmargin 9; set rmargin 2; set tmargin 2; set bmargin 3.5
set border 3; set xtics nomirror; set ytics nomirror; set key top right
set logscale y; set format y "10^{%L}"
set xlabel "epoch"; set title "copy memory, T = 500: validation loss"
plot "${TMPDIR:-/tmp}/single.dat" with lines lw 2 title "single-tier", "${TMPDIR:-/tmp}/two.dat" with lines lw 2 title "two-tier"
unset multiplot
GP
