"""Runs the first hour on a GPU: checks, times and counters of one NVIDIA GPU, in at most eight minutes, without a network.

    python3 bench/gpu_hour.py [FOLDER] [--program STILLPOINT --tests FOLDER] [--limit 480] [--only PART...] [--rehearse]

Without --program it first builds one, in build/gpu, for the GPU that it finds. The steps run one after another, the most
instructive first. Each has its own time limit and verdict: passed, failed, out of time, no GPU, not installed, no data. The
folder gets `summary.md`, which is rewritten after every step, and a log of each step. docs/gpu.md says how to read the
results. --rehearse takes the smallest sizes, so that `--program build/no-cuda/stillpoint_on_emulator` can show every step.
"""
import argparse
import csv
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPY = {"epochs": 1, "valid_sequences": 1, "test_sequences": 1, "log_every": 50}
# Milliseconds of a step on an H200, as predicted from reading the code before the first run, by workload, batch and precision.
PREDICTED = {("step/copy-memory/sim-single", 1, "float32"): 0.27, ("step/copy-memory/sim-single", 10, "float32"): 0.31,
             ("step/copy-memory/sim-single", 256, "float32"): 0.8, ("step/copy-memory/deq", 1, "float32"): 10,
             ("step/pixels/sim-single", 65536, "float32"): 2.2, ("step/pixels/sim-single", 65536, "tf32"): 0.95,
             ("step/pixels/sim-single", 65536, "bf16"): 1.4, ("step/cifar/sim-single", 128, "float32"): 1.05,
             ("step/cifar/sim-single", 512, "float32"): 3.5}
# Training steps that are timed: the name, a limit in seconds, and the arguments of `bench`, at full size and for a rehearsal.
TIMED = [("copy memory SIM", 40, ["step/copy-memory/sim-single", "--batch", "1,10,64,256,512"],
          ["step/copy-memory/sim-single", "--batch", "1,2", "--length", "30", "--width", "8"]),
         ("copy memory DEQ", 40, ["step/copy-memory/deq", "--batch", "1,32"],
          ["step/copy-memory/deq", "--batch", "1", "--length", "30", "--width", "8", "--evaluations", "3"]),
         ("pixels", 30, ["step/pixels/sim-single", "--precision", "float32,tf32,bf16"],
          ["step/pixels/sim-single", "--precision", "float32,tf32,bf16", "--batch", "16", "--width", "16"]),
         ("CIFAR SIM", 40, ["step/cifar/sim-single", "--batch", "128,512", "--precision", "float32,tf32"],
          ["step/cifar/sim-single", "--batch", "1", "--width", "2", "--precision", "float32,tf32"]),
         ("monDEQ", 40, ["step/*/mondeq-*"], ["step/mnist/mondeq-single", "--batch", "1", "--width", "2", "--evaluations", "1"])]
# Seconds of a step's limit that a program has to write its results when its time is over.
GRACE = 5
# The counts and modelled times of single steps, which `stillpoint bench --device emulated --format json` wrote.
EMULATED = ROOT / "docs/results/emulated-steps.json"
# Peers of `stillpoint bench`, and the module by which each can run on a GPU.
PEERS = {"torch": "torch", "torch-compile": "torch", "torch-graph": "torch", "jax": "jax_cuda13_plugin"}
# Counters of ncu, and the emulator's counts beside them.
PROFILED = {"dram__bytes.sum": "bytes_touched", "l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum": None,
            "l1tex__data_pipe_lsu_wavefronts_mem_shared.sum": "shared_wavefronts", "gpu__time_duration.sum": None,
            "sm__warps_active.avg.pct_of_peak_sustained_active": None}


def key_of(row):
    return row["workload"], row["batch"], row["precision"]


def short(kernel):
    """The name of a kernel as the emulator's counts have it: without return type, namespaces, arguments and spaces."""
    name = re.sub(r"\w+::", "", re.sub(r"\(.*", "", kernel)).removeprefix("void ")
    outer, _, inner = name.partition("<")
    return f"{outer}<{re.sub(r'[<,>].*', '', inner)}>" if outer in ("each_element", "each_warp_row", "each_warp_row_then", "tile_product") and inner else outer


def ask_gpu(what):
    """Returns what nvidia-smi answers for the first GPU, or an empty text without a GPU."""
    if shutil.which("nvidia-smi") is None:
        return ""
    done = subprocess.run(["nvidia-smi", "--query-gpu=" + what, "--format=csv,noheader"], capture_output=True, text=True)
    return done.stdout.partition("\n")[0] if done.returncode == 0 else ""


