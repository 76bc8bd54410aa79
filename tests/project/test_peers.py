#!/usr/bin/env python3
"""Checks the peers of `stillpoint bench` without a GPU: their protocol, what they refuse, and their steps for CUDA.

usage: tests/project/test_peers.py PROGRAM

The Python that STILLPOINT_PYTHON names, or this one, also runs the steps of every workload if it has PyTorch: on tensors
without data, which must all be on one device and which the host must not read, as CUDA graphs demand; and recorded by a
stand-in of a CUDA graph, which must give the losses of unrecorded steps.
"""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench/peers"))
import peer  # noqa: E402

# A Python of `stillpoint bench --peer` that keeps the request and the state, and answers with an error.
KEEPER = """#!{python}
import json, pathlib, shutil, sys
request = json.loads(sys.stdin.readline())["make"]
folder = pathlib.Path({folder!r})
name = request["workload"].replace("/", "-")
request["state"] = str(shutil.copy(request["state"], folder / (name + ".safetensors")))
(folder / (name + ".json")).write_text(json.dumps(request))
print(json.dumps({{"error": "kept"}}), flush=True)
"""


def answers(*requests):
    """Returns the answers to requests, and the exception that ended the peer, if one did."""
    lines = []
    try:
        peer.serve([json.dumps(r) for r in requests], lines.append)
    except Exception as error:
        return lines, error
    return lines, None


def check_protocol():
    losses = iter(range(9))
    clock = mock.Mock(stop=mock.Mock(return_value=1.5))
    with mock.patch.object(peer, "make", return_value=("fake 1", lambda: next(losses), clock)):
        lines, error = answers({"make": {"peer": "torch"}}, {"steps": 3}, {"run": 0})
    assert error is None and lines == [{"made": "fake 1"}, {"losses": [0, 1, 2]}, {"ms": [1.5], "loss": 3}], lines
    for raised, answer in ((peer.PeerError("no CUDA", "torch"), {"error": "no CUDA", "install": "torch"}),
                           (peer.PeerError("no tolerance"), {"error": "PeerError: no tolerance"})):
        with mock.patch.object(peer, "make", side_effect=raised):
            lines, error = answers({"make": {"peer": "torch"}})
        assert lines == [answer] and error is raised, lines
    clock = peer.HostClock()
    clock.start()
    assert 0 <= clock.stop() < 1000


@contextlib.contextmanager
def without(*frameworks):
    """Mocks frameworks and leaves no module behind that was imported with them."""
    before = set(sys.modules)
    with mock.patch.dict(sys.modules, {name: mock.MagicMock() for name in frameworks}):
        yield sys.modules
    for name in set(sys.modules) - before:
        del sys.modules[name]


def problem_of(function, *arguments):
    try:
        function(*arguments)
    except peer.PeerError as error:
        return str(error), error.install
    raise AssertionError("nothing was refused")


def check_refusals():
    on_cuda = {"device": "cuda", "precision": "float32"}
    with without("torch", "torch.nn", "torch.nn.functional", "torch._functorch") as modules:
        import torch_peer
        torch = modules["torch"]
        torch.__version__, torch.version.cuda = "2.9+cpu", None
        assert problem_of(torch_peer.require_device, on_cuda) == (
            "torch 2.9+cpu is built without CUDA", "--force-reinstall torch")
        torch.version.cuda = "13.2"
        torch.cuda.is_available.return_value = False
        problem, install = problem_of(torch_peer.require_device, on_cuda)
        assert install is None and "for CUDA 13.2 finds no GPU" in problem, problem
        torch_peer.require_device({"device": "cpu", "precision": "float32"})
        torch.cuda.is_available.return_value = True
        for precision, rounding, tf32 in (("float32", "highest", False), ("tf32", "high", True)):
            torch_peer.require_device({"device": "cuda", "precision": precision})
            torch.set_float32_matmul_precision.assert_called_with(rounding)
            assert torch.backends.cudnn.allow_tf32 is tf32
        check_events(torch_peer)
    with without("jax", "jax.numpy", "jax.lax", "numpy") as modules:
        import jax_peer
        jax = modules["jax"]
        jax.__version__ = "0.10"
        jax.devices.side_effect = RuntimeError("Unknown backend cuda")
        assert problem_of(jax_peer.require_device, on_cuda) == (
            "jax 0.10 finds no device 'cuda' (Unknown backend cuda)", "jax[cuda13]")
        jax.devices.side_effect = None
        for precision, rounding in (("float32", "highest"), ("tf32", "tensorfloat32")):
            jax_peer.require_device({"device": "cuda", "precision": precision})
            jax.config.update.assert_called_with("jax_default_matmul_precision", rounding)


