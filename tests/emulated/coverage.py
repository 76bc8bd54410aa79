"""Reports which lines of the CUDA sources the emulated tests ran, and which they did not.

    python3 tests/emulated/coverage.py BUILD [--run] [--least 96] [--update PAGE]

BUILD is a build folder of the preset `coverage`. --run first deletes old counts and runs the emulated tests.
A line counts as run if any instance of its template in any translation unit ran it. Lines of punctuation do
not count: g++ books at a function's closing brace what an exception would destroy. The exit status is 1 if
fewer than --least percent of the lines ran, and 2 if there is nothing to read. --update writes the table
between the marker comments of a page.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys

BEGIN, END = "<!-- coverage: begin -->", "<!-- coverage: end -->"
ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTS = ("test_emulated", "test_emulated_tasks")
RANKS = "test_emulated_group: 2 ranks"  # only if MPI was found


class CoverageError(Exception):
    """Exits with a message: what was given, what was expected, what to do."""


def run_tests(build):
    for counts in build.rglob("*.gcda"):
        counts.unlink()
    for name in TESTS:
        subprocess.run([build / "tests" / "emulated" / name], check=True, cwd=build)
    subprocess.run(["ctest", "-R", f"^{RANKS}$"], check=True, cwd=build)


def read_counts(build):
    """Returns {file: {line: times it ran}} for the files in kernels/ that were compiled with counters."""
    objects = sorted(build.glob("tests/emulated/**/stillpoint_emulated*.dir/**/*.gcda"))
    if not objects:
        raise CoverageError(f"given {build}, expected counts (*.gcda) in it, build the preset coverage and use --run")
    lines = collections.defaultdict(lambda: collections.defaultdict(int))
    for counts in objects:
        done = subprocess.run(["gcov", "--json-format", "--stdout", counts], capture_output=True, check=True, cwd=build)
        for report in done.stdout.splitlines():
            for file in json.loads(report)["files"]:
                path = pathlib.Path(file["file"])
                path = path if path.is_absolute() else build / path
                path = path.resolve()
                if path.is_relative_to(ROOT / "kernels"):
                    for line in file["lines"]:
                        lines[path.relative_to(ROOT).as_posix()][line["line_number"]] += line["count"]
    for file, counts in lines.items():
        text = (ROOT / file).read_text().splitlines()
        lines[file] = {n: count for n, count in counts.items() if re.search(r"\w", text[n - 1])}
    return lines


def ranges(numbers):
    """Returns 1-3, 7 for 1, 2, 3, 7."""
    parts = []
    for n in sorted(numbers):
        if parts and n == parts[-1][1] + 1:
            parts[-1][1] = n
        else:
            parts.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def table(lines):
    rows, total, ran = [], 0, 0
    for file in sorted(lines):
        missed = [n for n, count in lines[file].items() if count == 0]
        total += len(lines[file])
        ran += len(lines[file]) - len(missed)
        rows.append((file, len(lines[file]), len(missed), ranges(missed)))
    percent = 100 * ran / total
    text = [f"{ran} of {total} lines of {len(rows)} files ran: {percent:.1f} %. Files with lines that did not:", "",
            "| file | lines | ran | not run |", "|---|---:|---:|---|"]
    text += [f"| `{file}` | {count} | {100 * (count - missed) / count:.0f} % | {where} |"
             for file, count, missed, where in rows if missed]
    return percent, "\n".join(text)


def update(page, text):
    old = page.read_text()
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.S)
    if len(pattern.findall(old)) != 1:
        raise CoverageError(f"given {page}, expected the lines {BEGIN} and {END} once in it")
    page.write_text(pattern.sub(lambda _: f"{BEGIN}\n\n{text}\n\n{END}", old))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--run", action="store_true", help="run the emulated tests first")
    parser.add_argument("--least", type=float, default=0, help="percent of lines that have to run")
    parser.add_argument("--update", type=pathlib.Path, metavar="PAGE")
    options = parser.parse_args()
    build = options.build.resolve()
    try:
        if options.run:
            run_tests(build)
        percent, text = table(read_counts(build))
        print(text)
        if options.update:
            update(options.update, text)
    except (CoverageError, OSError, subprocess.CalledProcessError) as error:
        print(f"coverage.py: {error}", file=sys.stderr)
        return 2
    if percent < options.least:
        print(f"coverage.py: {percent:.1f} % of the lines ran, expected {options.least:.0f} %; add tests of those above",
              file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
