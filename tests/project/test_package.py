"""Unpacks a package into an empty folder and runs it with each of its two cores that this processor supports.

Usage: test_package.py PACKAGE.tar.gz

The cores sum in different orders, so they need not train to the same bits: their weights after the same
steps, taken as one vector, may differ by 1 part in 10000. Each core has to repeat its own bits and to pass
`selftest`.
"""

import array
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

LOADER = "/lib64/ld-linux-x86-64.so.2"
TRAINING = ["train", "copy-memory", "--device", "cpu", "--threads", "1", "--run"]
SETTINGS = {"blank": 50, "batch": 10, "train_sequences": 1000, "valid_sequences": 10, "test_sequences": 10, "epochs": 1}


def run(*command, code=0, **variables):
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         env={"PATH": os.environ["PATH"], **variables})
    assert ran.returncode == code, f"{command} ended with {ran.returncode}, expected {code}:\n{ran.stdout}{ran.stderr}"
    return ran.stdout + ran.stderr


def levels():
    """Returns the levels of those cores that this processor can run."""
    return re.findall(r"x86-64-(v[34]) \(supported", run(LOADER, "--help"))


def with_level(program, level):
    """Returns the command that runs the program as the dynamic linker would on a processor of this level."""
    return [LOADER, "--glibc-hwcaps-mask", f"x86-64-{level}", program]


def weights(run_folder):
    """Returns the parameters of a run, all of them float32."""
    data = (run_folder / "checkpoint.safetensors").read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    values = array.array("f")
    for name, tensor in sorted(json.loads(data[8:start]).items()):
        if name.startswith("model/"):
            begin, end = tensor["data_offsets"]
            values.frombytes(data[start + begin:start + end])
    return values


def difference(a, b):
    """Returns |a - b| / |a|."""
    assert len(a) == len(b) > 1000, f"{len(a)} and {len(b)} weights"
    return (sum((x - y) ** 2 for x, y in zip(a, b)) / sum(x * x for x in a)) ** 0.5


def check_level(program, folder, level):
    command = with_level(program, level)
    folder_of_core = program.parent.parent / "lib/stillpoint" / ("glibc-hwcaps/x86-64-v4" if level == "v4" else "")
    core = folder_of_core / "libstillpoint_core.so"
    loaded = re.findall(r"calling init: (.*libstillpoint_core\.so)", run(*command, "info", LD_DEBUG="libs"))
    assert [pathlib.Path(path).resolve() for path in loaded] == [core], f"{level}: loaded {loaded}, expected {core}"
    assert f"built for x86-64-{level}," in run(*command, "info")
    run(*command, "selftest", "--device", "cpu", "--no-timing")
    trained = []
    for again in (1, 2):
        settings = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
        run(*command, *TRAINING, folder / f"{level}-{again}", *settings)
        trained.append(weights(folder / f"{level}-{again}"))
    assert trained[0] == trained[1], f"{level}: two runs ended with different weights"
    return trained[0]


def check_processors(program):
    """Checks the choice of core and the refusal on emulated processors."""
    if not shutil.which("qemu-x86_64"):
        return "no qemu-x86_64: other processors were not emulated"
    assert "built for x86-64-v3," in run("qemu-x86_64", "-cpu", "Haswell", program, "info")
    refusal = run("qemu-x86_64", "-cpu", "Nehalem", program, "info", code=1)
    assert re.search(r"stillpoint: this program was compiled for a newer processor .*lacks.*, avx2", refusal), refusal
    return "Haswell takes v3, Nehalem is refused with words"


def main():
    with tempfile.TemporaryDirectory(prefix="a package ") as name:
        folder = pathlib.Path(name).resolve()
        with tarfile.open(sys.argv[1]) as package:
            package.extractall(folder)
        program, = folder.glob("*/bin/stillpoint")
        assert levels(), "this processor lacks AVX2: nothing in the package can run here"
        best = levels()[0]
        assert f"built for x86-64-{best}," in run(program, "info"), f"the dynamic linker did not choose {best}"
        trained = [check_level(program, folder, level) for level in levels()]
        for other in trained[1:]:
            apart = difference(trained[0], other)
            assert apart < 1e-4, f"weights of the two cores are {apart} apart, expected less than 1e-4"
            print(f"weights of both cores: {len(other)}, {apart:.1e} apart")
        print(f"{sys.argv[1]}: {', '.join(levels())} work; {check_processors(program)}")


main()
