"""Counts the loads of device memory that a thread of a kernel has in flight, from the machine code.

    python3 bench/loads_in_flight.py build/release/stillpoint [--least 4] [--kernels PATTERN...]

A load is in flight until an instruction uses what it loads, or until the thread stores. For each kernel whose name
contains a pattern of --kernels, division left out, the largest count over its code is printed. Exit status 1: a kernel has fewer than
--least; 77: cuobjdump is missing; 2: nothing could be read.
"""
import argparse
import pathlib
import re
import shutil
import sys

import kernel_resources

WIDTHS = {"64": 2, "128": 4}
# Kernels that stream by kernels/launch/stream.h.
STREAMS = ["each_value<"] + [f"each_warp_row<{body}<" for body in ("AfterInverse", "BeforeInverse", "FoldAliases", "Iterate",
                                                                 "RealBlocks", "SumBlocks", "TileAliases")]
# The divisions' slow paths are calls, which no load passes.
WITH_CALLS = "each_value<Zip<Divide,"


def registers(operand):
    """Returns the numbers of the registers that an operand names, both of a pair."""
    found = set()
    for number, pair in re.findall(r"\bR(\d+)(\.64)?", operand):
        found |= {int(number), int(number) + 1} if pair else {int(number)}
    return found


def most_in_flight(instructions):
    """Returns the largest number of loads that wait together in a list of instructions."""
    most, loads = 0, []
    for text in instructions:
        match = re.match(r"(?:@!?U?P\w+ )?(\S+)\s*(.*)", text)
        operation, operands = match[1], match[2]
        destination, _, sources = operands.partition(",")
        if operation.startswith("STG"):
            loads = []
        elif any(load & registers(sources) for load in loads):
            loads = []
        if operation.startswith("LDG"):
            parts = set(operation.split(".")) & WIDTHS.keys()
            first = min(registers(destination), default=None)
            if first is not None:
                loads.append(set(range(first, first + max((WIDTHS[p] for p in parts), default=1))))
        most = max(most, len(loads))
    return most


def functions(sass):
    """Yields (architecture, symbol, instructions) of cuobjdump's text."""
    arch, symbol, instructions = "?", None, []
    for line in sass.splitlines():
        if match := re.match(r"\s*(?:arch = |\.headerflags.*EF_CUDA_)SM_?(\d+)", line, re.IGNORECASE):
            arch = "sm_" + match[1]
        elif match := re.match(r"\s*Function : (\S+)", line):
            if symbol:
                yield arch, symbol, instructions
            symbol, instructions = match[1], []
        elif symbol and (match := re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+([^;]+?)\s*;", line)):
            instructions.append(match[1])
    if symbol:
        yield arch, symbol, instructions


def counts_of(cuobjdump, programs, patterns):
    rows = []
    for program in programs:
        read = list(functions(kernel_resources.output_of([cuobjdump, "-sass", str(program)])))
        names = kernel_resources.demangle([symbol for _, symbol, _ in read]) if read else []
        for (arch, _, instructions), name in zip(read, names):
            short = kernel_resources.without_parameters(name)
            if any(p in short for p in patterns) and not short.startswith(WITH_CALLS):
                rows.append((short, arch, most_in_flight(instructions)))
    return sorted(set(rows))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = options.add_argument
    add("programs", nargs="+", type=pathlib.Path, help="programs, libraries or objects built with CUDA")
    add("--least", type=int, default=4, help="loads that every kernel must have in flight")
    add("--kernels", nargs="+", default=STREAMS, help="parts of the names of kernels")
    add("--cuobjdump", default="cuobjdump", help="path of the CUDA toolkit's cuobjdump")
    args = options.parse_args()
    if shutil.which(args.cuobjdump) is None:
        print(f"loads_in_flight: skipped: found no {args.cuobjdump}, expected the CUDA toolkit's cuobjdump, install "
              "cuda-cuobjdump or give --cuobjdump", file=sys.stderr)
        return 77
    try:
        rows = counts_of(args.cuobjdump, args.programs, args.kernels)
    except kernel_resources.ResourceError as error:
        print(error, file=sys.stderr)
        return 2
    if not rows:
        print(f"loads_in_flight: found no kernel named {args.kernels}, expected one, build with CUDA", file=sys.stderr)
        return 2
    for name, arch, count in rows:
        print(f"{count:3d}  {arch}  {name}{'' if count >= args.least else f'  (expected at least {args.least})'}")
    return 0 if all(count >= args.least for *_, count in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
