#!/usr/bin/env python3
"""Tests simt++ and simt-run: syntax, several sources, flags, errors, exit codes, reports, the profile, a CMake project."""
import argparse
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# The texels -1 to 4 of a row of red, green and black, by address mode: wrap, mirror, border.
RED, GREEN, BLACK = "1,0,0.2", "0,1,0.4", "0,0,0.0"
TEXELS = [" ".join(row) for row in ([BLACK, RED, GREEN] * 2, [RED, RED, GREEN, BLACK, BLACK, GREEN],
                                    [BLACK, RED, GREEN] + [BLACK] * 3)]
failed = 0


def expect(right, *about):
    global failed
    if not right:
        failed += 1
        print("FAILED:", *about)


def run(*command, env=None, **keywords):
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ, **(env or {})), check=False, **keywords)
    return done.returncode, done.stdout, done.stderr


def test_syntax(simtxx, folder):
    """Two sources are compiled apart with nvcc's flags, and linked."""
    flags = ["-arch=sm_90", "-gencode", "arch=compute_90,code=sm_90", "--expt-relaxed-constexpr", "--extended-lambda", "-lineinfo",
             "-rdc=true", "-Xcompiler", "-Wall,-fopenmp", "-std=c++17", "-O1", "-use_fast_math", "--ptxas-options=-v"]
    for name in ("syntax", "other", "sides"):
        code, _, errors = run(simtxx, *flags, "-MD", "-MF", f"{name}.d", "-c", f"{HERE}/{name}.cu", "-o", f"{name}.o", cwd=folder)
        expect(code == 0, name, errors)
    expect("syntax.cuh" in open(f"{folder}/syntax.d").read(), "the dependencies lack the header")
    code, _, errors = run(simtxx, "syntax.o", "other.o", "sides.o", "-o", "syntax", "-lcudart", "-lcublas", "-L/usr/local/cuda/lib64", cwd=folder)
    expect(code == 0, errors)
    code, out, errors = run(f"{folder}/syntax")
    lines = sorted(out.split("\n"))
    expect(code == 0, code, errors)
    for line in ("4 6 4 1 9 1 42 36", "host 101 3", "5 7 kernel<<<1, 2>>>(x)<raw <<<a>>>(b)8", "hello from block 0 of 2", "hello from block 1 of 2"):
        expect(line in lines, "no line", line, "in", out, errors)


def test_errors(simtxx, folder):
    """Errors of the compiler and of simt++ name the user's file and line."""
    source = f"{folder}/wrong.cu"
    for text, wanted in (("#include <cstdio>\n__global__ void k(int* x) {}\nint main() {\n  k<<<1,\n    1>>>(1.5f);\n}\n", "wrong.cu:5:"),
                         ("int main() {\n\n  <<<1, 1>>>(0);\n}\n", "wrong.cu:3: <<< has no kernel"),
                         ("__global__ void k();\nint main() { k<<<1, 1>>>; }\n", "wrong.cu:2: a launch needs >>>"),
                         ("__global__ int x;\n", "wrong.cu:1: a __global__ function has no parameters")):
        with open(source, "w") as file:
            file.write(text)
        code, _, errors = run(simtxx, source, "-o", f"{folder}/wrong")
        expect(code != 0 and wanted in errors, "expected", wanted, "in", errors)
    code, _, errors = run(simtxx, "-ptx", source)
    expect(code == 1 and "-ptx" in errors, errors)
    code, _, errors = run(simtxx, f"{folder}/absent.cu")
    expect(code == 1 and "no such file" in errors, errors)


