"""Tabulates the best value so far of searches against the time that their workers have spent, from their studies.

    python3 bench/search_curves.py LABEL=study.db... [--study NAME] [--points 8] [--out docs/results/NAME]

A trial's time is from its start to its end. Trials are taken in the order in which they ended, as if one worker had run
them all, so that searches with different numbers of workers can be compared. The best value is that of complete trials, as
`stillpoint tune` chooses it. Writes NAME.md, a table at evenly spaced times up to the end of the shortest search, and
NAME.csv, every improvement and the end, which `docs/pictures/pictures.sh search` draws.
"""
import argparse
import csv
import datetime
import pathlib
import sqlite3
import sys

TRIALS = """SELECT t.state, t.datetime_start, t.datetime_complete, v.value,
                   (SELECT COUNT(*) FROM trial_intermediate_values i WHERE i.trial_id = t.trial_id)
            FROM trials t JOIN studies s ON s.study_id = t.study_id LEFT JOIN trial_values v ON v.trial_id = t.trial_id
            WHERE s.study_name = ? AND t.datetime_complete IS NOT NULL ORDER BY t.datetime_complete"""


def read(path, study):
    """Returns [(seconds spent, trials ended, evaluations, best so far or None)]."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    names = [name for (name,) in database.execute("SELECT study_name FROM studies")]
    name = study or (names[0] if len(names) == 1 else None)
    if name not in names:
        sys.exit(f"search_curves.py: given study {study or '(none)'} of {path}, expected one of {', '.join(names)}")
    (direction,) = database.execute("SELECT direction FROM study_directions d JOIN studies s ON s.study_id = d.study_id "
                                    "WHERE s.study_name = ?", (name,)).fetchone()
    better = max if direction == "MAXIMIZE" else min
    rows, spent, evaluations, best = [], 0.0, 0, None
    for ended, (state, start, end, value, count) in enumerate(database.execute(TRIALS, (name,)), 1):
        parse = datetime.datetime.fromisoformat
        spent += (parse(end) - parse(start)).total_seconds()
        evaluations += count
        if state == "COMPLETE" and value is not None:
            best = value if best is None else better(best, value)
        rows.append((spent, ended, evaluations, best))
    if not rows:
        sys.exit(f"search_curves.py: given {path} without an ended trial, expected some, search longer")
    return rows


def at(rows, seconds):
    return max((row for row in rows if row[0] <= seconds), key=lambda row: row[1], default=(0, 0, 0, None))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("searches", nargs="+", metavar="LABEL=FILE")
    parser.add_argument("--study")
    parser.add_argument("--points", type=int, default=8)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    searches = {}
    for search in arguments.searches:
        label, equals, path = search.partition("=")
        if not equals or not pathlib.Path(path).is_file():
            parser.error(f"given '{search}', expected LABEL=FILE of a study")
        searches[label] = read(path, arguments.study)
    shortest = min(rows[-1][0] for rows in searches.values())
    lines = ["| worker seconds | " + " | ".join(f"{label}: trials, evaluations, best" for label in searches) + " |",
             "|---:|" + "---:|" * len(searches)]
    for point in range(1, arguments.points + 1):
        seconds = shortest * point / arguments.points
        cells = []
        for rows in searches.values():
            _, ended, evaluations, best = at(rows, seconds)
            cells.append(f"{ended}, {evaluations}, {'-' if best is None else f'{best:.3g}'}")
        lines.append(f"| {seconds:.0f} | " + " | ".join(cells) + " |")
    arguments.out.with_suffix(".md").write_text("\n".join(lines) + "\n")
    with open(arguments.out.with_suffix(".csv"), "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["search", "worker_seconds", "trials", "evaluations", "best"])
        for label, rows in searches.items():
            last = None
            for seconds, ended, evaluations, best in rows:
                if best != last or ended == len(rows):
                    writer.writerow([label, f"{seconds:.1f}", ended, evaluations, repr(best)])
                last = best
    print("\n".join(lines))


if __name__ == "__main__":
    main()
