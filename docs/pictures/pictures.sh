#!/usr/bin/env bash
# Makes the pictures of measurements, with $STILLPOINT or build/no-cuda/stillpoint, and Chromium for PNG files:
#   docs/pictures/pictures.sh fig2                  fig2/SYSTEM.svg, Fig. 2 of the paper
#   docs/pictures/pictures.sh search [CSV]          search-SEED.svg, of bench/search_curves.py's searches "NAME SEED"
#   docs/pictures/pictures.sh report RUN...         report.png, of a report on these runs
#   docs/pictures/pictures.sh results IMAGE SINGLE TWO   results.png and loss.svg, of runs of image-regression and copy-memory
set -euo pipefail
folder=${PICTURES:-$(dirname "$0")}
stillpoint=$(realpath "${STILLPOINT:-$(dirname "$0")/../../build/no-cuda/stillpoint}")
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

screenshot() {  # HTML PNG WIDTH HEIGHT
  chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" --blink-settings=preferredColorScheme=1 \
    --window-size="$3,$4" --screenshot="$(realpath "$2")" "file://$(realpath "$1")" 2>/dev/null
}

fig2() {
  "$stillpoint" reproduce fig2 --folder "$work"
  mkdir -p "$folder/fig2"
  for system in "$work"/fig2/*/; do cp "$system/spectrum.svg" "$folder/fig2/$(basename "$system").svg"; done
}

search() {
  local csv=${1:-$(dirname "$0")/../results/search.csv}
  for seed in $(awk -F, 'NR > 1 {sub(/.* /, "", $1); if (!seen[$1]++) print $1}' "$csv"); do
    awk -F, -v seed="$seed" 'NR == 1 {print} NR > 1 {n = split($1, words, " "); if (words[n] == seed) {sub(/ [^ ,]*,/, ","); print}}' \
      "$csv" > "$work/$seed.csv"
    "$stillpoint" draw "$work/$seed.csv" --x worker_seconds --y best --by search --log y --as steps \
      --title "best validation loss, draws of seed $seed" --output "$folder/search-$seed.svg"
  done
}

report() {
  "$stillpoint" report "$@" --output "$work/report.html"
  screenshot "$work/report.html" "$folder/report.png" 1180 1135
}

results() {
  [ $# -eq 3 ] || { echo "pictures.sh: given $# runs, expected IMAGE SINGLE TWO" >&2; exit 2; }
  python3 - "$2" "$3" > "$work/loss.csv" <<'PYTHON'
import json, sys
print("model,epoch,loss")
for name, run in zip(("single-tier", "two-tier"), sys.argv[1:]):
    for row in map(json.loads, open(run + "/metrics.jsonl")):
        if row["split"] == "valid":
            print(name, row["epoch"], row["loss"], sep=",")
PYTHON
  "$stillpoint" draw "$work/loss.csv" --x epoch --y loss --by model --log y --title "copy memory, T = 500: validation loss" \
    --output "$folder/loss.svg"
  cp "$1/truth_and_prediction.png" "$folder/results.png"
}

case ${1:-} in
  fig2 | search | report | results) "$@" ;;
  *) sed -n '2,/^set/{/^#/p}' "$0" >&2; exit 2 ;;
esac
