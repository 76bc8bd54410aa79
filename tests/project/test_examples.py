"""Runs the commands of docs/examples/NN_*.txt and compares what they print, numbers to four digits.

    python3 tests/project/test_examples.py FOLDER_OF_THE_PROGRAMS [--update]

--update writes what they print now into the files. A command with ` tune ` runs only where this Python has Optuna.
"""
import importlib.util
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "docs/examples"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def same(found, expected):
    numbers = [[float(n) for n in NUMBER.findall(text)] for text in (found, expected)]
    words = [re.sub(r"\s+", " ", NUMBER.sub("#", text)) for text in (found, expected)]
    return words[0] == words[1] and len(numbers[0]) == len(numbers[1]) and all(
        math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-12) for a, b in zip(*numbers))


def run(file, programs):
    """The file's text with what its commands print now, and the commands that printed something else."""
    now, wrong = "", []
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "STILLPOINT_PYTHON": sys.executable}
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", file.read_text(), re.MULTILINE):
            if " tune " in command and importlib.util.find_spec("optuna") is None:
                now += f"$ {command}\n{expected}"
                continue
            done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, text=True, timeout=120,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            now += f"$ {command}\n{done.stdout}"
            if done.returncode != 0 or not same(done.stdout, expected):
                wrong.append(f"{file.name}: {command}: ended with {done.returncode}, printed\n{done.stdout}\nexpected\n{expected}")
    return now, wrong


programs = pathlib.Path(sys.argv[1]).resolve()
files = [f for f in sorted(EXAMPLES.glob("[0-9]*.txt")) if (programs / f.stem).exists()]
if len(files) < 7:
    sys.exit(f"given {programs} with {len(files)} examples, expected at least 7 of {EXAMPLES}; build them")
for file in files:
    now, wrong = run(file, programs)
    if "--update" in sys.argv:
        file.write_text(now)
    elif wrong:
        sys.exit("\n".join(wrong))
