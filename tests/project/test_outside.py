"""Builds a project that uses Stillpoint from outside, against a tree of Stillpoint that is built.

    python3 tests/project/test_outside.py --build build/no-cuda WAY

WAY is one of the functions below. No library is compiled: what the tree has made is installed into a clean prefix, or put
where the outside project would make it.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PROJECT = """
cmake_minimum_required(VERSION 3.24)
project(outside LANGUAGES CXX)
{add}
foreach(option TESTS BENCH INSTALL)
  if(STILLPOINT_${{option}})
    message(FATAL_ERROR "STILLPOINT_${{option}} is ${{STILLPOINT_${{option}}}}, expected OFF")
  endif()
endforeach()
add_executable(06_own_task {source}/docs/examples/06_own_task.cpp)
target_link_libraries(06_own_task PRIVATE Stillpoint::tasks)
"""


def run(*command, **options):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        sys.exit(f"given {' '.join(map(str, command))}, which ended with {done.returncode}, expected 0:\n{done.stdout}")
    return done.stdout


def configure(source, build, *definitions):
    run(given.cmake, "-S", source, "-B", build, "-G", "Ninja", *definitions)
    compile_, link = [line for line in run("ninja", "-C", build, "-t", "commands", "06_own_task").splitlines()
                      if "06_own_task" in line]
    for flag in ("-march", "-Wall", "-fPIE", "-D_FORTIFY_SOURCE", "-Wl,-z"):
        if flag in compile_ + link:
            sys.exit(f"expected that nobody outside has to use {flag}:\n{compile_}\n{link}")
    return compile_, link


def expect_task(program, folder, *task):
    run(program, "train", *task, "--set", "epochs=1", "--run", folder / task[0])
    printed = run(program, "eval", folder / task[0], "--split", "test")
    if f'"task": "{task[0]}"' not in printed:
        sys.exit(f"expected the task {task[0]}:\n{printed}")


def installed(folder):
    prefix = folder / "prefix"
    run(given.cmake, "--install", given.build, "--prefix", prefix)
    for place in ("bin/stillpoint", "include/stillpoint/engine.h", "include/stillpoint/engine/tensor.h"):
        if not (prefix / place).exists():
            sys.exit(f"expected {place} in {prefix}")
    source = folder / "source"  # where no header of the tree is found by chance
    shutil.copytree(SOURCE / "docs/examples", source)
    configure(source, folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run(given.cmake, "--build", folder / "build", "--target", "06_own_task", "08_own_model")
    expect_task(folder / "build/06_own_task", folder, "wave")
    # A model of its own, with an op of its own, as one of copy memory's.
    small = [f"{name}_sequences=4" for name in ("train", "valid", "test")] + ["blank=3", "tcn_blocks=2"]
    expect_task(folder / "build/08_own_model", folder, "copy-memory", "--model", "squashed",
                *(word for setting in small for word in ("--set", setting)))


def as_part(folder, add, libraries):
    """Compiles and links as the outside project would once the libraries are there."""
    (folder / "CMakeLists.txt").write_text(PROJECT.format(add=add, source=SOURCE))
    commands = configure(folder, folder / "build", "-DSTILLPOINT_CUDA=OFF")
    for library in given.build.glob("libstillpoint_*.a"):
        shutil.copy(library, folder / "build" / libraries)
    for command in commands:
        run("bash", "-c", command, cwd=folder / "build")
    expect_task(folder / "build/06_own_task", folder, "wave")


def add_subdirectory(folder):
    as_part(folder, f"add_subdirectory({SOURCE} stillpoint EXCLUDE_FROM_ALL)", "stillpoint")


def fetch_content(folder):
    as_part(folder, f"include(FetchContent)\nFetchContent_Declare(stillpoint SOURCE_DIR {SOURCE})\n"
                    "FetchContent_MakeAvailable(stillpoint)", "_deps/stillpoint-build")


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ways = {f.__name__: f for f in (installed, add_subdirectory, fetch_content)}
parser.add_argument("--cmake", default="cmake")
parser.add_argument("--build", type=lambda text: pathlib.Path(text).resolve(), required=True)
parser.add_argument("way", choices=ways)
given = parser.parse_args()
with tempfile.TemporaryDirectory() as temporary:
    ways[given.way](pathlib.Path(temporary))
