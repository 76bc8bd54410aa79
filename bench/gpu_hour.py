"""Runs the first hour on a GPU: checks, times and counters of one NVIDIA GPU, in at most eight minutes, without a network.

    python3 bench/gpu_hour.py [--program STILLPOINT --tests FOLDER] [--folder gpu-hour] [--limit 480] [--only PART...]

Without --program it first builds one, in build/gpu. The steps run one after another, the most instructive first. Each has
its own time limit and verdict: passed, failed, out of time, no GPU, not installed. The folder gets `summary.md`, which is
rewritten after every step, and a log of each step. docs/gpu.md says how to read the results.
"""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPY = {"epochs": 1, "valid_sequences": 1, "test_sequences": 1, "log_every": 50}
# Milliseconds of a step on an H200, as predicted from reading the code before the first run.
PREDICTED = {"copy-memory single, batch 1": 0.27, "copy-memory single, batch 10": 0.31, "copy-memory single, batch 256": 0.8,
             "copy-memory DEQ, batch 1": 10, "pixels single, float32": 2.2, "pixels single, tf32": 0.95,
             "pixels single, bf16": 1.4, "CIFAR SIM, batch 128, float32": 1.05, "CIFAR SIM, batch 512, float32": 3.5,
             "CIFAR monDEQ, batch 128": 23}
PROFILED = ("gpu__time_duration.sum,dram__bytes.sum,sm__inst_executed_pipe_fma.sum,"
            "l1tex__data_pipe_lsu_wavefronts_mem_shared.sum,sm__warps_active.avg.pct_of_peak_sustained_active")


