"""Rewrites kernels: each launches itself if the host calls it. Replaces inline PTX that has a function in CUDA."""
import re

from simt_driver.source import CLOSE, OPEN, WITH_ARGUMENTS

SPECIFIERS = {"const", "volatile", "restrict", "__restrict__", "__restrict", "__grid_constant__", "register"}
TYPE_WORDS = {"int", "unsigned", "signed", "long", "short", "char", "bool", "float", "double", "void", "wchar_t", "auto",
              "char8_t", "char16_t", "char32_t", "struct", "class", "union", "enum", "typename", "__int128"}


def parameter_name(source, first, last):
    """Returns (name, index behind which a name goes if the parameter has none), and whether it is a pack."""
    end = last + 1
    depth = 0
    for n in range(first, last + 1):  # cut the default value
        w = source.word(n)
        depth += (w in OPEN) - (w in CLOSE)
        if w == "=" and depth == 0:
            end = n
            break
    pack = any(source.word(n) == "..." for n in range(first, end))
    for n in range(first, end - 2):  # a pointer to a function or an array: (*name)
        if source.word(n) == "(" and source.word(n + 1) in ("*", "&"):
            at = n + 1
            while source.word(at) in ("*", "&") or source.word(at) in SPECIFIERS:
                at += 1
            return (source.word(at) if source.is_name(at) else None), at - 1, pack
    while end > first and source.word(end - 1) == "]":
        end = source.partner[end - 1]
    at = end - 1
    types = [n for n in range(first, at) if source.word(n) not in SPECIFIERS]
    named = (source.is_name(at) and source.word(at) not in SPECIFIERS | TYPE_WORDS and types
             and source.word(at - 1) not in ("::", "typename", "struct", "class", "enum", "union"))
    return (source.word(at) if named else None), at, pack


def parameters(source, first, last):
    """Returns the names of a kernel's parameters (name, whether it is a pack), and names those that have none."""
    names, start, n, angles = [], first + 1, first + 1, 0
    while n <= last:
        w = source.word(n)
        if w in OPEN and n in source.partner:
            n = source.partner[n]
        elif w == "<":
            angles += 1
        elif w == ">":
            angles -= 1
        elif (w == "," and angles <= 0) or n == last:
            if n > start and source.written(start, n - 1) != "void":
                name, at, pack = parameter_name(source, start, n - 1)
                if name is None:
                    name = f"simt_unnamed_{len(names)}"
                    source.put(at, source.text[source.solid[at]] + " " + name)
                names.append((name, pack))
            start, angles = n + 1, 0
        n += 1
    return names


def rewrite_kernel(source, n):
    """Makes the kernel at its `__global__` launch itself when the host calls it."""
    source.put(n, "__attribute__((noipa))")
    at = n + 1
    while True:
        w = source.word(at)
        if w in (";", "{", "}", ""):
            source.fail(n, "a __global__ function has no parameters")
        if w in WITH_ARGUMENTS and source.word(at + 1) == "(":
            at = source.partner[at + 1]
        elif w == "(":
            break
        at += 1
    names, at = parameters(source, at, source.partner[at]), source.partner[at] + 1
    while source.word(at) not in ("{", ";", ""):
        if source.word(at) in OPEN:
            at = source.partner[at]
        at += 1
    if source.word(at) == "{":
        types = ", ".join(f"decltype({name})" + ("..." if pack else "") for name, pack in names)
        values = "".join(f", {name}" + ("..." if pack else "") for name, pack in names)
        source.put(at, "{ if (const void* simt_place = ::simt::called_from_host()) "
                       f"return ::simt::launch_from<{types}>(simt_place{values});")


# What stands for an instruction of inline PTX.
OF_PTX = {"griddepcontrol.wait": "cudaGridDependencySynchronize()",
          "griddepcontrol.launch_dependents": "cudaTriggerProgrammaticLaunchCompletion()",
          "barrier.cluster.arrive": "__cluster_barrier_arrive()", "barrier.cluster.wait": "__cluster_barrier_wait()"}


def rewrite_ptx(source):
    """Leaves out inline PTX that only prefetches, and replaces what has a function in CUDA."""
    for n in range(len(source.solid)):
        if source.word(n) not in ("asm", "__asm__"):
            continue
        first = n + 1
        while source.word(first) in ("volatile", "__volatile__"):
            first += 1
        if source.word(first) != "(" or first not in source.partner:
            continue
        instruction = source.word(first + 1).strip('"').partition(";")[0].strip()
        instruction = re.sub(r"(\.(release|acquire|aligned))+$", "", instruction)
        if instruction.startswith("prefetch") or instruction in OF_PTX:
            source.drop(n, source.partner[first])
            source.put(n, OF_PTX.get(instruction, ""))
