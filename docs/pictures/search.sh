#!/usr/bin/env bash
# Draws search.png: docs/pictures/search.sh [CSV] (from bench/search_curves.py, with searches "halving SEED" and "random SEED")
set -euo pipefail
csv=${1:-$(dirname "$0")/../results/search.csv}
seeds=$(awk -F, '$1 ~ /^halving / {sub(/^halving /, "", $1); if (!seen[$1]++) print $1}' "$csv")
[ -n "$seeds" ] || { echo "search.sh: given $csv without a search 'halving SEED', expected one" >&2; exit 2; }
# Prints the minutes and the best values so far of one search, up to its end.
curve() { awk -F, -v search="$1" '$1 == search && $5 != "None" {print $2 / 60, $5}' "$csv"; }
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
panels=0
for seed in $seeds; do
  for kind in halving random; do curve "$kind $seed" > "$folder/$kind-$seed"; done
  panels=$((panels + 1))
done
{
  cat <<GP
set terminal pngcairo size $((440 * panels)),320 font "sans,11"
set output "$(dirname "$0")/search.png"
set multiplot layout 1, $panels
set border 3; set xtics nomirror; set ytics nomirror; set key top right
set logscale y; set format y "10^{%L}"; set yrange [5e-10:1e-6]
set xlabel "minutes of one worker"
GP
  for seed in $seeds; do
    echo "set title 'best validation loss, draws of seed $seed'"
    echo "plot '$folder/halving-$seed' with steps lw 2 title 'halving', '$folder/random-$seed' with steps lw 2 title 'random'"
  done
  echo "unset multiplot"
} | gnuplot
