"""Tabulates registers, shared memory, stack and occupancy of every CUDA kernel in a program, and refuses spills.

    python3 bench/kernel_resources.py build/release/stillpoint [--update docs/kernel_resources.md]

Reads what the assembler recorded in the machine code (`cuobjdump --dump-resource-usage`, and `-elf` for the largest
number of threads of a block, with which every kernel is launched). A register that does not fit is spilled to the
kernel's stack frame, so a frame that FRAMES does not explain is an error: exit status 1. Status 77 means that
cuobjdump is missing, 2 that nothing could be read. --update writes the table between the two marker comments of a
page. --expect-refused reverses the verdict: exactly the named kernel must be refused.
"""
import argparse
import math
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
from typing import NamedTuple

BEGIN, END = "<!-- kernel table: begin -->", "<!-- kernel table: end -->"

# Kernels that may have a stack frame, its largest size in bytes, and the reason.
TRIGONOMETRY = ("the CUDA library's sine and cosine keep an array on the stack for the reduction of large "
                "arguments (beyond 1e5 in float32)")
FRAMES = [
    (r"each_element<(Map<(Sine|Cosine),|Lift<|FillNormal<)", 40, TRIGONOMETRY),
    (r"sim_head_forward_(fused|mma)<", 40, TRIGONOMETRY),
    (r"each_element<AndersonWeights<", 2496, "a thread solves a system of up to 17 unknowns, whose entries it indexes at "
                                             "run time"),
]

# One row covers every element type of these templates, because their cost is that of their body.
BODY_TEMPLATES = ("each_element", "each_value", "each_warp_row", "each_warp_row_then", "tile_product", "column_sums")


# Bytes of dynamic shared memory per block in float32 at the paper's sizes: the largest in
# docs/kernel_resources.md's tables.
DYNAMIC_SHARED = {
    "tcn_block_forward_fused": 17440,
    "tcn_block_backward_fused": 27808,
    "gradient_sums": 512 * 4,
    "sim_head_forward_fused": 34288,
    "sim_head_backward_fused": 38896,
    "sim_head_forward_mma": 37120,
    "sim_head_backward_mma": 41728,
    "column_sums": 256 * 4,
    "tile_product": 2 * 16 * 68 * 4,
    "relative_attention_query_tile": 8764,  # for the widest head
    "relative_attention_dqkv": 8892,
    "relative_attention_dr": 13176,
    "invert_planes": 4 * 97 * 4,
    "invert_in_registers": 2 * (2 * 16 * 6 + 1) * 2 * 4,
}
# Tiles of float64 are smaller if twice the bytes would not fit.
LARGEST_DOUBLE = 48 * 1024


class Multiprocessor(NamedTuple):
    """Limits of one multiprocessor (CUDA C++ Programming Guide, compute capabilities)."""
    shared: int  # bytes
    warps: int = 64
    blocks: int = 32
    registers: int = 65536  # in four partitions; a warp gets them in units of 256


MULTIPROCESSORS = {"sm_80": Multiprocessor(164 * 1024), "sm_90": Multiprocessor(228 * 1024),
                   "sm_100": Multiprocessor(228 * 1024), "sm_120": Multiprocessor(100 * 1024, warps=48, blocks=24)}
SYSTEM_SHARED = 1024  # per block; on sm_90 and later the assembler includes it if the kernel uses shared memory


class Usage(NamedTuple):
    arch: str
    name: str  # without parameters and namespaces
    registers: int
    stack: int
    shared: int  # static
    threads: int = 0  # per block; 0: the kernel has no __launch_bounds__


class ResourceError(Exception):
    """What was given, what was expected, what to do."""


