"""Times training steps of a peer program and of ours in turn, and writes a table of both.

    python3 bench/compare.py --ours build/no-cuda/bench/stillpoint_step_bench --peer peers.py --python PYTHON
                             [--workloads a b c] [--rounds 5] [--threads 2] [--seconds 8] [--precision bf16] [--out results]

Each round runs first the peer and then ours, workload by workload, so that slow drift affects both.
Both programs accept `NAME... --threads N --seconds S` and print one JSON line per workload with `workload` and
`ms_per_step`. The speed-up is peer time / our time within a round: above 1, ours is faster.
Writes OUT.json and OUT.md.
"""
import argparse
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys

WORKLOADS = ("copy-sim-single-b1", "copy-sim-single-b10", "copy-sim-single-b20", "copy-sim-two-b10",
             "pixel-sim-single", "pixel-sim-two", "pixel-sim-rff")


class CompareError(Exception):
    """What was given, what was expected, what to do."""


def at_least(kind, low):
    def parse(text):
        value = kind(text)
        if not math.isfinite(value) or value < low:
            raise argparse.ArgumentTypeError(f"given {text}, expected a finite number of at least {low}")
        return value
    parse.__name__ = kind.__name__
    return parse


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ours", required=True, help="our step bench, an executable")
    p.add_argument("--peer", required=True, help="the peer, a Python program")
    p.add_argument("--python", default=sys.executable, help="interpreter of the peer (default: this one)")
    p.add_argument("--workloads", nargs="+", default=list(WORKLOADS), metavar="NAME")
    p.add_argument("--rounds", type=at_least(int, 1), default=5)
    p.add_argument("--threads", type=at_least(int, 1), default=2)
    p.add_argument("--seconds", type=at_least(float, 0), default=8.0, help="per workload, program and round")
    p.add_argument("--precision", choices=("float32", "bf16"), default="float32",
                   help="rounding of operands in our matrix products (the peer's are float32)")
    p.add_argument("--out", default="results", help="path of the results without suffix")
    a = p.parse_args()
    repeated = sorted({w for w in a.workloads if a.workloads.count(w) > 1})
    if repeated:
        p.error(f"given {', '.join(repeated)} more than once, expected each workload once")
    return a


def run(command):
    """Returns the standard output of a program; raises CompareError if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CompareError(f"compare: cannot start {command[0]}: {error.strerror}, expected a program, "
                           "check the path") from error
    if done.returncode:
        raise CompareError(f"compare: {' '.join(command)} ended with status {done.returncode}, expected 0, "
                           f"see its stderr:\n{done.stderr.rstrip() or '(empty)'}")
    return done.stdout


def row_of(who, command, name, threads):
    """Returns the JSON object that the program prints for the workload."""
    rows = []
    for line in run(command).splitlines():
        if line.startswith("{"):
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise CompareError(f"compare: {who} printed {line!r}, expected a JSON object per line, "
                                   "print nothing else that starts with a brace") from error
    rows = [r for r in rows if r.get("workload") == name]
    if len(rows) != 1:
        raise CompareError(f"compare: {who} printed {len(rows)} lines for {name}, expected 1, check the name")
    ms = rows[0].get("ms_per_step")
    if not isinstance(ms, (int, float)) or not math.isfinite(ms) or ms <= 0:
        raise CompareError(f"compare: {who} gave ms_per_step = {ms} for {name}, expected a positive number")
    if rows[0].get("threads", threads) != threads:
        raise CompareError(f"compare: {who} ran {name} with {rows[0]['threads']} threads, expected {threads}")
    return rows[0]


def check_same_model(name, peer, ours):
    for field in ("params", "batch"):
        if field in peer and field in ours and peer[field] != ours[field]:
            raise CompareError(f"compare: {name} has {field} = {peer[field]} in the peer and {ours[field]} "
                               "in ours, expected the same model and batch, make the workloads equal")


def measure(a):
    """Returns {workload: [(peer row, our row) of each round]}."""
    programs = (("the peer", [a.python, a.peer]), ("ours", [as_path(a.ours)]))
    rows = {name: [] for name in a.workloads}
    for i in range(a.rounds):
        for name in a.workloads:
            options = [name, "--threads", str(a.threads), "--seconds", str(a.seconds)]
            extra = {"ours": ["--precision", a.precision]}
            peer, ours = (row_of(who, program + options + extra.get(who, []), name, a.threads)
                          for who, program in programs)
            check_same_model(name, peer, ours)
            rows[name].append((peer, ours))
            print(f"round {i + 1}/{a.rounds} {name}: peer {peer['ms_per_step']:.3f} ms, "
                  f"ours {ours['ms_per_step']:.3f} ms", file=sys.stderr)
    return rows


def as_path(program):
    """Makes the path of an existing file absolute, so that it is not looked up in PATH."""
    return str(pathlib.Path(program).absolute()) if pathlib.Path(program).exists() else program


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "rounds": values}


def summary(rows):
    """Returns one record per workload: times, speed-ups round by round, and our median throughput."""
    table = []
    for name, pairs in rows.items():
        record = {"workload": name,
                  "peer_ms": spread([p["ms_per_step"] for p, _ in pairs]),
                  "ours_ms": spread([o["ms_per_step"] for _, o in pairs]),
                  "speed_up": spread([p["ms_per_step"] / o["ms_per_step"] for p, o in pairs])}
        # Fractions of the matrix product's peak, which our program measured in the same round. "nominal"
        # counts the model as it is written, so a program that multiplies out constant products can be above
        # 1.
        if all("gemm_peak" in o for _, o in pairs):
            record["gflops"] = statistics.median(o["gflops"] for _, o in pairs)
            record["fraction_of_peak"] = statistics.median(o["fraction_of_peak"] for _, o in pairs)
            record["nominal_fraction"] = statistics.median(o["nominal_gflops"] / o["gemm_peak"] for _, o in pairs)
            record["peer_nominal_fraction"] = statistics.median(
                o["nominal_gflops"] * o["ms_per_step"] / p["ms_per_step"] / o["gemm_peak"] for p, o in pairs)
        record |= {"peer_lines": [p for p, _ in pairs], "our_lines": [o for _, o in pairs]}
        table.append(record)
    return table


def cpu():
    """Returns the model name and the SIMD sets that decide the speed, as the kernel describes the first core."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    fields = dict((part.strip() for part in line.split(":", 1)) for line in text.splitlines() if ":" in line)
    flags = fields.get("flags", "").split()
    simd = [f for f in ("avx2", "fma", "avx512f", "amx_bf16") if f in flags]
    return fields.get("model name") or platform.processor() or platform.machine(), simd


