"""Runs one training step of `stillpoint bench` in another framework, and answers requests about it.

A request is one line of JSON on standard input, its answer one line on standard output:

    {"make": {"peer", "workload", "sizes", "state", "threads", "precision"}}  ->  {"made": "torch 2.7.1"}
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
MODULES = {"torch": ("torch_peer", "torch"), "torch-compile": ("torch_peer", "torch"), "jax": ("jax_peer", "jax"),
           "torchdeq": ("torchdeq_peer", "torchdeq"), "mondeq-torch": ("mondeq_peer", "torch")}


class PeerError(Exception):
    """What was given, what was expected, what to do."""


def read_state(path):
    """Returns {name: (dtype, shape, bytearray)} of a safetensors file."""
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(size)), file.read()
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"], bytearray(data[slice(*entry["data_offsets"])]))
            for name, entry in header.items()}


def limit_threads(count):
    """Lets frameworks use so many threads; they read this when they are imported."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(count)
    cores = sorted(os.sched_getaffinity(0))
    if count < len(cores):  # XLA takes a thread for each core that it may use
        os.sched_setaffinity(0, cores[-count:])


def make(request):
    """Returns the name of the framework, with its version, and a function that makes a step and returns its loss."""
    limit_threads(request["threads"])
    module, _ = MODULES[request["peer"]]
    return importlib.import_module(module).make(request, read_state(request["state"]))


def run(step, seconds):
    """Returns the milliseconds of steps that take about so many seconds together, and the last loss."""
    times, begin = [], time.perf_counter()
    end = begin + seconds
    while not times or begin < end:
        loss = step()
        now = time.perf_counter()
        times.append(round(1e3 * (now - begin), 6))
        begin = now
    return {"ms": times, "loss": loss}


def serve(requests, answer):
    """Answers requests until there are no more. An exception ends it, after an answer that reports it."""
    peer, step = None, None
    for line in requests:
        request = json.loads(line)
        try:
            if "make" in request:
                peer = request["make"]["peer"]
                name, step = make(request["make"])
                answer({"made": name})
            elif "steps" in request:
                answer({"losses": [step() for _ in range(request["steps"])]})
            else:
                answer(run(step, request["run"]))
        except ModuleNotFoundError as error:
            answer({"error": f"{sys.executable} has no module {error.name}", "install": MODULES[peer][1]})
            raise
        except Exception as error:
            answer({"error": f"{type(error).__name__}: {error}"})
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
