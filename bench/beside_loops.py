"""Times training steps beside endless shell loops, and compares them with a fair share of the cores.

    python3 bench/beside_loops.py --bench build/no-cuda/bench/stillpoint_step_bench
                                  [--workloads a b c] [--loops 0 1 2 4] [--seconds 4] [--rounds 1] [--against OLD_BENCH]

A fair scheduler gives each of T threads beside k loops on C cores min(1, C / (T + k)) of a core. The fair time of a step
is its quiet time with T threads divided by that share, for the better of T = 1 and T = C. Times are means, because a median
hides the slices in which a step does not run. Prints one row per workload and k: fair time, mean time, and mean / fair.
"""
import argparse
import json
import os
import subprocess
import sys

CORES = len(os.sched_getaffinity(0))


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bench", required=True, help="the step bench, an executable")
    p.add_argument("--against", help="the step bench of another build; the two are timed in turn")
    p.add_argument("--workloads", nargs="+", metavar="NAME", default=[], help="default: all")
    p.add_argument("--loops", nargs="+", type=int, default=[1, 2, 4], help="numbers of loops beside a step (default: 1 2 4)")
    p.add_argument("--seconds", type=float, default=4.0, help="per workload and number of threads or loops")
    p.add_argument("--rounds", type=int, default=1, help="the best round counts for quiet times, the median for others")
    return p.parse_args()


def means(bench, workloads, threads, seconds):
    """Returns the mean milliseconds of a step by workload."""
    done = subprocess.run([bench, *workloads, "--threads", str(threads), "--seconds", str(seconds)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{bench}: ended with {done.returncode}, expected 0: {done.stderr.strip()}")
    return {row["workload"]: row["mean"] for row in map(json.loads, done.stdout.splitlines())}


def beside(loops, measure):
    running = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(loops)]
    try:
        return measure()
    finally:
        for process in running:
            process.kill()
            process.wait()


def main():
    a = arguments()
    benches = [a.bench] + ([a.against] if a.against else [])
    quiet = {}
    for _ in range(a.rounds):
        for bench in benches:
            for threads in (1, CORES):
                for name, ms in means(bench, a.workloads, threads, a.seconds).items():
                    key = (bench, name, threads)
                    quiet[key] = min(ms, quiet.get(key, ms))
    names = list(dict.fromkeys(name for _, name, _ in quiet))
    print(f"| step | loops | fair, ms |{' ms, of fair |' * len(benches)}")
    print("|---|---:|---:|" + "---:|" * len(benches))
    for name in names:
        print(f"| {name} | 0 | | " + " | ".join(f"{quiet[b, name, 1]:.2f} with 1 thread, {quiet[b, name, CORES]:.2f} with {CORES}"
                                              for b in benches) + " |")
    for k in a.loops:
        taken = {}
        for _ in range(a.rounds):
            for bench in benches:
                for name, ms in beside(k, lambda: means(bench, a.workloads, CORES, a.seconds)).items():
                    taken.setdefault((bench, name), []).append(ms)
        for name in names:
            fair = min(quiet[a.bench, name, t] / min(1, CORES / (t + k)) for t in (1, CORES))
            cells = [sorted(taken[b, name])[len(taken[b, name]) // 2] for b in benches]
            print(f"| {name} | {k} | {fair:.2f} | " + " | ".join(f"{ms:.2f}, {ms / fair:.2f}" for ms in cells) + " |", flush=True)


if __name__ == "__main__":
    main()