def clocks():
    """Returns the clocks of the first GPU's processors and memory, as in "1980 MHz, 3201 MHz"."""
    return ask_gpu("clocks.sm,clocks.mem")


def lacks(tool):
    """Returns the verdict of a step whose tool this machine lacks, or an empty text."""
    return "" if shutil.which(tool) else f"not installed: {tool}"


def emulated_rows():
    return json.loads(EMULATED.read_text())["rows"] if EMULATED.exists() else []


def beside_the_emulator(workload, printed, rows):
    """Sets ncu's counters of a kernel, a launch, beside the emulator's counts of it."""
    sums = {}
    lines = [line for line in printed.splitlines() if line.startswith('"')]
    for row in csv.DictReader(lines):
        try:
            value = float(row["Metric Value"].replace(",", ""))
        except (KeyError, TypeError, ValueError):
            continue
        sums.setdefault(short(row["Kernel Name"]), {}).setdefault(row["Metric Name"], []).append(value)
    counted = {}
    for row in rows:
        if row["workload"] == workload:
            for name, counts in row["counts"]["kernels"].items():
                counted.setdefault(short(name), counts)
    lines = ["", f"Counters of `{workload}`, means of a launch; the emulator's counts in brackets.", "",
             "| kernel | launches | " + " | ".join(PROFILED) + " |", "|---|---:|" + "---:|" * len(PROFILED)]
    for name, metrics in sums.items():
        cells = []
        for metric, count in PROFILED.items():
            values = metrics.get(metric, [])
            mean = f"{sum(values) / len(values):,.0f}" if values else ""
            known = counted.get(name, {}) if count else {}
            cells.append(mean + (f" ({known[count] / known['launches']:,.0f})" if known.get("launches") else ""))
        lines.append(f"| `{name}` | {max(len(v) for v in metrics.values())} | " + " | ".join(cells) + " |")
    return lines


