"""Teaches gdb about programs of simt++: `source simt-gdb.py`, then `simt where`, `simt thread X [Y [Z]]` and printers of
CUDA's small types."""
import re
import struct

import gdb


def index(name):
    """Returns threadIdx, blockIdx, blockDim or gridDim of the device thread that stands here."""
    value = gdb.parse_and_eval(f"*(unsigned(*)[3])&{name}")
    return tuple(int(value[i]) for i in range(3))


class Where(gdb.Command):
    """simt where: print which device thread stands here: thread, block, lane and warp."""

    def __init__(self):
        super().__init__("simt where", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        thread, block, size = index("threadIdx"), index("blockIdx"), index("blockDim")
        number = (thread[2] * size[1] + thread[1]) * size[0] + thread[0]
        print(f"thread {thread} of block {block}: lane {number % 32} of warp {number // 32}; blocks of {size}, "
              f"grid of {index('gridDim')}")


class Only(gdb.Command):
    """simt thread X [Y [Z]]: stop at the breakpoints that follow only in this thread of each block."""

    def __init__(self):
        super().__init__("simt thread", gdb.COMMAND_BREAKPOINTS)

    def invoke(self, argument, from_tty):
        wanted = [int(word) for word in gdb.string_to_argv(argument)]
        condition = " && ".join(f"threadIdx.{axis} == {value}" for axis, value in zip("xyz", wanted))
        for point in gdb.breakpoints():
            point.condition = condition or None
        print(f"{len(gdb.breakpoints())} breakpoints: {condition or 'any thread'}")


class Warp(gdb.Command):
    """simt warp N: stop at the breakpoints that follow only in this warp of each block."""

    def __init__(self):
        super().__init__("simt warp", gdb.COMMAND_BREAKPOINTS)

    def invoke(self, argument, from_tty):
        number = "((threadIdx.z * (*(unsigned(*)[3])&blockDim)[1] + threadIdx.y) * (*(unsigned(*)[3])&blockDim)[0] + threadIdx.x)"
        for point in gdb.breakpoints():
            point.condition = f"{number} / 32 == {int(argument)}"
        print(f"{len(gdb.breakpoints())} breakpoints: warp {int(argument)}")


class Vector:
    """Prints float4, uint3, dim3 and the like as (1, 2, 3)."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return "(" + ", ".join(str(self.value[f]) for f in "xyzw" if f in {x.name for x in self.value.type.fields()}) + ")"


class Half:
    """Prints __half and __nv_bfloat16 as the number that their 16 bits hold."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        raw = bytes(gdb.selected_inferior().read_memory(self.value.address, 2))
        if "half" in str(self.value.type):
            return str(struct.unpack("<e", raw)[0])
        return str(struct.unpack("<f", b"\0\0" + raw)[0])


class Group(gdb.Command):
    """simt: commands about device threads."""

    def __init__(self):
        super().__init__("simt", gdb.COMMAND_USER, prefix=True)


def printer(value):
    name = str(value.type.strip_typedefs().unqualified())
    if re.fullmatch(r"(u?(char|short|int|long|longlong)|float|double)[1-4]|dim3", name):
        return Vector(value)
    return Half(value) if name in ("__half", "__nv_bfloat16") else None


Group(), Where(), Only(), Warp()
gdb.pretty_printers.append(printer)
