"""Measures the speed tables of docs/results.md anew, with this project's program and its peers in turn.

    python3 bench/speed_tables.py --program build/no-cuda/stillpoint [--python PYTHON] [--only TABLE...] [--turn 60] [--seconds 1] [--rounds 3]

A table is made of calls of `stillpoint bench`, one for each of its rows. docs/results/speed/TABLE.json keeps what each call
found as soon as it ends, and docs/results.md gets the table between its markers. A call that this program has already made
with these seconds and rounds is not made again, so that a table can be measured in pieces: `--turn 60` begins no call after
60 seconds. PYTHON has the peers' frameworks. Run it on a quiet machine; a row beside which others used the cores says so, and
`--louder 0.1` measures such rows again. `cmake/dev.sh speed` installs what it needs and runs it.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE, FOLDER = ROOT / "docs/results.md", ROOT / "docs/results/speed"
STRONG = "torch,torch-compile,jax"
COPY, IMAGES, PIXELS = "step/copy-memory/", ["step/mnist/sim-single", "step/cifar/sim-single"], "step/pixels/sim-"

# The calls of a table, without time and rounds.
TABLES = {
    "peers": [
        *([COPY + "sim-single", "--batch", batch, "--peer", STRONG] for batch in ("1", "10", "20")),
        [COPY + "sim-two", "--peer", STRONG],
        [COPY + "deq", "--peer", STRONG],
        [COPY + "deq", "--solver", "anderson", "--peer", "torchdeq"],
        *([step, "--peer", STRONG] for step in (*IMAGES, "step/cifar/sim-two")),
        ["step/mnist/mondeq-single", "--peer", "mondeq-torch"],
        *([PIXELS + model, "--peer", STRONG] for model in ("single", "two", "rff")),
    ],
    "bf16": [[step, "--precision", "bf16", "--peer", "torch-compile"] for step in (*IMAGES, PIXELS + "single", PIXELS + "rff")],
    "batches": [[COPY + "sim-single", COPY + "deq", "--batch", batch] for batch in ("1", "2", "4", "8", "16")],
    "beside": [[step, "--beside", k, "--peer", STRONG]
               for step in (COPY + "sim-single", COPY + "sim-two", COPY + "deq", *IMAGES, PIXELS + "rff") for k in ("0", "1", "2", "4")],
}
SIZES = ("batch", "length", "width", "solver", "evaluations", "tolerance")


def number(value):
    """Writes four digits, as the program's tables do."""
    if value is None:
        return ""
    size = abs(value)
    return f"{value:,.0f}" if size >= 1000 else f"{value:.4g}" if size >= 1e-4 else f"{value:.1e}"


def measure(a, call):
    """Makes one call and returns its document."""
    with tempfile.TemporaryDirectory() as folder:
        python = ["--python", a.python] if "--peer" in call and a.python else []
        words = ["bench", *call, "--seconds", str(a.seconds), "--rounds", str(a.rounds), "--device", "cpu"]
        command = [str(a.program), *words, *python, "--out", folder]
        print(" ".join(command), flush=True)
        done = subprocess.run(command, check=False)
        found = pathlib.Path(folder) / "bench.json"
        if not found.exists():
            sys.exit(f"speed_tables: {call[0]}: ended with {done.returncode} and no result, expected rows, see above")
        document = {"call": call} | json.loads(found.read_text())
        # Without the paths of this machine.
        document["machine"]["command"] = " ".join(["stillpoint", *words])
        return document


def recorded(file):
    """Documents by their calls."""
    documents = json.loads(file.read_text()) if file.exists() else []
    return {tuple(document["call"]): document for document in documents if "call" in document}


def measure_table(calls, file, a, may_begin):
    """Makes the calls that the file lacks, as long as may_begin(). Returns how many are left."""
    version = subprocess.run([a.program, "--version"], check=True, capture_output=True, text=True).stdout.strip()

    def holds(document):
        machine, others = document["machine"], max((row["others"] or 0 for row in document["rows"]), default=0)
        return ((machine["stillpoint"], machine["seconds"], machine["rounds"]) == (version, a.seconds, a.rounds)
                and document["rows"] and (machine["beside"] > 0 or others < a.louder))
    left = 0
    for call in calls:
        known = recorded(file)
        if tuple(call) in known and holds(known[tuple(call)]):
            continue
        document = measure(a, call) if may_begin() else {"rows": []}
        if not document["rows"]:
            left += 1
            continue
        known[tuple(call)] = document
        file.write_text(json.dumps([known[tuple(c)] for c in calls if tuple(c) in known], indent=0) + "\n")
    return left


def setting(row):
    return (row["workload"], *(row[size] for size in SIZES), row["precision"], row["threads"])


def name_of(row, rows):
    """The workload, with the sizes in which rows of it differ."""
    alike = [r for r in rows if r["workload"] == row["workload"]]
    words = [f"{size} {row[size]}" if size != "solver" else row[size] for size in SIZES if len({str(r[size]) for r in alike}) > 1]
    return f"`{row['workload']}`" + (" " + ", ".join(words) if words else "")


