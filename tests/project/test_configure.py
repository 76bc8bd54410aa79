"""Configures the project on machines as users have them: nvcc is not on PATH, CUDA's libraries come from
pip's wheels, or there is only a driver.

    python3 tests/project/test_configure.py [--cmake cmake] CASE

CASE is one of the functions below. Exits with 77 if the machine has no CUDA toolkit in /usr/local/cuda.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TOOLKIT = pathlib.Path("/usr/local/cuda")


def configure(folder, *definitions, **environment):
    """Returns what CMake prints, with a PATH that has no nvcc."""
    kept = {k: v for k, v in os.environ.items() if k not in ("CUDA_HOME", "CUDA_PATH", "CUDACXX", "CUDAARCHS", "PYTHONPATH")}
    done = subprocess.run(
        [options.cmake, "-S", SOURCE, "-B", folder / "build", "-G", "Ninja", "-DSTILLPOINT_TESTS=OFF",
         "-DSTILLPOINT_SIMT=OFF", *definitions],
        env={**kept, "PATH": "/usr/bin:/bin", **environment}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.exit(f"given {definitions} and {environment}, CMake ended with {done.returncode}, expected 0:\n{done.stdout}")
    return done.stdout


def expect(printed, *words):
    for word in words:
        if word not in printed:
            sys.exit(f"expected '{word}' in what CMake prints:\n{printed}")


def need_toolkit():
    if not (TOOLKIT / "bin/nvcc").exists() or pathlib.Path("/usr/bin/nvcc").exists():
        sys.exit(77)


def nvcc_off_path(folder):
    need_toolkit()
    expect(configure(folder), "CUDA: found", "cuBLAS: found")


def nvcc_in_cuda_home(folder):
    need_toolkit()
    home = folder / "toolkit"
    home.symlink_to(TOOLKIT)
    expect(configure(folder, CUDA_HOME=str(home)), f"({home}/bin/nvcc)", "cuBLAS: found")


def folders_with_links():
    """Yields the folders where NVIDIA's libraries have unversioned names, which pip's wheels do not have."""
    bases = [*pathlib.Path("/usr/local").glob("cuda*"), pathlib.Path("/usr/local"), pathlib.Path("/usr")]
    for base in bases:
        for folder in [base / "lib", base / "lib64", base / "include", *base.glob("targets/*/lib"), *base.glob("targets/*/include"),
                       *base.glob("lib/*-linux-gnu")]:
            if any((folder / name).exists() for name in ("libcublas.so", "libcudnn.so", "libnccl.so", "cudnn.h", "nccl.h")):
                yield folder


def wheels_of_pip(folder):
    need_toolkit()
    wheels = folder / "site-packages/nvidia"
    expected = []
    for wheel, headers, libraries in (("cu*", "cuda_runtime.h cublas_v2.h cublasLt.h", "cudart cublas cublasLt"),
                                      ("cudnn", "cudnn_version.h", "cudnn"), ("nccl", "nccl.h", "nccl")):
        for library in libraries.split():
            real = next((TOOLKIT / "lib64").glob(f"lib{library}.so.[0-9]*"), None)
            if real is None:
                continue
            name = ".".join(real.name.split(".")[:3])
            place = wheels / wheel.replace("*", name.split(".")[-1])
            (place / "lib").mkdir(parents=True, exist_ok=True)
            (place / "include").mkdir(exist_ok=True)
            (place / "lib" / name).symlink_to(real)
            for header in headers.split():
                if not (place / "include" / header).exists():
                    (place / "include" / header).symlink_to(TOOLKIT / "include" / header)
            if library in ("cublas", "cudnn", "nccl"):
                expected.append(str(place / "lib" / name))
    hidden = ";".join(map(str, folders_with_links()))
    expect(configure(folder, f"-DCMAKE_IGNORE_PATH={hidden}", PYTHONPATH=str(wheels.parent)), "CUDA: found", *expected)


def driver_without_toolkit(folder):
    (folder / "libcuda.so.1").touch()
    printed = configure(folder, f"-DCMAKE_LIBRARY_PATH={folder}", CUDACXX="/missing/nvcc")
    expect(printed, "CUDA: not found", "CMake Warning", "This machine has an NVIDIA driver", "set CUDA_HOME")


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
cases = {f.__name__: f for f in (nvcc_off_path, nvcc_in_cuda_home, wheels_of_pip, driver_without_toolkit)}
parser.add_argument("--cmake", default="cmake")
parser.add_argument("case", choices=cases)
options = parser.parse_args()
with tempfile.TemporaryDirectory() as temporary:
    cases[options.case](pathlib.Path(temporary))