def machine():
    model, simd = cpu()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": model, "simd": simd, "logical_cores": usable,
            "system": f"{platform.system()} {platform.machine()}",
            "load_at_start": round(os.getloadavg()[0], 2)}


def versions(a):
    python = run([a.python, "-c", "import platform; print(platform.python_version())"]).strip()
    try:
        folder = str(pathlib.Path(__file__).resolve().parent)
        source = run(["git", "-C", folder, "describe", "--always", "--dirty"])
    except CompareError:
        source = "unknown"
    return {"stillpoint": source.strip(), "python": python}


def markdown(result):
    m, v, s = result["machine"], result["versions"], result["settings"]
    simd = f" ({', '.join(m['simd'])})" if m["simd"] else ""
    lines = [f"{m['cpu']}{simd}, {m['logical_cores']} logical cores, {m['system']}, "
             f"load {m['load_at_start']} at start; {s['threads']} threads, "
             f"{s['rounds']} rounds of {s['seconds']:g} s in turn, ours in {s['precision']}. "
             f"Stillpoint {v['stillpoint']}, PyTorch {v['torch']}, Python {v['python']}.", "",
             "Milliseconds per training step, median of the rounds; speed-up is peer / ours within a round.",
             "",
             "GFLOP/s and their share of the measured matrix product's peak: as executed; and of the model as it is "
             "written (nominal), ours and the peer's.",
             "",
             "| workload | peer ms | ours ms | speed-up | min - max | GFLOP/s | of peak | nominal | peer's nominal |",
             "|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for r in result["workloads"]:
        up = r["speed_up"]
        gflops = f"{r['gflops']:.1f}" if "gflops" in r else "-"
        shares = " | ".join(f"{100 * r[field]:.0f} %" if field in r else "-" for field in
                            ("fraction_of_peak", "nominal_fraction", "peer_nominal_fraction"))
        lines.append(f"| {r['workload']} | {r['peer_ms']['median']:.3f} | {r['ours_ms']['median']:.3f} | "
                     f"{up['median']:.2f} | {up['min']:.2f} - {up['max']:.2f} | {gflops} | {shares} |")
    return "\n".join(lines) + "\n"


def main():
    a = arguments()
    result = {"machine": machine(), "versions": versions(a),
              "settings": {"precision": a.precision, "threads": a.threads, "rounds": a.rounds, "seconds": a.seconds}}
    result["workloads"] = summary(measure(a))
    result["versions"]["torch"] = result["workloads"][0]["peer_lines"][0].get("torch", "unknown")
    text = markdown(result)
    pathlib.Path(a.out).absolute().parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(f"{a.out}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    pathlib.Path(f"{a.out}.md").write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    try:
        main()
    except CompareError as error:
        sys.exit(str(error))
