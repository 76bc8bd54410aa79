#!/usr/bin/env python3
"""Checks steps' files: that PyTorch computes the same loss, output and gradients by bench/compare.py.

usage: tests/project/test_compare.py PROGRAM

The Python that STILLPOINT_PYTHON names, or this one, runs the comparison if it has PyTorch.
"""
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("STILLPOINT_PYTHON", sys.executable)
SHORT = ["blank=20", "batch=2", "train_sequences=4", "valid_sequences=1", "test_sequences=1", "epochs=1"]
PIXELS = {"single": ["phi_hidden=32", "d_phi=16"], "two": ["phi_hidden=32", "d_phi=16", "d_psi=16"], "rff": ["d_psi=16"]}
IMAGES = ["batch=8", "epochs=1", "schedule=constant", "colours=grey"]
SOLVED = ["tune_alpha=false", "tolerance=0", "max_iterations=40"]


def png(path, side, seed):
    """Writes a grey picture of random numbers."""
    draw = random.Random(seed)
    rows = b"".join(b"\0" + bytes(draw.randrange(256) for _ in range(side)) for _ in range(side))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
                     chunk(b"IEND", b""))


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, (command, result.stdout, result.stderr)
    return result.stdout


def compare(file, tolerance, expected=0):
    """Returns what the comparison prints."""
    result = subprocess.run([PYTHON, ROOT / "bench/compare.py", file, "--tolerance", str(tolerance)],
                            capture_output=True, text=True)
    assert result.returncode == expected, (file, result.stdout, result.stderr)
    return result.stdout


def check(program, folder, task, model, settings, tolerance, steps=2):
    """Trains a few steps, compares their files, and the one of eval."""
    place = folder / f"{task}-{model}"
    options = [word for s in [f"model={model}", "log_gradients=2", *settings] for word in ("--set", s)]
    run(program, "train", task, "--run", place, *options)
    files = sorted((place / "steps").glob("*.safetensors"))
    assert len(files) == steps, files
    run(program, "eval", place, "--split", "test", "--output", place / "shown")
    for file in [*files, place / "shown/compare.safetensors"]:
        print(f"{task} {model} {file.name}: {compare(file, tolerance).splitlines()[-1]}", flush=True)
    return files[0]


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    if subprocess.run([PYTHON, "-c", "import torch"], capture_output=True).returncode != 0:
        print(f"not tested: {PYTHON} has no torch; name one that has in STILLPOINT_PYTHON")
        return 77
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for model in ("single", "two", "tcn"):
            file = check(program, folder, "copy-memory", model, SHORT, 1e-5)
        compare(file, 1e-12, expected=1)  # it can fail
        check(program, folder, "copy-memory", "deq",
              [*SHORT, "blank=1", "solver_steps=60", "adjoint_steps=60", "solver_tolerance=0", "adjoint_tolerance=0"], 1e-3)
        png(folder / "one.png", 32, 0)
        for model, sizes in PIXELS.items():
            check(program, folder, "image-regression", model, [*sizes, "epochs=1", f"image={folder / 'one.png'}"], 1e-5, steps=1)
        for i in range(40):
            png(folder / "data" / ("first", "second")[i % 2] / f"{i}.png", 8, i)
        for model in ("sim", "sim2", "mondeq-single"):
            solved = SOLVED if model.startswith("mondeq") else []
            check(program, folder, "image-classification", model, [*IMAGES, *solved, f"data={folder / 'data'}"], 1e-4)
    return 0


sys.exit(main())
