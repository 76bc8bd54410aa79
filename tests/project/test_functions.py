#!/usr/bin/env python3
"""Checks that functions of C++, CUDA and Python, tests included, have at most 40 lines, from the name to the end; longer
ones are listed here with a reason. A listed function that is shorter, or gone, is an error too.

usage: tests/project/test_functions.py
"""
import ast
import fnmatch
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("bench", "cmake", "docs", "engine", "kernels", "models", "solvers", "tasks", "tests")
SUFFIXES = {".h", ".cpp", ".cu", ".cuh"}
PYTHON = b"#!/usr/bin/env python3"
MOST = 40
LIST = "a list with one entry after the other"
STORY = "one scenario, whose steps stand in the order in which they happen"
FORMULA = "one computation whose parts share its arrays, as the peer's framework wants it"
REGISTERS = "one loop nest whose accumulators stay in registers"
ALLOWED = {  # patterns of file and function
    ("bench/peers/jax_mondeq.py", "mondeq_gradients"): FORMULA,
    ("bench/peers/mondeq_peer.py", "loss_and_backward"): FORMULA,
    ("engine/cases/*.cpp", "add_*_cases"): LIST,
    ("kernels/gemm/cuda.cu", "make_plan"): "cublasLt's description of one product, which is destroyed at its end",
    ("kernels/launch/tile_product.h", "tile_product"): REGISTERS,
    ("kernels/monotone/frequency_line.h", "forward_line"): REGISTERS,
    ("kernels/relative_attention/cpu.cpp", "backward_queries"): REGISTERS,
    ("kernels/relative_attention/cuda_backward.cu", "attention_dkv"): REGISTERS,
    ("kernels/relative_attention/cuda_backward.cu", "relative_attention_dr"): REGISTERS,
    ("tasks/bench/results/row.cpp", "members"): LIST,
    ("tasks/process/child.cpp", "start_child"): "one fork, and all that the child must find ready",
    ("tasks/command/cli_bench.cpp", "BenchFlags::add_to"): LIST,
    ("tasks/command/cli_tune.cpp", "TuneFlags::add_to"): LIST,
    ("tasks/command/cli_tune.cpp", "TuneFlags::plan"): LIST,
    ("tasks/data/dataset.cpp", "make_infos"): LIST,
    ("tests/engine/test_autograd.cpp", "a TCN block whose weights do not fit *"): LIST,
    ("tests/simt/corpus/pointers/pointers_in_memory.cu", "main"): STORY,
    ("tests/simt/driver/simt-run", "picture"): "one drawing from top to bottom",
    ("tests/simt/driver/simt_driver/flags.py", "take"): LIST,
    ("tests/simt/runtime/device.cpp", "cudaDeviceGetAttribute"): LIST,
    ("tests/simt/tests/host_api.cpp", "simt: late streams run in order *"): STORY,
    ("tests/tasks/bench/test_bench.cpp", "the bench command refuses *"): LIST,
    ("tests/tasks/bench/test_bench_workloads.cpp", "every op case and every room *"): LIST,
    ("tests/tasks/test_special_files.cpp", "no command waits for a pipe *"): LIST,
}
QUOTED = re.compile(r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*.*?\*/', re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
TYPE = re.compile(r"\b(namespace|class|struct|enum|union)\b[^()]*$")
FUNCTION = re.compile(r"\)\s*(const|noexcept|override|final|mutable|->[^;]*|:[^:].*|\s)*$", re.S)
MACRO = re.compile(r"^[A-Z][A-Z_]+\(.*\)$", re.M)
TITLE = re.compile(r'TEST_CASE\(\s*"(.*?)"[,)\n]')
NAME = re.compile(r"((?:[\w<>]+::)*[~\w]+|operator\S+?)\s*\(")


def lines_only(match):
    return ("" if match[0].startswith(("/", "#", " ", "\t")) else '""') + "\n" * match[0].count("\n")


def python_functions(text):
    """Yields name and number of lines of each function; those inside another count with it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            yield node.name, node.end_lineno - node.lineno + 1


def functions(text):
    """Yields name and number of lines of each function that is not inside another; lambdas count with theirs. A test's
    name is its title."""
    source = text.split("\n")
    text = MACRO.sub("", DIRECTIVE.sub(lines_only, QUOTED.sub(lines_only, text)))
    open_braces, start = [], 0
    for brace in re.finditer(r"[{};]", text):
        at = brace.start()
        if brace[0] == "{":
            head = text[start:at].strip()
            inside = any(name for name, _ in open_braces)
            names = [name for name in NAME.finditer(re.sub(r"__launch_bounds__\([^)]*\)", lambda m: " " * len(m[0]), head))]
            is_function = not inside and names and FUNCTION.search(head) and not TYPE.search(head) and not head.endswith("=")
            first = text.count("\n", 0, at) - head.count("\n", names[0].start() if names else 0)
            open_braces.append((names[0][1] if is_function else "", first))
        elif brace[0] == "}" and open_braces:
            name, first = open_braces.pop()
            if name:
                title = TITLE.match("\n".join(source[first:first + 3])) if name == "TEST_CASE" else None
                yield title[1] if title else name, text.count("\n", 0, at) - first + 1
        start = at + 1


def main():
    found, checked = {}, 0
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*")):
        is_python = path.suffix == ".py" or path.suffix == "" and path.is_file() and path.read_bytes().startswith(PYTHON)
        if not is_python and path.suffix not in SUFFIXES:
            continue
        for name, lines in (python_functions if is_python else functions)(path.read_text(encoding="utf-8")):
            checked += 1
            if lines > MOST:
                found[(str(path.relative_to(ROOT)), name)] = lines
    unused = set(ALLOWED)
    unlisted = 0
    for (path, name), lines in sorted(found.items()):
        rows = {row for row in ALLOWED if fnmatch.fnmatch(path, row[0]) and fnmatch.fnmatch(name, row[1])}
        unused -= rows
        if not rows:
            unlisted += 1
            print(f"{path}: {name} has {lines} lines, expected at most {MOST}; shorten it, or list it with a reason")
    for path, name in sorted(unused):
        print(f"{path}: {name} is listed, but has at most {MOST} lines or is gone; take it off the list")
    print(f"{checked} functions, {len(found)} with more than {MOST} lines, of which {len(found) - unlisted} are listed")
    return 1 if unlisted or unused or checked < 5000 else 0


if __name__ == "__main__":
    sys.exit(main())