class Hour:
    def __init__(self, options):
        self.options = options
        build = ROOT / "build/gpu"
        self.program = pathlib.Path(options.program or build / "stillpoint").resolve()
        self.tests = pathlib.Path(options.tests or build / "tests").resolve()
        self.machine, self.gpu = "", True
        self.folder = pathlib.Path(options.folder).resolve()
        self.begun = time.monotonic()
        self.rows, self.measured, self.clocks, self.counters, self.tables = [], [], [], [], []
        if self.folder.exists() and any(self.folder.iterdir()):
            sys.exit(f"gpu_hour: given the folder {self.folder}, which holds files, expected a new or an empty one, name another")
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        self.work = self.folder / "work"
        self.work.mkdir()

    def left(self):
        return self.options.limit - (time.monotonic() - self.begun)

    def step(self, name, seconds, command, *, gpu=True, lacking="", environment=None):
        """Runs a command, unless the verdict `lacking` is given. Returns the verdict, and what the command printed."""
        if self.options.only and not any(part in name for part in self.options.only):
            return "not asked for", ""
        if gpu and not self.gpu:
            return self.note(name, "no GPU", 0), ""
        if lacking:
            return self.note(name, lacking, 0), ""
        if self.left() < 2 * GRACE:
            return self.note(name, "no time left", 0), ""
        start = time.monotonic()
        log = self.folder / "logs" / (re.sub(r"\W+", "-", name) + ".txt")
        with log.open("wb") as out:
            process = subprocess.Popen([str(c) for c in command], stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                       cwd=self.work, env={**os.environ, **(environment or {})}, start_new_session=True)
            try:
                code = process.wait(min(seconds, self.left()) - GRACE)
                verdict = "passed" if code == 0 else f"failed: exit code {code}"
            except subprocess.TimeoutExpired:
                self.stop(process)
                verdict = "out of time"
        return self.note(name, verdict, time.monotonic() - start), log.read_text(errors="replace")

    @staticmethod
    def stop(process):
        """Ends a process, which may write what it has so far, and all that it started."""
        process.terminate()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()

    def note(self, name, verdict, seconds):
        self.rows.append((name, verdict, seconds))
        print(f"{name:44} {verdict:28} {seconds:6.1f} s", flush=True)
        self.write_summary()
        return verdict

    def write_summary(self):
        lines = ["# The first hour on a GPU", "", f"`{time.strftime('%Y-%m-%d %H:%M')}`, {time.monotonic() - self.begun:.0f} s of "
                 f"{self.options.limit} s", "", "```", self.machine.strip(), "```", "", "| step | verdict | seconds |", "|---|---|---:|"]
        lines += [f"| {name} | {verdict} | {seconds:.1f} |" for name, verdict, seconds in self.rows]
        lines += self.peaks() + self.step_times() + self.clock_rates() + self.counters + self.tables
        (self.folder / "summary.md").write_text("\n".join(lines) + "\n")

    def peaks(self):
        """The largest product and copy that ran beside a row."""
        found = {}
        for row in self.measured:
            if row["program"] == "stillpoint" and row["roof_gflops"]:
                before = found.get(row["precision"], (0, 0))
                found[row["precision"]] = (max(before[0], row["roof_gflops"]), max(before[1], row["roof_gbytes"] or 0))
        return found and ["", "| precision | largest product, TFLOP/s | copy as large as a row's data, GB/s |", "|---|---:|---:|",
                          *(f"| {name} | {flops / 1e3:.1f} | {copy:,.0f} |" for name, (flops, copy) in found.items())] or []

    def step_times(self):
        """Our steps as they are and as one graph, with the prediction, the emulator's model, and peers."""
        if not self.measured:
            return []
        modelled = {}
        for row in emulated_rows():
            modelled[key_of(row)] = row["counts"]["modelled"].get("H200")
        lines = ["", "| a training step | program | ms | as a graph, ms | cold, ms | of roof | predicted, ms | modelled for H200, ms |",
                 "|---|---|---:|---:|---:|---:|---:|---:|"]
        for row in self.measured:
            workload, batch, precision = key_of(row)
            ours = row["program"] == "stillpoint" and not self.options.rehearse
            cells = [row["ms"], row["replayed_ms"], row["cold_ms"], row["roof_share"],
                     PREDICTED.get(key_of(row)) if ours else None, modelled.get(key_of(row)) if ours else None]
            lines.append(f"| {workload}, batch {batch}, {precision} | {row['program']} | " +
                         " | ".join("" if cell is None else f"{cell:.3g}" for cell in cells) + " |")
        return lines

    def clock_rates(self):
        """The GPU's clocks before and after the rows of a step."""
        return self.clocks and ["", "| step | clock before, memory | after |", "|---|---|---|",
                                *(f"| {name} | {before} | {after} |" for name, before, after in self.clocks)] or []

    def bench(self, name, seconds, *arguments, environment=None):
        """Measures rows of `stillpoint bench`."""
        where = self.work / re.sub(r"\W+", "-", name)
        before = clocks() if self.gpu else ""
        seconds_a_round, rounds = ("0.001", "1") if self.options.rehearse else ("0.3", "2")
        self.step("step: " + name, seconds, [self.program, "bench", *arguments, "--device", "cuda", "--seconds", seconds_a_round,
                                             "--rounds", rounds, "--out", where], environment=environment)
        if (where / "bench.json").exists():
            self.measured += json.loads((where / "bench.json").read_text())["rows"]
            self.clocks.append((name, before, clocks()))
            self.write_summary()

    @staticmethod
    def assignments(values):
        return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]

    def identify(self):
        parts = []
        for name, command in (("GPU", ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.sm", "--format=csv"]),
                              ("processor", ["lscpu"])):
            if shutil.which(command[0]):
                printed = subprocess.run(command, capture_output=True, text=True, timeout=20).stdout
                parts += [line for line in printed.splitlines() if name == "GPU" or line.startswith(("Model name", "CPU(s)"))]
        _, printed = self.step("machine", 20, [self.program, "info"], gpu=False)
        self.machine = "\n".join([*parts, printed])
        cuda = next((line for line in printed.splitlines() if line.startswith("CUDA:")), "CUDA: no")
        self.gpu = not cuda.split(":", 1)[1].strip().startswith("no")

    def check(self):
        small = ["--no-timing", "--only", "@(op s*|model copy-memory single)"] if self.options.rehearse else []
        for precision in ("float32", "tf32", "bf16"):
            selftest = [self.program, "selftest", "--device", "cuda", "--precision", precision, *small]
            verdict, _ = self.step(f"selftest {precision}", 90, selftest)
            if verdict.startswith("failed"):
                self.step(f"selftest {precision}, kernel by kernel", 60, [*selftest, "--no-timing"], environment={"STILLPOINT_SYNC": "1"})
        plans = ["--only", "image-classification sim", "--set", "batch=1"] if self.options.rehearse else []
        self.step("plans of cuDNN and cublasLt", 30, [self.program, "info", "--plans", *plans])
        for name in ("test_cuda", "test_cuda_tasks"):
            if (self.tests / name).exists():
                self.step(name, 90, [self.tests / name])

    def time_steps(self):
        for name, seconds, full, small in TIMED:
            self.bench(name, seconds, *(small if self.options.rehearse else full))
        self.time_peers()

    def time_peers(self):
        """Times the frameworks of this Python beside ours on the GPU, a workload at a time, because they compile for long."""
        peers = [name for name, module in PEERS.items() if importlib.util.find_spec(module)]
        if not peers:
            self.step("step: beside PyTorch and JAX", 0, [], lacking="not installed: torch, jax")
            return
        for workload in ("step/copy-memory/sim-single", "step/copy-memory/deq", "step/pixels/sim-rff", "step/cifar/sim-single"):
            self.bench(f"{workload} beside {', '.join(peers)}", 60, workload, "--peer", ",".join(peers), "--python", sys.executable,
                       environment={"TORCHINDUCTOR_COMPILE_THREADS": str(os.cpu_count())})

    def watch(self):
        """Runs the sanitizers on small steps, for our kernels only, and collects the counters of some kernels."""
        small = ["train", "copy-memory", "--device", "cuda", *self.assignments(
            {**COPY, "model": "two", "batch": 2, "blank": 30, "train_sequences": 6})]
        for tool in ("memcheck", "racecheck", "initcheck", "synccheck"):
            self.step(f"compute-sanitizer {tool}", 40, ["compute-sanitizer", "--tool", tool, "--kernel-name", "kns=stillpoint",
                                                        "--error-exitcode", "9", self.program, *small, "--run", self.work / tool],
                      lacking=lacks("compute-sanitizer"))
        for workload, kernels in (("step/copy-memory/sim-single", 80), ("step/copy-memory/deq", 300)):
            name = "counters of " + workload
            verdict, printed = self.step(name, 45, ["ncu", "--clock-control", "none", "--graph-profiling", "node", "--metrics",
                                                    ",".join(PROFILED), "--csv", "-s", "100", "-c", kernels, self.program, "bench",
                                                    workload, "--device", "cuda", "--seconds", "0.001", "--rounds", "1"], lacking=lacks("ncu"))
            if verdict == "passed":
                self.counters += beside_the_emulator(workload, printed, emulated_rows())
                self.write_summary()

    def reproduce(self):
        left_out = "left out: --rehearse" if self.options.rehearse else ""
        data = pathlib.Path(self.options.data or os.environ.get("STILLPOINT_DATA", "")).resolve()
        for table, parts, name, seconds, words in (
                ("table3", ("natural", "text"), "table 3, 2,000 steps a picture", 150, []),
                ("table2", ("mnist", "fashion-mnist", "cifar10", "svhn"), "table 2, SIMs, shortened", 90,
                 ["--only", "sim", "--budget", "1"])):
            folder = self.work / table
            found = any((data / part).is_dir() for part in parts)
            self.step(name, seconds, [self.program, "reproduce", table, "--seeds", "1", "--device", "cuda", *words, "--data", data,
                                      "--folder", folder], lacking=left_out or ("" if found else f"no data: {' or '.join(parts)}"))
            if (page := folder / f"{table}.md").exists():
                self.tables += ["", *page.read_text().splitlines()]
                self.write_summary()

    def build(self):
        architecture = ask_gpu("compute_cap").replace(".", "")  # machine code for one GPU takes a third of the time of three
        chosen = [f"-DCMAKE_CUDA_ARCHITECTURES={architecture}-real"] if architecture else []
        self.step("configuration", 60, ["cmake", "--preset", "gpu", "-S", ROOT, *chosen], gpu=False, lacking=lacks("cmake"))
        self.step("build", 270, ["cmake", "--build", ROOT / "build/gpu", "--target", "stillpoint", "test_cuda", "test_cuda_tasks"],
                  gpu=False, lacking=lacks("cmake"))
        if not self.program.exists():
            sys.exit(f"gpu_hour: no program was built; see {self.folder / 'logs'}")

    def run(self):
        if not self.options.program:
            self.build()
        self.identify()
        self.check()
        self.time_steps()
        self.watch()
        self.reproduce()
        self.write_summary()
        print(f"summary: {self.folder / 'summary.md'}")
        return 1 if any(verdict.startswith("failed") for _, verdict, _ in self.rows) else 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", nargs="?", default="gpu-hour", help="for the summary and the logs; default: gpu-hour")
    p.add_argument("--program", help="stillpoint, built with CUDA; default: build it first")
    p.add_argument("--tests", help="the folder of test_cuda and test_cuda_tasks")
    p.add_argument("--data", help="folder of real data for tables 2 and 3")
    p.add_argument("--limit", type=float, default=480, help="seconds in all; default: 480")
    p.add_argument("--rehearse", action="store_true", help="the smallest sizes, to try the steps on the emulator")
    p.add_argument("--only", nargs="+", default=[], metavar="PART", help="only steps whose name contains one of these")
    sys.exit(Hour(p.parse_args()).run())


if __name__ == "__main__":
    main()
