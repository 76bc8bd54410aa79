"""Runs g++ over what a command asks for: preprocesses, rewrites, compiles and links."""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

from simt_driver.flags import SOURCES
from simt_driver.rewrite import rewritten
from simt_driver.sides import with_device_bodies
from simt_driver.source import LINE_MARKER, Problem, Source


def call(command, verbose, **keywords):
    if verbose:
        print(shlex.join(command), file=sys.stderr)
    return subprocess.run(command, **keywords)


def include_flags(setup):
    return ([f"-I{folder}" for folder in setup["include"]] + [f for folder in setup["system"] for f in ("-isystem", folder)] +
            [f"-D{d}" for d in setup["definitions"]])


def is_cuda(name, language):
    return language in ("cu", "cuda") or language is None and name.endswith((".cu", ".cuh"))


def asks_for_architecture(text):
    """Returns whether a file of the user's own that went into the preprocessed text has __CUDA_ARCH__ in it."""
    for name in {m.group(2) for m in LINE_MARKER.finditer(text) if " 3" not in m.group(3)}:
        if os.path.isfile(name) and os.sep + os.path.join("simt", "include") + os.sep not in name:
            with open(name, encoding="utf-8", errors="replace") as file:
                if "__CUDA_ARCH__" in file.read():
                    return True
    return False


def preprocess(command, setup, name, target, more=()):
    flags = [setup["cxx"], "-E", "-x", "c++", command.standard_flag(), *command.preprocessor_flags(), *include_flags(setup),
             "-DSIMT_REWRITTEN=1", "-D__CUDACC__=1", "-D__NVCC__=1",
             "-D__CUDACC_VER_MAJOR__=13", "-D__CUDACC_VER_MINOR__=0", "-D__CUDACC_VER_BUILD__=0", "-D__CUDACC_EXTENDED_LAMBDA__=1",
             "-include", "simt/launch.h", command.optimise or "-O2"]
    if any(f in ("-MD", "-MMD") for f in flags) and "-MF" not in flags:
        flags += ["-MF", os.path.splitext(target)[0] + ".d", "-MT", target]
    done = call([*flags, *more, name], command.verbose, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return done.stdout.decode("utf-8", "surrogateescape")


def compile_source(command, setup, name, language, target):
    watched = setup["watched"] if command.watched else []
    flags = [setup["cxx"], command.standard_flag(), "-Wno-unknown-pragmas", *watched, "-g", command.optimise or "-O2"]
    stop = command.mode if command.mode == "-S" else "-c"
    if not is_cuda(name, language):
        kind = ["-x", language] if language else ["-x", "c"] if name.endswith(".c") else []
        if kind == ["-x", "c"]:
            flags = [setup["cxx"], "-g", command.optimise or "-O2"]
        return call([*flags, *command.compile, *include_flags(setup), stop, *kind, name, "-o", target], command.verbose).returncode
    text = preprocess(command, setup, name, target)
    if asks_for_architecture(text):
        device = preprocess(command, setup, name, target, ["-D__CUDA_ARCH__=900"])
        text = with_device_bodies(Source(text), Source(device))
    text = rewritten(Source(text))
    if command.rewritten or command.mode == "-E":
        sys.stdout.write(text)
        return 0
    cub = setup["cub"] if re.search(r'^# \d+ "[^"]*/(cub|thrust|cuda/std)/', text, re.MULTILINE) else []
    done = call([*flags, *command.compiler_flags(), *cub, stop, "-x", "c++-cpp-output", "-", "-o", target], command.verbose,
                input=text.encode("utf-8", "surrogateescape"))
    return done.returncode


def registers_of(command, name):
    """Returns lines of `symbol registers shared-bytes` for the kernels of a source; none without nvcc."""
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        return []
    own = [f for f in command.preprocessor_flags() if not f.startswith(("-f", "-M"))]
    done = call([nvcc, "-arch=sm_90", "--extended-lambda", "--expt-relaxed-constexpr", "-Xptxas=-v", *own, "-c", "-x", "cu", name, "-o",
                 os.devnull], command.verbose, stderr=subprocess.PIPE, text=True)
    found, symbol = [], ""
    for line in done.stderr.split("\n"):
        entry = re.search(r"Compiling entry function '(\w+)'", line)
        used = re.search(r"Used (\d+) registers", line)
        symbol = entry.group(1) if entry else symbol
        if used:
            shared = re.search(r"(\d+) bytes smem", line)
            found.append(f"{symbol} {used.group(1)} {shared.group(1) if shared else 0}")
    return found


def keep_registers(command, sources, objects, output):
    """Writes the registers of the kernels in the sources and in the objects beside the output."""
    lines = [line for name in sources for line in registers_of(command, name)]
    for name in objects:
        if os.path.exists(name + ".registers"):
            with open(name + ".registers", encoding="utf-8") as file:
                lines += file.read().splitlines()
    if lines:
        with open(output + ".registers", "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


def build(command, setup):
    if command.mode == "-dlink":  # nvcc links device code of objects into one more object; here it has nothing to hold
        return call([setup["cxx"], "-c", "-x", "c++", os.devnull, "-o", command.output or "a_dlink.o"], command.verbose).returncode
    if not command.inputs:
        raise Problem("simt++: no input files; `simt++ --help` says what it takes")
    with tempfile.TemporaryDirectory(prefix="simt++") as folder:
        objects, cuda = [], []
        for number, (name, language) in enumerate(command.inputs):
            if language is None and not name.endswith(SOURCES):
                objects += [] if re.search(r"lib(cudart|cublas|cublasLt|cudnn|nccl|cuda|cudadevrt)\w*\.(so|a)", name) else [name]
                continue
            if language is None and not os.path.exists(name):
                raise Problem(f"simt++: {name}: no such file")
            stem = os.path.splitext(os.path.basename(name))[0]
            target = os.path.join(folder, f"{number}-{stem}.o")
            if command.mode in ("-c", "-S"):
                target = command.output or stem + (".o" if command.mode == "-c" else ".s")
            code = compile_source(command, setup, name, language, target)
            if code != 0:
                return code
            objects.append(target)
            if command.registers and is_cuda(name, language):
                cuda.append(name)
                if command.mode == "-c":
                    keep_registers(command, [name], [], target)
        if command.mode != "link" or command.rewritten:
            return 0
        keep_registers(command, cuda, objects, command.output or "a.out")
        return call([setup["cxx"], *objects, "-o", command.output or "a.out", *command.link, *setup["link"]],
                    command.verbose).returncode
