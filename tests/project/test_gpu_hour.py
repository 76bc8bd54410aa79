"""Checks how the GPU hour sets ncu's counters beside the emulator's counts, and its tables of steps and peaks."""
import pathlib
import sys
import tempfile
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
import gpu_hour  # noqa: E402

CSV = """==PROF== Connected to process 1
"ID","Kernel Name","Metric Name","Metric Unit","Metric Value"
"0","void stillpoint::kernels::each_element<stillpoint::kernels::Lift<float>>(long, Lift)","dram__bytes.sum","byte","1,200"
"0","void stillpoint::kernels::each_element<stillpoint::kernels::Lift<float>>(long, Lift)","gpu__time_duration.sum","ns","2000"
"1","void stillpoint::kernels::each_element<stillpoint::kernels::Lift<float>>(long, Lift)","dram__bytes.sum","byte","800"
"2","void stillpoint::kernels::tcn_block_forward_fused<float>(Shape)","l1tex__data_pipe_lsu_wavefronts_mem_shared.sum","","n/a"
"3","void stillpoint::kernels::tcn_block_forward_fused<float>(Shape)","l1tex__data_pipe_lsu_wavefronts_mem_shared.sum","","50"
"""
ROWS = [{"workload": "step/a", "counts": {"kernels": {
    "each_element<Lift>": {"launches": 4, "bytes_touched": 2000, "shared_wavefronts": 0},
    "tcn_block_forward_fused": {"launches": 2, "bytes_touched": 1, "shared_wavefronts": 90}}}}]


def main():
    lines = gpu_hour.beside_the_emulator("step/a", CSV, ROWS)
    lift, = (line for line in lines if "each_element<Lift>" in line)
    assert lift.startswith("| `each_element<Lift>` | 2 | 1,000 (500) |"), lift
    tcn, = (line for line in lines if "tcn_block_forward_fused" in line)
    assert "| 1 |" in tcn and "50 (45)" in tcn, tcn
    assert "(500)" not in "".join(gpu_hour.beside_the_emulator("step/b", CSV, ROWS))

    with tempfile.TemporaryDirectory() as folder:
        hour = gpu_hour.Hour(types.SimpleNamespace(program="x", tests="x", folder=folder + "/hour", limit=10, only=[], data=None))
        assert hour.peaks() == [] and hour.step_times() == []
        row = {"workload": "step/copy-memory/deq", "batch": 1, "precision": "float32", "program": "stillpoint", "ms": 4.0,
               "replayed_ms": 3.0, "cold_ms": None, "roof_share": 0.5, "roof_gflops": 50000, "roof_gbytes": 4000}
        hour.measured = [row, {**row, "program": "torch", "ms": 40.0, "roof_gflops": None}, {**row, "roof_gflops": 45000}]
        assert "| float32 | 50.0 | 4,000 |" in hour.peaks(), hour.peaks()
        ours, theirs = hour.step_times()[3:5]
        assert "| stillpoint | 4 | 3 |  | 0.5 | 10 |" in ours, ours
        assert "| torch | 40 |" in theirs and "| 10 |" not in theirs, theirs


main()