def peers_table(documents):
    """A row for each of our rows; a column for each peer, the strongest of a row in bold."""
    rows = [row for document in documents for row in document["rows"]]
    programs = list(dict.fromkeys(row["program"] for row in rows if row["program"] != "stillpoint"))
    lines = ["| step | ours, ms | of roof | " + " | ".join(f"{p}, ms | over ours" for p in programs) + " |",
             "|---|---:|---:|" + "---:|---:|" * len(programs)]
    for ours in (row for row in rows if row["program"] == "stillpoint"):
        theirs = {row["program"]: row for row in rows if setting(row) == setting(ours) and row is not ours}
        best = min((row["times_ours"] for row in theirs.values()), default=None)
        cells = [name_of(ours, rows), number(ours["ms"]), f"{ours['roof_share']:.0%}"]
        for program in programs:
            row = theirs.get(program)
            ratio = f"{row['times_ours']:.2f} ({row['times_ours_low']:.2f}-{row['times_ours_high']:.2f})" if row else ""
            cells += [number(row["ms"]) if row else "", f"**{ratio}**" if row and row["times_ours"] == best else ratio]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def batches_table(documents):
    lines = ["| batch | SIM, ms | DEQ, ms | DEQ : SIM | SIM, sequences/s | DEQ, sequences/s | SIM, MB | DEQ, MB |",
             "|---:|" + "---:|" * 7]
    for document in documents:
        sim, deq = sorted(document["rows"], key=lambda row: row["workload"], reverse=True)
        values = [sim["ms"], deq["ms"], deq["times_sim"], sim["examples_per_second"], deq["examples_per_second"],
                  sim["memory_bytes"] / 1e6, deq["memory_bytes"] / 1e6]
        lines.append(f"| {sim['batch']} | " + " | ".join(number(v) for v in values) + " |")
    return lines


def beside_table(documents):
    """Milliseconds of every program beside so many loops, and their ratio to those without."""
    counts = sorted({document["machine"]["beside"] for document in documents})
    found = {(row["workload"], row["program"], document["machine"]["beside"]): row["ms"] for document in documents for row in document["rows"]}
    lines = ["| step | program | " + " | ".join(f"{k} loops" for k in counts) + " |", "|---|---|" + "---:|" * len(counts)]
    for step, program in dict.fromkeys(key[:2] for key in found):
        ms = [found.get((step, program, k)) for k in counts]
        cells = [number(m) + (f" ({m / ms[0]:.2f})" if m and k and ms[0] else "") for m, k in zip(ms, counts)]
        lines.append(f"| `{step}` | {program} | " + " | ".join(cells) + " |")
    return lines


WRITERS = {"peers": peers_table, "bf16": peers_table, "batches": batches_table, "beside": beside_table}


def caption(documents):
    machine, rows = documents[0]["machine"], [row for document in documents for row in document["rows"]]

    def all_of(fact):
        return ", ".join(sorted({str(fact(document["machine"])) for document in documents}))
    loud = sum((row["others"] or 0) >= 0.1 for d in documents if not d["machine"]["beside"] for row in d["rows"])
    return (f"{machine['processor']}, {machine['threads'].split()[0]} threads, {machine['instructions']}; {all_of(lambda m: m['stillpoint'])}; "
            f"{all_of(lambda m: m['date'][:10])}; medians of {all_of(lambda m: m['rounds'])} rounds of {all_of(lambda m: m['seconds'])} s; " +
            (f"others used the cores during {loud} of {len(rows)} rows." if loud else "a quiet machine."))


def put(page, name, lines):
    begin, end = f"<!-- speed {name}: begin -->", f"<!-- speed {name}: end -->"
    if begin not in page or end not in page:
        sys.exit(f"speed_tables: {PAGE.name} lacks the markers of {name}, expected {begin} and {end}, add them")
    return page[:page.index(begin) + len(begin)] + "\n" + "\n".join(lines) + "\n" + page[page.index(end):]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", default=ROOT / "build/no-cuda/stillpoint", help="the program to measure")
    p.add_argument("--python", default=os.environ.get("STILLPOINT_PYTHON", ""), help="Python with the peers' frameworks")
    p.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES), metavar="TABLE", help=f"some of {', '.join(TABLES)}")
    p.add_argument("--seconds", type=float, default=1.0, help="of a program's round")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--turn", type=float, default=float("inf"), metavar="SECONDS", help="begin no call later than this")
    p.add_argument("--louder", type=float, default=float("inf"), metavar="CORES", help="measure rows again beside which others used so many cores")
    p.add_argument("--write", action="store_true", help="measure nothing; write the page from the recorded rows")
    a = p.parse_args()
    FOLDER.mkdir(exist_ok=True)
    end, left = time.monotonic() + a.turn, 0
    for name in a.only:
        file = FOLDER / f"{name}.json"
        if not a.write:
            left += measure_table(TABLES[name], file, a, lambda: time.monotonic() < end)
        if documents := list(recorded(file).values()):
            PAGE.write_text(put(PAGE.read_text(), name, ["", caption(documents), "", *WRITERS[name](documents), ""]))
    print(f"speed_tables: {left} calls are left" if left else "speed_tables: every call is recorded")


if __name__ == "__main__":
    main()
