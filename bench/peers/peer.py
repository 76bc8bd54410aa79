"""Runs one training step of `stillpoint bench` in another framework, and answers requests about it.

A request is one line of JSON on standard input, its answer one line on standard output:

    {"make": {"peer", "workload", "sizes", "state", "device", "threads", "precision"}}  ->  {"made": "torch 2.7.1"}
    {"steps": 3}    ->  {"losses": [...]}: of the next steps, each before its update
    {"run": 1.5}    ->  {"ms": [...], "loss": ...}: times of single steps for about so many seconds

An answer {"error": ..., "install": ...} says what went wrong, and which package is missing if one is. The state is a
safetensors file with parameters and buffers under the names of `stillpoint bench`, the data as `x` and `y`. Between
requests the process sleeps.
"""
import importlib
import json
import os
import struct
import sys
import time

# The module of each peer, and what brings its framework.
MODULES = {"torch": ("torch_peer", "torch"), "torch-compile": ("torch_peer", "torch"),
           "torch-graph": ("torch_peer", "torch"), "jax": ("jax_peer", "jax"),
           "torchdeq": ("torchdeq_peer", "torchdeq"), "mondeq-torch": ("mondeq_peer", "torch")}


class PeerError(Exception):
    """What was given, what was expected, what to do; or what was found, and the packages to install."""

    def __init__(self, problem, install=None):
        super().__init__(problem)
        self.install = install


class HostClock:
    """Times steps that are done when they return."""

    def start(self):
        self.begin = time.perf_counter()

    def stop(self):
        """Returns the milliseconds since start()."""
        return 1e3 * (time.perf_counter() - self.begin)


def read_state(path):
    """Returns {name: (dtype, shape, bytearray)} of a safetensors file."""
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(size)), file.read()
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"], bytearray(data[slice(*entry["data_offsets"])]))
            for name, entry in header.items()}


def prepare(device, count):
    """Sets what frameworks read when they are imported: the device, and how many threads they may use."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(count)
    os.environ["JAX_PLATFORMS"] = device
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # others use the GPU's memory in turn
    cores = sorted(os.sched_getaffinity(0))
    if count < len(cores):  # XLA takes a thread for each core that it may use
        os.sched_setaffinity(0, cores[-count:])


def make(request):
    """Returns the framework's name and version, a function that makes a step and returns its loss, and a clock."""
    prepare(request["device"], request["threads"])
    module, _ = MODULES[request["peer"]]
    return importlib.import_module(module).make(request, read_state(request["state"]))


def run(step, clock, seconds):
    """Returns the milliseconds of steps that take about so many seconds together, and the last loss."""
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        clock.start()
        loss = step()
        times.append(round(clock.stop(), 6))
    return {"ms": times, "loss": float(loss)}


def serve(requests, answer):
    """Answers requests until there are no more. An exception ends it, after an answer that reports it."""
    peer, step, clock = None, None, None
    for line in requests:
        request = json.loads(line)
        try:
            if "make" in request:
                peer = request["make"]["peer"]
                name, step, clock = make(request["make"])
                answer({"made": name})
            elif "steps" in request:
                answer({"losses": [float(step()) for _ in range(request["steps"])]})
            else:
                answer(run(step, clock, request["run"]))
        except ModuleNotFoundError as error:
            answer({"error": f"{sys.executable} has no module {error.name}", "install": MODULES[peer][1]})
            raise
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"}
            if getattr(error, "install", None):
                found = {"error": str(error), "install": error.install}
            answer(found)
            raise


def main():
    """Serves the standard streams. What frameworks print goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(values):
        out.write(json.dumps(values) + "\n")
        out.flush()
    serve(sys.stdin, answer)


if __name__ == "__main__":
    main()
