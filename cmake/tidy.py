#!/usr/bin/env python3
"""Runs clang-tidy over the files that differ from a commit, or over all.

usage: cmake/tidy.py [--all | COMMIT]   (default: main, or HEAD if there is no main)

It reads the compile commands of the preset `tidy`. A header that differs is checked through one source that includes it.
With --all, up to six sources of a folder are checked as one (STILLPOINT_UNITY), because their headers take most of the time.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/tidy"
FOR_CLANG = BUILD / "for_clang"  # the compile commands without the flags that clang reports as errors
ONLY_GCC = re.compile(r" -fno-(tree|split|crossjumping)[\w-]*")


def git(*arguments):
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True).stdout.splitlines()


def changed_since(commit):
    return set(git("diff", "--name-only", "--diff-filter=d", commit)) | set(git("ls-files", "--others", "--exclude-standard"))


def sources_of(changed, known):
    """The changed sources, and for each changed header the first source that includes it."""
    chosen = known & changed
    for header in sorted(name for name in changed if name.endswith(".h")):
        include = f'#include "{header}"'
        if not any(include in (ROOT / name).read_text(encoding="utf-8") for name in chosen):
            chosen |= set([name for name in sorted(known) if include in (ROOT / name).read_text(encoding="utf-8")][:1])
    return chosen


def check(program, name):
    done = subprocess.run([program, "-p", FOR_CLANG, "--quiet", "--extra-arg=-Wno-unknown-warning-option",
                           "--extra-arg=-Wno-ignored-optimization-argument", ROOT / name], capture_output=True, text=True)
    return name, done.returncode, re.sub(r"^\d+ warnings.*\n", "", done.stdout, flags=re.M)


def main():
    program = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    if program is None:
        sys.exit("tidy.py: found no clang-tidy, expected one, install the package clang-tidy")
    entries = json.loads((BUILD / "compile_commands.json").read_text(encoding="utf-8"))
    FOR_CLANG.mkdir(exist_ok=True)
    fit = [{**entry, "command": ONLY_GCC.sub("", entry["command"])} for entry in entries]
    (FOR_CLANG / "compile_commands.json").write_text(json.dumps(fit), encoding="utf-8")
    known = {os.path.relpath(entry["file"], ROOT) for entry in entries}
    known = {name for name in known if not name.startswith(("..", "build")) or "/together/" in name}
    if "--all" in sys.argv:
        chosen = known
    else:
        has_main = subprocess.run(["git", "-C", ROOT, "rev-parse", "-q", "--verify", "main"], capture_output=True).returncode == 0
        chosen = sources_of(changed_since(sys.argv[1] if len(sys.argv) > 1 else "main" if has_main else "HEAD"), known)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, code, text in pool.map(lambda name: check(program, name), sorted(chosen)):
            failed += code != 0
            if code != 0:
                print(f"{name}:\n{text}", flush=True)
    print(f"{len(chosen)} files checked, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
