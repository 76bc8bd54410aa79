"""Checks the GPU hour without a GPU: its tables, how it times peers, and the folder that is carried to a GPU."""
import pathlib
import subprocess
import sys
import tempfile
import types
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
import gpu_hour  # noqa: E402
import gpu_pack  # noqa: E402

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

# The files that a build needs below /usr, and where the overlay has them.
OVERLAY = {"include/eigen3/Eigen/Core": "include/eigen3/Eigen/Core", "include/png.h": "include/png.h",
           "include/x86_64-linux-gnu/jconfig.h": "include/jconfig.h", "lib/x86_64-linux-gnu/libz.a": "lib/libz.a",
           "share/eigen3/cmake/Eigen3Config.cmake": "share/eigen3/cmake/Eigen3Config.cmake"}


def check_carried(folder):
    """The overlay mirrors /usr, as CMake's files of packages expect, and run.sh takes the program or builds it."""
    for name in OVERLAY:
        (folder / "usr" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "usr" / name).write_text(name)
    gpu_pack.copy_overlay(folder / "overlay", folder / "usr")
    for name, target in OVERLAY.items():
        assert (folder / "overlay" / target).read_text() == name
    (folder / "run.sh").write_text(gpu_pack.RUN)
    (folder / "lib").mkdir()
    for name in ("libc.so.6", "libnowhere.so.6"):
        (folder / "lib" / name).touch()
    (folder / "source/bench").mkdir(parents=True)
    (folder / "source/bench/gpu_hour.py").write_text("import os, sys; print(sys.argv[1:], os.environ['CMAKE_PREFIX_PATH'])")

    def run(*arguments):
        return subprocess.run(["sh", folder / "run.sh", *arguments], check=True, capture_output=True, text=True).stdout
    carried, built = run("--limit", "9"), run("build", "--limit", "9")
    assert "--program" in carried and "bin/stillpoint" in carried and "'--limit', '9'" in carried, carried
    assert "--program" not in built and "'build'" not in built and "'--limit', '9'" in built, built
    assert built.rstrip().endswith(f"{folder}/overlay"), built
    assert [library.name for library in (folder / "lacking").iterdir()] == ["libnowhere.so.6"]


def check_peers(hour):
    """Each workload is timed by itself beside the frameworks of this Python that can use a GPU."""
    commands = []
    with mock.patch.object(hour, "bench", lambda name, seconds, *words, environment: commands.append(words)):
        for found, peers in ((("torch", "jax_cuda13_plugin"), "torch,torch-compile,torch-graph,jax"), (("jax_cuda13_plugin",), "jax")):
            commands.clear()
            with mock.patch.object(gpu_hour.importlib.util, "find_spec", lambda module: module in found):
                hour.time_peers()
            assert len(commands) == 4 and all(words[1:3] == ("--peer", peers) for words in commands), commands
        with mock.patch.object(gpu_hour.importlib.util, "find_spec", lambda module: None):
            hour.time_peers()
    assert hour.rows[-1][:2] == ("step: beside PyTorch and JAX", "not installed: torch, jax"), hour.rows


def check_verdicts(hour):
    """A step whose time is over may save what it has, and a step that cannot run says why."""
    slow = ["sh", "-c", "trap 'echo saved; exit 3' TERM; echo begun; sleep 60 & wait"]
    with mock.patch.object(gpu_hour, "GRACE", 1):
        assert hour.step("slow", 2, slow) == ("out of time", "begun\nsaved\n")
    assert hour.rows[-1][2] < 30, hour.rows
    assert hour.step("wrong", 60, ["sh", "-c", "exit 3"])[0] == "failed: exit code 3"
    assert hour.step("without", 60, ["false"], lacking=gpu_hour.lacks("no-such-tool"))[0] == "not installed: no-such-tool"
    hour.reproduce()
    assert [verdict for _, verdict, _ in hour.rows[-2:]] == ["no data: natural or text", "no data: mnist or fashion-mnist or cifar10 or svhn"]
    hour.gpu = False
    assert hour.step("on a GPU", 60, ["false"])[0] == "no GPU"
    summary = (hour.folder / "summary.md").read_text()
    assert "| slow | out of time |" in summary and "| on a GPU | no GPU | 0.0 |" in summary, summary


def main():
    lines = gpu_hour.beside_the_emulator("step/a", CSV, ROWS)
    lift, = (line for line in lines if "each_element<Lift>" in line)
    assert lift.startswith("| `each_element<Lift>` | 2 | 1,000 (500) |"), lift
    tcn, = (line for line in lines if "tcn_block_forward_fused" in line)
    assert "| 1 |" in tcn and "50 (45)" in tcn, tcn
    assert "(500)" not in "".join(gpu_hour.beside_the_emulator("step/b", CSV, ROWS))

    with tempfile.TemporaryDirectory() as folder:
        hour = gpu_hour.Hour(types.SimpleNamespace(program="x", tests="x", folder=folder + "/hour", limit=100, only=[],
                                                   data=folder, rehearse=False))
        assert hour.peaks() == [] and hour.step_times() == []
        row = {"workload": "step/copy-memory/deq", "batch": 1, "precision": "float32", "program": "stillpoint", "ms": 4.0,
               "replayed_ms": 3.0, "cold_ms": None, "roof_share": 0.5, "roof_gflops": 50000, "roof_gbytes": 4000}
        hour.measured = [row, {**row, "program": "torch", "ms": 40.0, "roof_gflops": None}, {**row, "roof_gflops": 45000}]
        assert "| float32 | 50.0 | 4,000 |" in hour.peaks(), hour.peaks()
        ours, theirs = hour.step_times()[3:5]
        assert "| stillpoint | 4 | 3 |  | 0.5 | 10 |" in ours, ours
        assert "| torch | 40 |" in theirs and "| 10 |" not in theirs, theirs
        assert hour.clock_rates() == []
        hour.clocks = [("monDEQ", "345 MHz, 3201 MHz", "1980 MHz, 3201 MHz")]
        assert "| monDEQ | 345 MHz, 3201 MHz | 1980 MHz, 3201 MHz |" in hour.clock_rates(), hour.clock_rates()
        check_peers(hour)
        check_verdicts(hour)
        check_carried(pathlib.Path(folder))


main()