def test_reports(simtxx, simt_run, folder):
    """One report with place and replay, exit codes, JUnit and SARIF."""
    program = f"{folder}/reports"
    code, _, errors = run(simtxx, f"{ROOT}/corpus/exercises/3_moving_average.cu", "-o", program)
    expect(code == 0, errors)
    code, _, errors = run(program, env={"SIMT_SEED": "3"})
    expect(code == 66 and "simt: bounds: average, block (" in errors and "3_moving_average.cu:" in errors, code, errors)
    expect("--replay 6 (SIMT_SEED=3 SIMT_LATE=0)" in errors, errors)
    code, _, errors = run(simt_run, "--error-exitcode", "9", "--schedules", "4", "--junit", "j.xml", "--sarif", "s.json", program, cwd=folder)
    expect(code == 9 and "4 of 4 schedules have a report; replay the first with --replay 0" in errors, code, errors)
    suite = xml.parse(f"{folder}/j.xml").getroot()
    expect(suite.get("tests") == "4" and suite.get("failures") == "4", suite.attrib)
    expect(suite[0][0].get("type") == "bounds", suite[0][0].attrib)
    with open(f"{folder}/s.json") as file:
        results = json.load(file)["runs"][0]["results"]
    expect(results and results[0]["ruleId"] == "bounds", results)
    place = results[0]["locations"][0]["physicalLocation"]
    expect(place["artifactLocation"]["uri"] == "3_moving_average.cu" and place["region"]["startLine"] in range(10, 25), place)
    code, _, errors = run(simt_run, "--check", "speed", program)
    expect(code == 2 and "given speed" in errors, errors)


def test_shrinking(simtxx, simt_run, folder):
    """A schedule is shrunk to the one choice that a report needs, and its number replays that."""
    program = f"{folder}/order"
    code, _, errors = run(simtxx, f"{HERE}/order.cu", "-o", program)
    expect(code == 0, errors)
    code, _, errors = run(program, env={"SIMT_SEED": "0"})
    expect(code == 0, errors)
    code, _, errors = run(simt_run, "--schedules", "8", "--shrink", program)
    found = re.search(r"of the (\d+) choices of schedule \d+, the report needs 1; replay it with --replay (\d+)", errors)
    expect(code == 66 and found and int(found[1]) > 50, errors)
    if found:
        code, _, errors = run(simt_run, "--replay", found[2], program)
        expect(code == 66 and f"--replay {found[2]} (" in errors and "SIMT_SWITCHES=" in errors and "order.cu:13" in errors, errors)


def test_failed_call(simtxx, simt_run, folder):
    """A failed call is reported, and turns only the exit code of success; a time limit is a report."""
    source = f"{folder}/failed.cu"
    with open(source, "w") as file:
        file.write("#include <unistd.h>\n#include <cstdlib>\n__global__ void k() {}\nint main(int n, char** argv) {\n  k<<<1, 2000>>>();\n"
                   "  if (n > 2) sleep(60);\n  return n > 1 ? std::atoi(argv[1]) : 0;\n}\n")
    code, _, errors = run(simtxx, source, "-o", f"{folder}/failed")
    expect(code == 0, errors)
    code, _, errors = run(f"{folder}/failed")
    expect(code == 66 and "cudaErrorInvalidConfiguration" in errors and "failed.cu:" in errors, code, errors)
    for switch in ({"SIMT_CHECK": "race,bounds"}, {"SIMT_API": "0"}):
        code, _, errors = run(f"{folder}/failed", env=switch)
        expect(code == 0 and errors == "", switch, code, errors)
    expect(run(f"{folder}/failed", "5")[0] == 5, "the program's own exit code is lost")
    code, _, errors = run(simt_run, "--check", "race", "--timeout", "1", f"{folder}/failed", "0", "x")
    expect(code == 66 and "longer than 1 s" in errors, code, errors)


def test_tour(simtxx, simt_run, folder):
    """The long example runs right under four schedules, and its profile has a row and pictures for each kernel."""
    code, _, errors = run(simtxx, f"{ROOT}/examples/tour.cu", "-o", f"{folder}/tour")
    expect(code == 0, errors)
    code, out, errors = run(simt_run, "--schedules", "4", f"{folder}/tour")
    expect(code == 0 and out.count(" right\n") == 24, code, out, errors)
    code, out, errors = run(simt_run, "--profile", "page.html", f"{folder}/tour", cwd=folder)
    page = open(f"{folder}/page.html").read()
    expect(code == 0 and "matrix_product" in out, code, out, errors)
    expect(page.count("<svg") > 20 and "tour.cu:" in page and "bank" in page, "the page lacks pictures")


def check_program(simtxx, folder, name, *flags, lines, fault):
    """Compiles a program, which prints the lines, and which has a fault if it is given an argument."""
    program = f"{folder}/{name}"
    code, _, errors = run(simtxx, *flags, f"{HERE}/{name}.cu", "-o", program)
    expect(code == 0, errors)
    for seed in "0", "1":
        code, out, errors = run(program, env={"SIMT_SEED": seed, "SIMT_LATE": seed})
        expect(code == 0 and [line.strip() for line in out.strip().split("\n")] == lines, name, seed, code, out, errors)
        code, _, errors = run(program, "1", env={"SIMT_SEED": seed, "SIMT_LATE": seed})
        expect(code == 66 and re.search(fault, errors), name, seed, code, errors)


