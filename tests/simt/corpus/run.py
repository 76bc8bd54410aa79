#!/usr/bin/env python3
"""Compiles the corpus by simt++, runs each program under its schedules and compares what was reported with `// expect:`.

Prints a table by topic and exits with 1 if a program is missed, hangs, crashes or is reported without a fault. With --bundle
the programs share one compilation, each in a namespace of its own, which takes a fraction of the time."""
import argparse
import concurrent.futures
import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
VERDICTS = ("found", "missed", "hung", "crashed", "false alarm", "not compiled", "correct")
REPORTED = 66
CHECKS = "race|bounds|init|sync|order|leak|api"


class Program:
    def __init__(self, path):
        self.path = path
        self.topic, file = os.path.split(os.path.relpath(path, HERE))
        self.name = os.path.splitext(file)[0]
        with open(path, encoding="utf-8") as source:
            lines = source.read().split("\n")
        found = re.match(rf"// expect: ((?:{CHECKS})(?:\|(?:{CHECKS}))*|nothing)(?: (.+))?$", lines[0])
        if not found or (found.group(1) == "nothing") != (found.group(2) is None):
            sys.exit(f"{path}:1: given {lines[0]!r}, expected `// expect: CHECK REGEX` (CHECK|CHECK if a schedule decides) or `// expect: nothing`")
        self.check, self.regex = found.groups()
        self.alone = any(line.startswith("// alone") for line in lines[:4])
        self.needs = [tool for line in lines[:4] for tool in re.findall(r"^// needs: (\S+)", line)]
        flags = re.match(r"// flags: (.+)", lines[1] if len(lines) > 1 else "")
        self.flags = flags.group(1).split() if flags else []
        ranks = re.match(r"// ranks: (\d+)", lines[1] if len(lines) > 1 else "")
        self.ranks = int(ranks.group(1)) if ranks else 1
        self.alone = self.alone or self.ranks > 1
        if self.ranks > 1 and shutil.which("mpicxx"):  # Open MPI's way to say where its headers are
            self.flags += subprocess.run(["mpicxx", "--showme:compile"], capture_output=True, text=True, check=False).stdout.split()
        self.results = []  # (schedule, verdict, text)
        self.command = None

    def verdict_of(self, code, output, timed_out):
        """Returns the verdict of one run."""
        if timed_out:
            return "hung"
        reports = re.findall(rf"^simt: ({CHECKS}): (.*)$", output, re.MULTILINE)
        if self.check == "nothing":
            return "false alarm" if reports or code == REPORTED else "crashed" if code != 0 else "correct"
        if any(check in self.check.split("|") and re.search(self.regex, text) for check, text in reports):
            return "found"
        if "api" in self.check.split("|") and re.search(self.regex, output):  # the program reported its own error
            return "found"
        return "crashed" if code < 0 else "missed"

    def run(self, schedule, limit):
        seed, late = schedule
        environment = dict({"SIMT_TIMEOUT": "2"}, **os.environ, SIMT_SEED=str(seed), SIMT_LATE=str(late))
        try:
            done = subprocess.run(self.command, env=environment, timeout=limit, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
            output = done.stdout.decode("utf-8", "replace")
            self.results.append((schedule, self.verdict_of(done.returncode, output, False), output))
        except subprocess.TimeoutExpired:
            self.results.append((schedule, "hung", ""))

    def verdict(self):
        """Returns the worst verdict of all schedules."""
        verdicts = [v for _, v, _ in self.results]
        return next((v for v in ("hung", "crashed", "false alarm", "missed", "not compiled") if v in verdicts),
                    "correct" if self.check == "nothing" else "found")


def compile_alone(program, simtxx, folder):
    target = os.path.join(folder, f"{program.topic}-{program.name}")
    done = subprocess.run([simtxx, "-O2", "-std=c++17", *program.flags, program.path, "-o", target], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        program.results.append((None, "not compiled", done.stderr))
        return
    program.command = [target]
    if program.ranks > 1:
        program.command = ["mpirun", "-np", str(program.ranks), "--oversubscribe", "--allow-run-as-root", target]


def rename_main(tokens_of, text):
    """Makes `main` a function that others can call: with arguments, and 0 if it ends without a return."""
    source = tokens_of(text)
    for n in range(len(source.solid)):
        if source.word(n) == "main" and source.word(n + 1) == "(":
            close = source.partner[n + 1]
            source.put(n, "program_main")
            if close <= n + 3 and source.word(close - 1) in ("(", "void"):
                source.drop(n + 2, close - 1)
                source.put(n + 1, "(int, char**")
            body = close + 1
            end = source.partner[body]
            source.put(end, "return 0; }")
            return "".join(source.text)
    raise ValueError("the program has no main")


def bundle(programs, simtxx, folder, number):
    """Compiles some programs in one source: headers first, then each program in a namespace with a `main` of its own."""
    headers, parts, rows = [], [], []
    sys.path.insert(0, os.path.dirname(os.path.realpath(simtxx)))
    tokens_of = importlib.import_module("simt_driver.source").Source
    for program in programs:
        space = f"corpus_{program.topic}_{program.name}"
        with open(program.path, encoding="utf-8") as file:
            lines = file.read().split("\n")
        body = []
        for line in lines:
            directive = re.match(r"\s*#\s*(\w+)\s*(.*)", line)
            if directive and directive.group(1) == "include":
                headers.append(line) if line not in headers else None
                line = ""
            body.append(line)
        macros = re.findall(r"^\s*#\s*define\s+(\w+)", "\n".join(body), re.MULTILINE)
        text = rename_main(tokens_of, "\n".join(body))
        undefine = "".join(f"\n#undef {macro}" for macro in dict.fromkeys(macros))
        parts.append(f'namespace {space} {{\n#line 1 "{program.path}"\n{text}{undefine}\n}}')
        rows.append(f'  if (name == "{program.topic}/{program.name}") return {space}::program_main(1, argv);')
    source = os.path.join(folder, f"bundle{number}.cu")
    with open(source, "w", encoding="utf-8") as file:
        file.write("\n".join(headers + ["#include <string>"] + parts + [
            '#line 1 "bundle"', "int main(int argc, char** argv) {", '  const std::string name = argc > 1 ? argv[1] : "";', *rows,
            "  return 2;", "}", ""]))
    target = source[:-3]
    done = subprocess.run([simtxx, "-O1", source, "-o", target], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stderr
    for program in programs:
        program.command = [target, f"{program.topic}/{program.name}"]
    return ""


def compile_all(programs, options, folder, pool):
    alone = [p for p in programs if p.alone or p.flags or not options.bundle]
    shared = [p for p in programs if p not in alone]
    groups = [shared[i::options.jobs] for i in range(options.jobs)] if shared else []
    jobs = [pool.submit(bundle, group, options.simtxx, folder, i) for i, group in enumerate(groups) if group]
    for done in [pool.submit(compile_alone, p, options.simtxx, folder) for p in alone]:
        done.result()
    for job in jobs:
        if job.result():
            sys.exit("the bundle does not compile (a program that needs its own compilation says `// alone`):\n" +
                     "\n".join(line for line in job.result().split("\n") if "error:" in line)[:4000])


def table(programs):
    """Returns the table of verdicts by topic, in Markdown."""
    rows = ["| topic | buggy | found in every schedule | missed | hung | crashed | correct | false alarms | not compiled |",
            "|---|---|---|---|---|---|---|---|---|"]
    total = [0] * 8
    for topic in sorted({p.topic for p in programs}):
        here = [p for p in programs if p.topic == topic]
        verdicts = [p.verdict() for p in here]
        counts = [sum(p.check != "nothing" for p in here), verdicts.count("found"), verdicts.count("missed"),
                  verdicts.count("hung"), verdicts.count("crashed"), sum(p.check == "nothing" for p in here),
                  verdicts.count("false alarm"), verdicts.count("not compiled")]
        total = [a + b for a, b in zip(total, counts)]
        rows.append("| " + " | ".join([topic, *map(str, counts)]) + " |")
    return "\n".join(rows + ["| " + " | ".join(["**all**", *map(str, total)]) + " |"])


def write_table(path, text):
    """Replaces what stands between the two marks in a document."""
    with open(path, encoding="utf-8") as file:
        document = file.read()
    start, end = "<!-- table -->\n", "<!-- end of the table -->"
    head, rest = document.split(start)
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + start + text + "\n" + end + rest.split(end)[1])


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simtxx", required=True, help="the path of simt++")
    parser.add_argument("--seeds", type=int, default=8, help="seeds 0, 1, ... (8), each early and late")
    parser.add_argument("--two", action="store_true", help="run only the schedules seed 1 early and seed 2 late")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=60, help="seconds per run (60)")
    parser.add_argument("--bundle", action="store_true", help="compile the programs in one go")
    parser.add_argument("--write", metavar="FILE", help="write the table into this document")
    parser.add_argument("--verbose", action="store_true", help="print what each failing run printed")
    parser.add_argument("only", nargs="*", help="topics, or TOPIC/NAME")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    paths = sorted(os.path.join(top, f) for top, _, files in os.walk(HERE) for f in files if f.endswith(".cu"))
    programs = [Program(path) for path in paths]
    if options.only:
        programs = [p for p in programs if p.topic in options.only or f"{p.topic}/{p.name}" in options.only]
    programs = [p for p in programs if all(shutil.which(tool) for tool in p.needs + ["mpirun"] * (p.ranks > 1))]
    if not programs:
        sys.exit("no such program")
    schedules = [(1, 0), (2, 1)] if options.two else [(s, late) for s in range(options.seeds) for late in (0, 1)]
    with tempfile.TemporaryDirectory(prefix="simt-corpus") as folder, \
            concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        compile_all(programs, options, folder, pool)
        for done in [pool.submit(p.run, s, options.timeout) for s in schedules for p in programs if p.command]:
            done.result()
    text = table(programs)
    print(text)
    wrong = [p for p in programs if p.verdict() not in ("found", "correct")]
    for p in wrong:
        bad = [(s, v, t) for s, v, t in p.results if v not in ("found", "correct")]
        print(f"{p.topic}/{p.name}: {p.verdict()} in {len(bad)} of {len(schedules)} schedules, expected {p.check} {p.regex or ''}")
        if options.verbose:
            print(f"  with SIMT_SEED, SIMT_LATE = {bad[0][0]}:\n    " + bad[0][2].strip().replace("\n", "\n    "))
    if options.write:
        write_table(options.write, text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
