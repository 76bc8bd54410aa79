"""Tests what needs no CUDA in bench/kernel_resources.py and loads_in_flight.py: occupancy, the reading of cuobjdump's
text, and the counting of loads."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import kernel_resources as tool  # noqa: E402
import loads_in_flight  # noqa: E402


def usage(registers=32, threads=256, shared=0, arch="sm_80", name="k"):
    return tool.Usage(arch, name, registers, 0, shared, threads)


class Occupancy(unittest.TestCase):
    # These percentages are those of NVIDIA's occupancy calculator.
    def test_registers(self):
        for registers, percent in [(32, 100), (37, 75), (40, 75), (48, 62), (64, 50), (65, 38), (96, 25), (128, 25),
                                   (129, 12), (255, 12)]:
            self.assertEqual(tool.occupancy(usage(registers)), percent, registers)

    def test_block_size(self):
        self.assertEqual(tool.occupancy(usage(32, 32)), 50)  # 32 blocks of one warp
        self.assertEqual(tool.occupancy(usage(32, 1024)), 100)
        self.assertEqual(tool.occupancy(usage(64, 1024)), 50)
        self.assertEqual(tool.occupancy(usage(65, 1024)), 0)

    def test_shared_memory(self):
        self.assertEqual(tool.occupancy(usage(shared=40000)), 50)  # 41,088 bytes for each block, of 167,936
        # An sm_90 has 233,472 bytes; the system takes 1,024 for each block.
        self.assertEqual(tool.occupancy(usage(shared=41024, arch="sm_90")), 62)
        self.assertEqual(tool.occupancy(usage(shared=41024, arch="sm_100")), 62)

    def test_dynamic_shared_memory(self):
        self.assertEqual(tool.dynamic_shared("tcn_block_backward_fused<float>"), 27808)
        self.assertEqual(tool.dynamic_shared("tcn_block_backward_fused<double>"), 48 * 1024)
        self.assertEqual(tool.dynamic_shared("each_element<Fill<float>>"), 0)
        self.assertEqual(tool.occupancy(usage(name="tcn_block_backward_fused<float>")), 62)  # 28,928 bytes of 167,936

    def test_unknown(self):
        self.assertIsNone(tool.occupancy(usage(arch="sm_75")))
        self.assertIsNone(tool.occupancy(usage(threads=0)))


ELF = """arch = sm_100
.nv.info
\tAttribute:\tEIATTR_REGCOUNT
.nv.info._Z1kPf
\tAttribute:\tEIATTR_MAX_THREADS
\tFormat:\tEIFMT_SVAL
\tValue:\t0x100 0x2 0x1 
.nv.info._Z1gPf
\tAttribute:\tEIATTR_CRS_STACK_SIZE
\tValue:\t0x0
"""
DUMP = """arch = sm_100
 Function _Z1kPf:
  REG:40 STACK:8 SHARED:1024 LOCAL:0 CONSTANT[0]:928 TEXTURE:0 SURFACE:0 SAMPLER:0
 Function _Z1gPf:
  REG:24 STACK:0 SHARED:0 LOCAL:16 CONSTANT[0]:928 TEXTURE:0 SURFACE:0 SAMPLER:0
"""


class Reading(unittest.TestCase):
    def test_dump(self):
        threads = tool.parse_threads(ELF)
        self.assertEqual(threads, {("sm_100", "_Z1kPf"): 512})
        self.assertEqual(tool.parse(DUMP, threads), [tool.Usage("sm_100", "k", 40, 8, 1024, 512),
                                                     tool.Usage("sm_100", "g", 24, 16, 0, 0)])

    def test_table(self):
        usages = [usage(arch=arch, name="k<float>") for arch in ("sm_100", "sm_80", "sm_90")]
        head, _, row = tool.table(usages).splitlines()
        self.assertIn("registers sm_80 | registers sm_90 | registers sm_100", head)
        self.assertEqual(row, "| `k` | float | 1 | 256 | 32 | 32 | 32 | 0 | 0 | 0 | 100 | 100 | 100 |")
        self.assertTrue(tool.summary(usages).startswith("1 kernels for sm_80, sm_90, sm_100;"))

    def test_refusal(self):
        spilled = tool.Usage("sm_100", "k", 64, 16, 0, 256)
        self.assertEqual(tool.refused([spilled, usage()]), [spilled])
        self.assertIn("16 bytes of stack", tool.complaint(spilled))


SASS = """	code for sm_90
		Function : _Z1kPf
	.headerflags	@"EF_CUDA_SM90 EF_CUDA_VIRTUAL_SM(EF_CUDA_SM90)"
        /*0000*/                   LDG.E R5, desc[UR6][R2.64] ;           /* 0x0 */
        /*0010*/              @!P0 LDG.E R7, desc[UR6][R8.64] ;
        /*0020*/                   FADD R5, R5, R7 ;
        /*0030*/                   STG.E desc[UR6][R2.64], R5 ;
"""


class Loads(unittest.TestCase):
    def test_sass(self):
        (arch, symbol, instructions), = loads_in_flight.functions(SASS)
        self.assertEqual((arch, symbol, len(instructions)), ("sm_90", "_Z1kPf", 4))
        self.assertEqual(loads_in_flight.most_in_flight(instructions), 2)

    def test_in_flight(self):
        most = loads_in_flight.most_in_flight
        load, store = "LDG.E R{}, desc[UR4][R2.64]", "STG.E desc[UR4][R2.64], R{}"
        loads = [load.format(r) for r in (4, 5, 6, 8)]
        self.assertEqual(most(loads + [store.format(4)]), 4)
        self.assertEqual(most([text for r in (4, 5, 6, 8) for text in (load.format(r), store.format(r))]), 1)
        self.assertEqual(most([loads[0], loads[1], "FADD R9, R4, R4", loads[2], loads[3]]), 2)
        self.assertEqual(most(["LDG.E.64 R2, desc[UR4][R8.64]", "LDG.E R4, desc[UR4][R2.64]"]), 1)  # of an address
        self.assertEqual(most(["LDG.E.128 R4, desc[UR4][R2.64]", "IADD3 R9, R7, 1, RZ", loads[3]]), 1)


if __name__ == "__main__":
    unittest.main()