def test_cccl(simtxx, folder):
    """Thrust and CUB run by NVIDIA's own headers, if these are installed."""
    if json.load(open(os.path.join(os.path.dirname(simtxx), "simt.json")))["cub"]:
        check_program(simtxx, folder, "cccl", "-O0", fault="data race: thread .* read it at block_exchange.cuh",
                      lines=["thrust 1 4498500 8995500500 1500", "extrema 2999 0 2999", "scan 0 4495501", "max 2999", "blocks 391937 392960", "warps 496 3568"])


def test_textures(simtxx, folder):
    check_program(simtxx, folder, "textures", fault="bounds: from_linear.* a freed allocation of 480 bytes",
                  lines=["linear 0 0 204", "filtered 25.25 127.25 519", *TEXELS])


def test_speed(simtxx, folder):
    """The measurement has a row of numbers for each of its kernels."""
    code, _, errors = run(simtxx, f"{ROOT}/examples/speed.cu", "-o", f"{folder}/speed")
    expect(code == 0, errors)
    code, out, errors = run(f"{folder}/speed", "0")
    expect(code == 0 and len(out.splitlines()) == 7 and "inf" not in out, code, out, errors)


def test_one_line(simtxx, folder):
    """Two barriers on a line are told apart, and copies of one are not, with and without optimisation."""
    if shutil.which("eu-addr2line") is None:
        return
    with open(f"{HERE}/one_line.cu", encoding="utf-8") as source:
        kernels = re.findall(r"__global__ void (\w+)", source.read())
    for level in ("-O0", "-O2"):
        code, _, errors = run(simtxx, level, f"{HERE}/one_line.cu", "-o", f"{folder}/one_line")
        expect(code == 0, errors)
        for kernel in kernels:
            code, _, errors = run(f"{folder}/one_line", kernel)
            parted = f"sync: {kernel}," in errors and "of the block at another call on the same line" in errors
            expect((code == 66 and parted) if kernel.startswith("two") else code == 0, level, kernel, code, errors)


def test_project(simtxx, folder, every=False):
    """CMake projects build and pass their tests with simt++ as their compiler; `every` tries all of them, and the toolchain file."""
    toolchain = os.path.join(os.path.dirname(simtxx), "..", "lib", "cmake", "simt", "toolchain.cmake")
    generator = ("-G", "Ninja") if shutil.which("ninja") else ()  # there may be no make
    compilers = (f"-DCMAKE_CUDA_COMPILER={simtxx}", f"-DCMAKE_CXX_COMPILER={simtxx}")
    for name in ("library_project", "saxpy_project", "headers_project")[:3 if every else 1]:
        for flags in (compilers, (f"-DCMAKE_TOOLCHAIN_FILE={toolchain}",))[:2 if every else 1]:
            build = f"{folder}/{name}{len(flags)}"
            for command in (("cmake", "-S", f"{ROOT}/examples/{name}", "-B", build, *generator, *flags),
                            ("cmake", "--build", build), ("ctest", "--test-dir", build, "--output-on-failure")):
                code, out, errors = run(*command)
                expect(code == 0, *command, out, errors)


def main():
    tests = {name[5:]: function for name, function in globals().items() if name.startswith("test_")}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=os.path.abspath, help="the build folder, which holds bin/simt++")
    parser.add_argument("tests", nargs="*", metavar="TEST", help=f"{', '.join(tests)}; all of them if none is given")
    parser.add_argument("--all", action="store_true", help="all projects, each in both ways")
    a = parser.parse_args()
    if unknown := [name for name in a.tests if name not in tests]:
        parser.error(f"given {unknown[0]}, expected {', '.join(tests)}")
    given = {"simtxx": f"{a.folder}/bin/simt++", "simt_run": f"{a.folder}/bin/simt-run", "every": a.all}
    for name in a.tests or tests:
        with tempfile.TemporaryDirectory(prefix="simt-driver") as folder:
            wanted = inspect.signature(tests[name]).parameters
            tests[name](**{key: value for key, value in {**given, "folder": folder}.items() if key in wanted})
    print("failed" if failed else "all right")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