def write_data(folder):
    """Writes a synthetic set in the published format of CIFAR-10, and a picture. A step's cost does not depend on the pixels."""
    draw = random.Random(1)
    (folder / "cifar").mkdir(parents=True)
    records = b"".join(bytes([i % 10]) + draw.randbytes(3072) for i in range(10000))
    for name in [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]:
        (folder / "cifar" / name).write_bytes(records)
    side = 512
    rows = b"".join(b"\0" + bytes(v for x in range(side) for v in (x // 2, y // 2, (x // 16 + y // 16) % 2 * 200)) for y in range(side))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", side, side, 8, 2, 0, 0, 0)) +
                                         chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


class Hour:
    def __init__(self, options):
        self.options = options
        build = ROOT / "build/gpu"
        self.program = pathlib.Path(options.program or build / "stillpoint").resolve()
        self.tests = pathlib.Path(options.tests or build / "tests").resolve()
        self.machine, self.gpu = "", True
        self.folder = pathlib.Path(options.folder).resolve()
        self.begun = time.monotonic()
        self.rows, self.times = [], []
        if self.folder.exists() and any(self.folder.iterdir()):
            sys.exit(f"gpu_hour: given the folder {self.folder}, which holds files, expected a new or an empty one, name another")
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        self.work = self.folder / "work"
        self.work.mkdir()

    def left(self):
        return self.options.limit - (time.monotonic() - self.begun)

    def step(self, name, seconds, command, *, gpu=True, tool=None, environment=None):
        """Runs a command. Returns the verdict, and what the command printed."""
        if self.options.only and not any(part in name for part in self.options.only):
            return "not asked for", ""
        if gpu and not self.gpu:
            return self.note(name, "no GPU", 0), ""
        if tool is not None and shutil.which(tool) is None:
            return self.note(name, f"not installed: {tool}", 0), ""
        if self.left() < 10:
            return self.note(name, "no time left", 0), ""
        start = time.monotonic()
        log = self.folder / "logs" / (re.sub(r"\W+", "-", name) + ".txt")
        with log.open("wb") as out:
            process = subprocess.Popen([str(c) for c in command], stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                       cwd=self.work, env={**os.environ, **(environment or {})}, start_new_session=True)
            try:
                code = process.wait(min(seconds, self.left()))
                verdict = "passed" if code == 0 else f"failed: exit code {code}"
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                verdict = "out of time"
        return self.note(name, verdict, time.monotonic() - start), log.read_text(errors="replace")

    def note(self, name, verdict, seconds):
        self.rows.append((name, verdict, seconds))
        print(f"{name:44} {verdict:28} {seconds:6.1f} s", flush=True)
        self.write_summary()
        return verdict

    def write_summary(self):
        lines = ["# The first hour on a GPU", "", f"`{time.strftime('%Y-%m-%d %H:%M')}`, {time.monotonic() - self.begun:.0f} s of "
                 f"{self.options.limit} s", "", "```", self.machine.strip(), "```", "", "| step | verdict | seconds |", "|---|---|---:|"]
        lines += [f"| {name} | {verdict} | {seconds:.1f} |" for name, verdict, seconds in self.rows]
        if self.times:
            lines += ["", "| a training step | measured, ms | predicted, ms | of predicted |", "|---|---:|---:|---:|"]
            for name, ms in self.times:
                said = PREDICTED.get(name)
                lines.append(f"| {name} | {ms:.3f} | " + (f"{said:g} | {ms / said:.2f} |" if said else "| |"))
        (self.folder / "summary.md").write_text("\n".join(lines) + "\n")

    def train(self, name, seconds, *arguments):
        """Times a step from the rows of the log: the mean over the steps after the first row."""
        run = self.work / re.sub(r"\W+", "-", name)
        self.step("step: " + name, seconds, [self.program, "train", *arguments, "--device", "cuda", "--run", run])
        rows = []
        if (run / "metrics.jsonl").exists():
            rows = [row for row in map(json.loads, (run / "metrics.jsonl").read_text().splitlines()) if row["split"] == "train"]
        if len(rows) > 1:
            first, last = rows[0], rows[-1]
            self.times.append((name, 1000 * (last["time"] - first["time"]) / (last["step"] - first["step"])))
            self.write_summary()

    def copy(self, name, seconds, batch, steps, **settings):
        preset = settings.pop("preset", None)
        values = {**COPY, "batch": batch, "train_sequences": batch * steps, **settings}
        values["log_every"] = max(1, steps // 6)
        self.train(name, seconds, "copy-memory", *(["--preset", preset] if preset else []), *self.assignments(values))

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
        for precision in ("float32", "tf32", "bf16"):
            selftest = [self.program, "selftest", "--device", "cuda", "--precision", precision]
            verdict, _ = self.step(f"selftest {precision}", 90, selftest)
            if verdict.startswith("failed"):
                self.step(f"selftest {precision}, kernel by kernel", 60, [*selftest, "--no-timing"], environment={"STILLPOINT_SYNC": "1"})
        self.step("plans of cuDNN and cublasLt", 30, [self.program, "info", "--plans"])
        for name in ("test_cuda", "test_cuda_tasks"):
            if (self.tests / name).exists():
                self.step(name, 90, [self.tests / name])

    def time_steps(self):
        for batch, steps in ((1, 600), (10, 600), (64, 300), (256, 120), (512, 60)):
            self.copy(f"copy-memory single, batch {batch}", 20, batch, steps)
        for batch, steps in ((1, 90), (32, 60)):
            self.copy(f"copy-memory DEQ, batch {batch}", 25, batch, steps, preset="paper-deq")
        for precision in ("float32", "tf32", "bf16"):
            self.train(f"pixels single, {precision}", 15, "image-regression", self.data / "picture.png", "--model", "single",
                       *self.assignments({"epochs": 300, "precision": precision, "log_every": 50, "evaluate_every": 300}))
        for batch in (128, 512):
            for precision in ("float32", "tf32"):
                self.train(f"CIFAR SIM, batch {batch}, {precision}", 20, "image-classification", "--preset", "cifar10-sim", "--data",
                           self.data / "cifar", *self.assignments({"epochs": 1, "batch": batch, "precision": precision,
                                                                           "schedule": "constant", "log_every": 20}))
        self.train("CIFAR monDEQ, batch 128", 25, "image-classification", "--preset", "cifar10-mondeq-single", "--data",
                   self.data / "cifar", *self.assignments({"epochs": 1, "batch": 128, "log_every": 40, "tune_alpha": "false"}))

    def watch(self):
        """Runs the sanitizers on small steps, for our kernels only, and collects the counters of some kernels."""
        small = ["train", "copy-memory", "--device", "cuda", *self.assignments(
            {**COPY, "model": "two", "batch": 2, "blank": 30, "train_sequences": 6})]
        for tool in ("memcheck", "racecheck", "initcheck", "synccheck"):
            self.step(f"compute-sanitizer {tool}", 40, ["compute-sanitizer", "--tool", tool, "--kernel-name", "kns=stillpoint",
                                                        "--error-exitcode", "9", self.program, *small, "--run", self.work / tool],
                      tool="compute-sanitizer")
        for name, preset, skipped, kernels in (("copy memory", "paper-single", 200, 80), ("DEQ", "paper-deq", 1500, 120)):
            self.step(f"counters of {name}", 45, ["ncu", "--clock-control", "none", "--graph-profiling", "node", "--metrics", PROFILED,
                                                  "--csv", "-s", skipped, "-c", kernels, self.program, "train", "copy-memory",
                                                  "--preset", preset, "--device", "cuda",
                                                  *self.assignments({**COPY, "batch": 1, "train_sequences": 30}),
                                                  "--run", self.work / f"ncu-{preset}"], tool="ncu")

    def reproduce(self):
        data = ["--data", self.options.data] if self.options.data else []
        self.step("table 3, full length", 150, [self.program, "reproduce", "table3", "--seeds", "1", "--device", "cuda", "--budget", "2",
                                                *data, "--folder", self.work / "table3"])
        self.step("table 2, SIMs", 90, [self.program, "reproduce", "table2", "--only", "sim", "--seeds", "1", "--device", "cuda",
                                        "--budget", "1", *data, "--folder", self.work / "table2"])

    def build(self):
        self.step("configuration", 60, ["cmake", "--preset", "gpu", "-S", ROOT], gpu=False, tool="cmake")
        self.step("build", 270, ["cmake", "--build", ROOT / "build/gpu", "--target", "stillpoint", "test_cuda", "test_cuda_tasks"],
                  gpu=False, tool="cmake")
        if not self.program.exists():
            sys.exit(f"gpu_hour: no program was built; see {self.folder / 'logs'}")

    def run(self):
        if not self.options.program:
            self.build()
        self.identify()
        self.data = self.work / "data"
        if self.gpu:
            write_data(self.data)
        self.check()
        self.time_steps()
        self.watch()
        self.reproduce()
        shutil.rmtree(self.data, ignore_errors=True)
        self.write_summary()
        print(f"summary: {self.folder / 'summary.md'}")
        return 1 if any(verdict.startswith("failed") for _, verdict, _ in self.rows) else 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", help="stillpoint, built with CUDA; default: build it first")
    p.add_argument("--tests", help="the folder of test_cuda and test_cuda_tasks")
    p.add_argument("--folder", default="gpu-hour", help="for the summary and the logs; default: gpu-hour")
    p.add_argument("--data", help="folder of real data for tables 2 and 3")
    p.add_argument("--limit", type=float, default=480, help="seconds in all; default: 480")
    p.add_argument("--only", nargs="+", default=[], metavar="PART", help="only steps whose name contains one of these")
    sys.exit(Hour(p.parse_args()).run())


if __name__ == "__main__":
    main()
