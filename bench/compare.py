#!/usr/bin/env python3
"""Computes a training step of Stillpoint again in PyTorch, and compares loss, output and gradients.

usage: compare.py STEP.safetensors [--tolerance 1e-3]

STEP.safetensors is written by `stillpoint train ... --set log_gradients=1` (in RUN/steps) or by `stillpoint eval RUN
--output FOLDER` (compare.safetensors). Ends with status 1 if a difference is above the tolerance, relative to the largest
value of the tensor, or to a hundredth of the largest gradient where a tensor's gradient is smaller than that.
"""
import argparse
import json
import pathlib
import struct
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent / "peers"))

import peer  # noqa: E402
import torch_models as models  # noqa: E402
import torch_peer  # noqa: E402

TASKS = {"copy-memory": "copy-memory", "image-regression": "pixels", "image-classification": "mnist"}


def about(path):
    """Returns what the file says of its step."""
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        metadata = json.loads(file.read(size)).get("__metadata__", {})
    if "stillpoint" not in metadata:
        sys.exit(f"{path}: given no record of Stillpoint, expected a step's file; write one with log_gradients=1")
    return json.loads(metadata["stillpoint"])


def sizes_of(config):
    """Returns the solver's settings as the peers name them. Theirs take all evaluations."""
    model = config["model"]
    if model == "deq":
        same = config["solver"] == config["adjoint_solver"] and config["solver_steps"] == config["adjoint_steps"]
        if not same or config["gradient"] != "implicit" or config["jacobian_weight"] or config["line_search"]:
            sys.exit("compare: given different solvers forward and backward, or another gradient, expected equal solver "
                     "and steps and the implicit gradient; set them")
        extra = config["solver_counts"] == "updates"
        return {"solver": config["solver"], "evaluations": config["solver_steps"] + extra, "tolerance": 0}
    if model.startswith("mondeq"):
        return {"solver": config["splitting"], "evaluations": config["max_iterations"], "tolerance": 0}
    return {}


def with_prefix(state, prefix):
    return {name[len(prefix):]: value for name, value in state.items() if name.startswith(prefix)}


def distance(ours, theirs, least=0.0):
    """Returns the largest difference over the largest value, or over `least`."""
    ours, theirs = ours.double().flatten(), theirs.detach().double().flatten()
    return float((ours - theirs).abs().max() / max(float(theirs.abs().max()), least, 1e-300))


def output_of(problem, ours):
    """Returns PyTorch's output: of the network, or of the DEQ's head at our equilibrium; None for other equilibria."""
    with torch.no_grad():
        if problem.model == "deq":
            return models.DeqCell.logits(problem.p, ours["equilibrium"])
        if problem.model.startswith("mondeq"):
            return None
        p = {name: t.clone() for name, t in problem.p.items()}  # batch norm moves its statistics
        return torch_peer.feed_forward(problem, False)(p, problem.x)


def residual_of(problem, z):
    """Returns the largest ||f(z) - z|| of our equilibrium z under PyTorch's f."""
    cell = models.DeqCell(z.shape[1], z.shape[2], "cpu")
    with torch.no_grad():
        return float((cell(z, *cell.bind(problem.p, problem.x)) - z).flatten(1).norm(dim=1).max())


def problem_of(found, state):
    """Returns the peers' problem of a step."""
    config = found["config"]
    if found["task"] not in TASKS or config["dtype"] != "float32":
        sys.exit(f"compare: given task {found['task']} in {config.get('dtype')}, expected {', '.join(TASKS)} in float32")
    workload = f"step/{TASKS[found['task']]}/{config['model']}"
    request = {"workload": workload, "device": "cpu", "precision": config["precision"], "threads": 1,
               "sizes": sizes_of(config), "peer": "torch"}
    tensors = {**with_prefix(state, "weight/"), **with_prefix(state, "buffer/"),
               "x": state["batch/0"], "y": state["batch/1"]}
    problem = torch_peer.Problem(request, tensors)
    problem.clip = None  # the file has the gradients before clipping
    return problem


def step_of(problem):
    """Returns the function that computes PyTorch's step."""
    if problem.model == "deq":
        return torch_peer.deq_step(problem, False)
    if problem.model.startswith("mondeq"):
        run = torch_peer.mondeq_peer.loss_and_backward(problem, False, spectral=True)
        return torch_peer.separate_step(problem, run)
    return torch_peer.network_step(problem, False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    options = parser.parse_args()
    state = peer.read_state(options.file)
    ours = models.tensors_of(state)
    problem = problem_of(about(options.file), state)
    rows = []
    output = output_of(problem, ours)
    if output is not None:
        rows.append(("output", distance(ours["output"], output)))
    if problem.model == "deq":
        print(f"{'residual of our equilibrium in PyTorch':40} {residual_of(problem, ours['equilibrium']):.3g}")
    rows.append(("loss", distance(ours["loss"], step_of(problem)())))
    gradients = with_prefix(ours, "gradient/")
    least = 0.01 * max(float(g.abs().max()) for g in gradients.values())
    rows += [("gradient/" + name, distance(g, problem.leaves[name].grad, least)) for name, g in gradients.items()]
    for name, value in rows:
        print(f"{name:40} {value:.3g}")
    worst = max(rows, key=lambda row: row[1])
    print(f"largest relative difference: {worst[1]:.3g} ({worst[0]})")
    return 0 if worst[1] <= options.tolerance else 1


if __name__ == "__main__":
    sys.exit(main())
