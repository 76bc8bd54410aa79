"""Interrupts training at random moments: each signal must save, say how to resume, and leave a checkpoint
that resumes.

Usage: interrupts.py STILLPOINT [--count N] [--at-once N] [--seed N]
"""

import argparse
import concurrent.futures
import json
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU, signal.SIGPIPE]
STOPPED = 130  # exit code of a run that was stopped and has saved


def settings(**values):
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


def write_picture(path, size=24):
    """Writes a greyscale picture as a PNG, in which a filter byte precedes every row."""
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((x * y) % 256 for x in range(size)) for y in range(size))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def write_digits(folder, train=60, test=10):
    folder.mkdir()
    for stem, count in (("train", train), ("t10k", test)):
        pixels = bytes((i * 7919) % 251 for i in range(count * 28 * 28))
        (folder / f"{stem}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, count, 28, 28) + pixels)
        (folder / f"{stem}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, count) +
                                                           bytes(i % 10 for i in range(count)))


def commands(folder):
    """Returns an endless run of every model, with steps of milliseconds."""
    write_picture(folder / "picture.png")
    write_digits(folder / "digits")
    endless = settings(epochs=1000000, log_every=7)
    copy = settings(blank=10, train_sequences=20, valid_sequences=2, test_sequences=2, batch=4)
    small_solver = settings(solver_steps=6, adjoint_steps=6, deq_features=8, deq_heads=2, deq_inner=8)
    out = []
    for model in ("tcn", "single", "two", "deq"):
        out.append(["copy-memory", "--model", model, *copy, *(small_solver if model == "deq" else settings(tcn_blocks=3))])
    for model in ("rff", "single", "two"):
        out.append(["image-regression", "--model", model, str(folder / "picture.png")])
    for model, channels in (("sim", "2"), ("sim2", "2"), ("mondeq-single", "2"), ("mondeq-multi", "2,2,2")):
        values = settings(batch=10)
        if model.startswith("mondeq"):
            values += ["--set", f'channels="{channels}"', *settings(max_iterations=10)]
        out.append(["image-classification", "--model", model, "--data", str(folder / "digits"), *values])
    return [["train", *words, *endless, "--device", "cpu"] for words in out]


def record_of(checkpoint):
    with checkpoint.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    assert checkpoint.stat().st_size == 8 + length + max(ends), "the checkpoint is not whole"


def wait_for_start(process, log):
    """Waits until the run has printed its folder; a signal makes it save from then on."""
    for _ in range(3000):
        if "run folder" in log.read_text():
            return
        assert process.poll() is None, log.read_text()
        time.sleep(0.01)
    raise AssertionError("the run did not start")


def interrupt(program, arguments, folder, number, seed):
    """Interrupts one run. Returns what went wrong, or None."""
    draw = random.Random(f"{seed} {number}")
    run, log = folder / f"run-{number}", folder / f"log-{number}"
    sent = SIGNALS[number % len(SIGNALS)]
    words = [program, *arguments, "--threads", str(1 + number % 2), "--run", str(run)]
    with log.open("w") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output, cwd=folder)
    wait_for_start(process, log)
    time.sleep(draw.uniform(0, 0.4))
    process.send_signal(sent)
    try:
        code = process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return f"{sent.name}: did not end: {' '.join(words)}"
    said = log.read_text()
    if code != STOPPED or "--resume" not in said:
        return f"{sent.name}: exit code {code}: {' '.join(words)}\n{said[-500:]}"
    record_of(run / "checkpoint.safetensors")
    if number % 10 == 0:
        return resume_once(program, arguments[1], run, folder)
    return None


def resume_once(program, task, run, folder):
    log = folder / f"{run.name}.resumed"
    with log.open("w") as output:
        process = subprocess.Popen([program, "train", task, "--resume", str(run), "--device", "cpu", "--threads", "1"],
                                   stdout=output, stderr=output, cwd=folder)
    wait_for_start(process, log)
    process.send_signal(signal.SIGTERM)
    code = process.wait(timeout=60)
    return None if code == STOPPED else f"resumed: exit code {code}: {log.read_text()[-500:]}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=22)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    flags = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as name, concurrent.futures.ThreadPoolExecutor(flags.at_once) as pool:
        folder = pathlib.Path(name)
        kinds = commands(folder)
        runs = [pool.submit(interrupt, flags.program, kinds[i % len(kinds)], folder, i, flags.seed)
                for i in range(flags.count)]
        for run in concurrent.futures.as_completed(runs):
            if run.exception() or run.result():
                failed.append(str(run.exception() or run.result()))
                print(failed[-1], flush=True)
    print(f"{flags.count - len(failed)} of {flags.count} interrupts saved")
    sys.exit(bool(failed))


main()