def check_events(torch_peer):
    """A step on CUDA is timed from one event to the other, after the host has waited for the second."""
    order = mock.Mock()
    order.first.elapsed_time.return_value = 2.5
    with mock.patch.object(torch_peer.torch.cuda, "Event", side_effect=[order.first, order.last]):
        clock = torch_peer.Events()
    clock.start()
    assert clock.stop() == 2.5
    assert order.mock_calls == [mock.call.first.record(), mock.call.last.record(), mock.call.last.synchronize(),
                                mock.call.first.elapsed_time(order.last)], order.mock_calls


def keep_requests(program, folder):
    """Keeps the request and the state of each training step, at small sizes, in the folder."""
    keeper = folder / "keeper"
    keeper.write_text(KEEPER.format(python=sys.executable, folder=str(folder)))
    keeper.chmod(0o755)
    for sizes in (["step/copy-memory/*", "--length", "40", "--batch", "2"],
                  ["step/pixels/*", "--batch", "64", "--width", "16"],
                  ["step/mnist/*", "step/cifar/*", "--batch", "2", "--length", "12"]):
        done = subprocess.run([program, "bench", *sizes, "--device", "cpu", "--peer", "torch", "--python", keeper,
                               "--seconds", "0.001", "--rounds", "1"], capture_output=True, text=True)
        assert done.returncode == 1 and "by torch is left out: peer torch: kept" in done.stderr, done.stderr
    kept = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    assert len(kept) == 15, [request["workload"] for request in kept]
    return kept


def losses_of(request, name, **changes):
    made = peer.make({**request, "peer": name, **changes})
    return [float(made[1]()) for _ in range(3)]


def check_recorded(torch, request):
    """Records steps by a stand-in of a graph, whose replay runs the step again: a real one uses the same tensors."""
    import torch_peer
    steps, replayed, record = [], [], torch_peer.recorded
    graph = mock.Mock(replay=mock.Mock(side_effect=lambda: replayed.append(float(steps[-1]()))))

    def recorded(problem, step):
        steps.append(step)
        return record(problem, step)
    with mock.patch.multiple(torch.cuda, Stream=mock.Mock(), current_stream=mock.Mock(), CUDAGraph=lambda: graph,
                             stream=lambda s: contextlib.nullcontext(), graph=lambda g: contextlib.nullcontext()), \
            mock.patch.object(torch_peer, "recorded", recorded), mock.patch.object(torch_peer, "compiled", lambda f: f), \
            mock.patch.object(torch, "compile", lambda f, dynamic: f):
        losses_of(request, "torch-graph")
        expected = losses_of(request, "torch-compile")
    assert all(abs(a - b) <= 1e-5 * abs(b) for a, b in zip(replayed, expected)), (request["workload"], replayed, expected)


def check_one_device(torch, request):
    """Runs a step on tensors without data, of which no operation may mix devices, and which the host cannot read."""
    import torch_peer
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class OneDevice(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            devices = {t.device.type for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor) and t.dim() > 0}
            assert len(devices) < 2, (request["workload"], function, devices)
            return function(*args, **kwargs or {})

    adam = mock.Mock(return_value=mock.Mock(state={}))
    with mock.patch.object(torch_peer.Problem, "autocast", lambda self: contextlib.nullcontext()), \
            mock.patch.object(torch.optim, "Adam", adam):
        with mock.patch.object(torch.Tensor, "__float__", lambda t: 1.0):  # the host reads alpha before the first step
            _, step, _ = peer.make({**request, "peer": "torch", "device": "meta"})
        with OneDevice():
            assert step().is_meta
    adam.return_value.step.assert_called_once()


def check_with_pytorch(folder):
    import torch
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        request = json.loads(path.read_text())
        check_recorded(torch, request)
        for solver in {request["sizes"]["solver"], *(["anderson", "picard"] if request["workload"].endswith("/deq") else [])}:
            check_one_device(torch, {**request, "sizes": {**request["sizes"], "solver": solver}})
        print(f"{request['workload']}: recorded as unrecorded, on one device", flush=True)


def main():
    if sys.argv[1] == "--with-pytorch":
        return check_with_pytorch(sys.argv[2])
    check_protocol()
    check_refusals()
    python = os.environ.get("STILLPOINT_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import torch"], capture_output=True).returncode != 0:
        return print(f"not tested: {python} has no torch; name one that has in STILLPOINT_PYTHON")
    with tempfile.TemporaryDirectory() as temporary:
        keep_requests(sys.argv[1], pathlib.Path(temporary))
        subprocess.run([python, __file__, "--with-pytorch", temporary], check=True)


main()
