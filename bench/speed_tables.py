"""Measures the speed tables of docs/results.md anew, with this project's program and its peers in turn.

    python3 bench/speed_tables.py --program build/no-cuda/stillpoint [--python PYTHON] [--only TABLE...] [--seconds 1] [--rounds 3]

Each table is one or more calls of `stillpoint bench`; docs/results/speed/TABLE.json keeps their rows, and docs/results.md gets
the table between its markers. PYTHON has the peers' frameworks. Run it on a quiet machine; a row beside which others used
the cores says so. `cmake/dev.sh speed` installs what it needs and runs it.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE, FOLDER = ROOT / "docs/results.md", ROOT / "docs/results/speed"
STRONG = "torch,torch-compile,jax"
IMAGES = ["step/mnist/sim-single", "step/cifar/sim-single", "step/cifar/sim-two"]

# The calls of a table, without time and rounds.
TABLES = {
    "peers": [
        ["step/copy-memory/sim-single", "--batch", "1,10,20", "--peer", STRONG],
        ["step/copy-memory/sim-two", "--peer", STRONG],
        ["step/copy-memory/deq", "--peer", STRONG],
        ["step/copy-memory/deq", "--solver", "anderson", "--peer", "torchdeq"],
        [*IMAGES, "--peer", STRONG],
        ["step/mnist/mondeq-single", "--peer", "mondeq-torch"],
        ["step/pixels/*", "--peer", STRONG],
    ],
    "bf16": [[*IMAGES[:2], "step/pixels/sim-single", "step/pixels/sim-rff", "--precision", "bf16", "--peer", "torch-compile"]],
    "batches": [["step/copy-memory/sim-single", "step/copy-memory/deq", "--batch", "1,2,4,8,16"]],
    "beside": [["step/copy-memory/*", *IMAGES[:2], "step/pixels/sim-rff", "--beside", str(k)] for k in (0, 1, 2, 4)],
}
SIZES = ("batch", "length", "width", "solver", "evaluations", "tolerance")


def number(value):
    """Writes four digits, as the program's tables do."""
    if value is None:
        return ""
    size = abs(value)
    return f"{value:,.0f}" if size >= 1000 else f"{value:.4g}" if size >= 1e-4 else f"{value:.1e}"


def measure(program, python, words, more):
    with tempfile.TemporaryDirectory() as folder:
        where = ["--python", python] if "--peer" in words and python else []
        command = [program, "bench", *words, *where, *more, "--device", "cpu", "--out", folder]
        print(" ".join(str(word) for word in command), flush=True)
        done = subprocess.run([str(word) for word in command], check=False)
        found = pathlib.Path(folder) / "bench.json"
        if not found.exists():
            sys.exit(f"speed_tables: {words[0]}: ended with {done.returncode} and no result, expected rows, see above")
        return json.loads(found.read_text())


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
    rows = documents[0]["rows"]
    lines = ["| batch | SIM, ms | DEQ, ms | DEQ : SIM | SIM, sequences/s | DEQ, sequences/s | SIM, MB | DEQ, MB |",
             "|---:|" + "---:|" * 7]
    for sim in (row for row in rows if row["workload"].endswith("sim-single")):
        deq = next(row for row in rows if row["workload"].endswith("/deq") and row["batch"] == sim["batch"])
        values = [sim["ms"], deq["ms"], deq["times_sim"], sim["examples_per_second"], deq["examples_per_second"],
                  sim["memory_bytes"] / 1e6, deq["memory_bytes"] / 1e6]
        lines.append(f"| {sim['batch']} | " + " | ".join(number(v) for v in values) + " |")
    return lines


def beside_table(documents):
    """Milliseconds beside so many loops, and their ratio to those without."""
    counts = [document["machine"]["beside"] for document in documents]
    lines = ["| step | " + " | ".join(f"{k} loops" for k in counts) + " |", "|---|" + "---:|" * len(counts)]
    for row in documents[0]["rows"]:
        cells = []
        for document in documents:
            ms = next(r["ms"] for r in document["rows"] if setting(r) == setting(row))
            cells.append(number(ms) + ("" if document is documents[0] else f" ({ms / row['ms']:.2f})"))
        lines.append(f"| {name_of(row, documents[0]['rows'])} | " + " | ".join(cells) + " |")
    return lines


WRITERS = {"peers": peers_table, "bf16": peers_table, "batches": batches_table, "beside": beside_table}


def caption(documents):
    machine = documents[0]["machine"]
    rows = [row for document in documents for row in document["rows"]]
    loud = sum((row["others"] or 0) >= 0.1 for row in rows) if not any(d["machine"]["beside"] for d in documents) else 0
    return (f"{machine['processor']}, {machine['threads'].split()[0]} threads, {machine['instructions']}; {machine['stillpoint']}; {machine['date'][:10]}; "
            f"medians of {machine['rounds']} rounds of {machine['seconds']} s; " +
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
    p.add_argument("--write", action="store_true", help="measure nothing; write the page from the recorded rows")
    a = p.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for name in a.only:
        file = FOLDER / f"{name}.json"
        if not a.write:
            more = ["--seconds", str(a.seconds), "--rounds", str(a.rounds)]
            file.write_text(json.dumps([measure(a.program, a.python, words, more) for words in TABLES[name]], indent=0) + "\n")
        documents = json.loads(file.read_text())
        PAGE.write_text(put(PAGE.read_text(), name, ["", caption(documents), "", *WRITERS[name](documents), ""]))


if __name__ == "__main__":
    main()