def output_of(command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ResourceError(f"{command[0]}: given {command[1:]}, exit status {done.returncode}, expected 0, "
                            f"read its message: {done.stderr.strip()[:500]}")
    return done.stdout


def without_parameters(demangled):
    """`void a::f<b::(anonymous namespace)::X<float> >(long)` -> `f<X<float>>`; CUB's long arguments are left out."""
    if match := re.match(r"(?:void )?cub::(?:\w+::)*(\w+)<", demangled):
        return "cub::" + match[1]
    text = demangled.replace("(anonymous namespace)::", "")
    depth, end = 0, len(text)
    for i, c in enumerate(text):
        depth += {"<": 1, ">": -1}.get(c, 0)
        if c == "(" and depth == 0:
            end = i
            break
    text = re.sub(r"\b\w+::", "", text[:end]).replace("> >", ">>").replace("> >", ">>")
    return text.removeprefix("void ").strip()


def demangle(names):
    tool = shutil.which("c++filt") or shutil.which("cu++filt")
    if tool is None:
        raise ResourceError("kernel_resources: found no c++filt, expected it on PATH, install binutils")
    return output_of([tool], "\n".join(names) + "\n").splitlines()


def parse_threads(elf):
    """Returns the largest number of threads of a block by (architecture, symbol)."""
    threads, arch, symbol, wanted = {}, "?", None, False
    for line in elf.splitlines():
        if match := re.match(r"arch = (\S+)", line):
            arch = match[1]
        elif match := re.match(r"\.nv\.info\.(\S+)", line):
            symbol = match[1]
        elif "EIATTR_MAX_THREADS" in line:
            wanted = True
        elif wanted and (match := re.match(r"\s*Value:\s*(\w+) (\w+) (\w+)", line)):
            threads[arch, symbol] = math.prod(int(extent, 16) for extent in match.groups())
            wanted = False
    return threads


def parse(dump, threads):
    rows, arch, symbol = [], "?", None
    for line in dump.splitlines():
        if match := re.match(r"\s*arch = (\S+)", line):
            arch = match[1]
        elif match := re.match(r"\s*Function (\S+):", line):
            symbol = match[1]
        elif symbol and "REG:" in line:
            fields = {key: int(value) for key, value in re.findall(r"([A-Z]+):(\d+)", line)}
            rows.append((arch, symbol, fields["REG"], fields["STACK"] + fields["LOCAL"], fields["SHARED"],
                         threads.get((arch, symbol), 0)))
            symbol = None
    names = demangle([row[1] for row in rows]) if rows else []
    return [Usage(row[0], without_parameters(name), *row[2:]) for row, name in zip(rows, names)]


def read_usages(cuobjdump, programs):
    found = []
    for program in programs:
        if not program.is_file():
            raise ResourceError(f"kernel_resources: given {program}, expected a program or library, build it")
        threads = parse_threads(output_of([cuobjdump, "-elf", str(program)]))
        found += parse(output_of([cuobjdump, "--dump-resource-usage", str(program)]), threads)
    if not found:
        raise ResourceError("kernel_resources: found no kernel, expected a build with CUDA, configure with "
                            "-DSTILLPOINT_CUDA=ON")
    return sorted(set(found))


def allowed_frame(name):
    for pattern, size, reason in FRAMES:
        if re.match(pattern, name):
            return size, reason
    return 0, ""


def refused(usages):
    return [u for u in usages if u.stack > allowed_frame(u.name)[0]]


def complaint(u):
    return (f"{u.name} for {u.arch}: {u.stack} bytes of stack, expected at most {allowed_frame(u.name)[0]}, "
            "see -Xptxas=-v for spills: grant more registers by __launch_bounds__ or keep fewer values alive")


def dynamic_shared(name):
    floats = DYNAMIC_SHARED.get(name.partition("<")[0], 0)
    return min(2 * floats, LARGEST_DOUBLE) if "double" in name else floats


def round_up(n, multiple):
    return -(-n // multiple) * multiple


def resident_warps(u):
    """Returns the kernel's warps on one multiprocessor, or None if a limit is not known."""
    limits = MULTIPROCESSORS.get(u.arch)
    if limits is None or u.threads == 0:
        return None
    warps = -(-u.threads // 32)
    by_registers = 4 * (limits.registers // 4 // round_up(max(u.registers, 1) * 32, 256)) // warps
    own = u.shared - SYSTEM_SHARED if u.arch != "sm_80" and u.shared >= SYSTEM_SHARED else u.shared
    shared = round_up(own + dynamic_shared(u.name) + SYSTEM_SHARED, 128)
    return warps * min(limits.blocks, limits.warps // warps, by_registers, limits.shared // shared)


def occupancy(u):
    """Returns the percentage of a multiprocessor's warps that the kernel fills, or None if it is not known."""
    warps = resident_warps(u)
    return None if warps is None else round(100 * warps / MULTIPROCESSORS[u.arch].warps)


def row_of(name):
    """Returns the table row of an instance: (kernel, element type or rounding)."""
    template, _, arguments = name.partition("<")
    types = sorted(set(re.findall(r"\b(?:float|double|int|Tf32|Bf16)\b", arguments)))
    if template not in BODY_TEMPLATES:
        return template, ", ".join(types)
    arguments = re.sub(r"^(float|double), ", "", arguments)
    return f"{template}<{re.split('[<,>]', arguments)[0]}>", ""


def span(values):
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    return str(low) if low == high else f"{low}-{high}"


def archs_of(usages):
    return sorted({u.arch for u in usages}, key=lambda arch: int(re.sub(r"\D", "", arch) or 0))


def table(usages):
    archs = archs_of(usages)
    rows = {}
    for u in usages:
        rows.setdefault(row_of(u.name), []).append(u)
    heads = ["kernel", "type", "instances", "threads", *(f"registers {a}" for a in archs), "static shared",
             "dynamic shared", "stack", *(f"occupancy {a}" for a in archs)]
    lines = ["| " + " | ".join(heads) + " |", "|---|---|" + "---:|" * (len(heads) - 2)]
    by_hand_first = sorted(rows.items(), key=lambda row: (row[0][0].startswith(BODY_TEMPLATES), row[0]))
    for (kernel, types), members in by_hand_first:
        of = {a: [u for u in members if u.arch == a] for a in archs}
        cells = [f"`{kernel}`", types or "all", str(len({u.name for u in members})),
                 span([u.threads or None for u in members]), *(span([u.registers for u in of[a]]) for a in archs),
                 span([u.shared for u in members]), span([dynamic_shared(u.name) for u in members]),
                 span([u.stack for u in members]), *(span([occupancy(u) for u in of[a]]) for a in archs)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def summary(usages):
    framed = sorted({u.name for u in usages if u.stack > 0})
    text = f"{len({u.name for u in usages})} kernels for {', '.join(archs_of(usages))}; "
    if not framed:
        return text + "none has a stack frame."
    reasons = sorted({allowed_frame(name)[1] for name in framed} - {""})
    text += f"{len(framed)} have a stack frame: {'; '.join(reasons) or 'not explained'}."
    return textwrap.fill(text, 110)


def update(page, text):
    old = page.read_text(encoding="utf-8")
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(BEGIN) > old.index(END):
        raise ResourceError(f"kernel_resources: given {page} without one pair of markers, expected {BEGIN} and "
                            f"then {END}, add them")
    head, tail = old[:old.index(BEGIN)], old[old.index(END):]
    page.write_text(f"{head}{BEGIN}\n\n{text}\n\n{tail}", encoding="utf-8")


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    add = options.add_argument
    add("programs", nargs="+", type=pathlib.Path, help="programs, libraries or objects built with CUDA")
    add("--update", type=pathlib.Path, metavar="PAGE", help="write the table into this Markdown page")
    add("--expect-refused", metavar="KERNEL", help="succeed only if exactly KERNEL is refused")
    add("--cuobjdump", default="cuobjdump", help="path of the CUDA toolkit's cuobjdump")
    args = options.parse_args()
    cuobjdump = shutil.which(args.cuobjdump)
    if cuobjdump is None:
        print(f"kernel_resources: skipped: found no {args.cuobjdump}, expected the CUDA toolkit's cuobjdump, "
              "install cuda-cuobjdump or give --cuobjdump", file=sys.stderr)
        return 77
    try:
        usages = read_usages(cuobjdump, args.programs)
        text = f"{summary(usages)}\n\n{table(usages)}"
        bad = refused(usages)
        if args.update and not bad:
            update(args.update, text)
    except ResourceError as error:
        print(error, file=sys.stderr)
        return 2
    print(text)
    for usage in bad:
        print(complaint(usage), file=sys.stderr)
    expected = {args.expect_refused} - {None}
    return 0 if {usage.name for usage in bad} == expected else 1


if __name__ == "__main__":
    sys.exit(main())
