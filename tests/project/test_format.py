#!/usr/bin/env python3
"""Checks that every C++ and CUDA file is as .clang-format lays it out; with --fix, lays them out so.

usage: tests/project/test_format.py [--fix] [CLANG_FORMAT]   (default: clang-format-14 or clang-format on PATH)

Versions of clang-format print differently, so another one than 14 is not asked: the exit code is then 77, "skipped".
"""
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = "version 14."
SUFFIXES = {".h", ".cpp", ".cu", ".cuh"}
FOLDERS = ("bench", "docs", "engine", "kernels", "models", "solvers", "tasks", "tests")


def main():
    arguments = [a for a in sys.argv[1:] if a != "--fix"]
    program = arguments[0] if arguments else shutil.which("clang-format-14") or shutil.which("clang-format")
    found = subprocess.run([program, "--version"], capture_output=True, text=True).stdout if program else "none"
    if VERSION not in found:
        print(f"test_format: found {found.strip()}, expected clang-format {VERSION[:-1]}; skipped (package clang-format-14)")
        return 77
    files = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES)
    if "--fix" in sys.argv:
        return subprocess.run([program, "-i", *files]).returncode
    done = subprocess.run([program, "--dry-run", "--Werror", "--ferror-limit=1", *files], capture_output=True, text=True)
    wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "[-Wclang-format-violations]" in line})
    for name in wrong:
        print(pathlib.Path(name).relative_to(ROOT))
    print(f"{len(wrong)} of {len(files)} files differ from .clang-format" + ("; run test_format.py --fix" if wrong else ""))
    return 1 if done.returncode or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
