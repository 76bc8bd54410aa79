"""Training steps of the DEQ in torchdeq: its solvers and its implicit gradient around our cell in PyTorch.

No tolerance saves an evaluation, so both solves make as many as ours. Its Anderson method regularises by an absolute
number, ours by a relative one; both end at the same equilibrium.
"""
import torch
import torchdeq

import torch_models as models
import torch_peer
from peer import PeerError


def make(request, state):
    """Returns the version and the step of a workload."""
    problem = torch_peer.Problem(request, state)
    sizes, p = problem.sizes, problem.p
    solver = {"broyden": "broyden", "anderson": "anderson", "picard": "simple_fixed_point_iter"}[sizes["solver"]]
    if sizes["tolerance"] > 0:
        raise PeerError("given a tolerance, expected a number of evaluations, use --evaluations")
    count = sizes["evaluations"]
    steps = count - (solver == "broyden")  # its Broyden's method evaluates once before it counts
    deq = torchdeq.get_deq(f_solver=solver, b_solver=solver, f_max_iter=steps, b_max_iter=steps, f_tol=0, b_tol=0,
                           ift=True)
    n, length = problem.x.shape
    features = p["embedding"].shape[1]
    cell = models.DeqCell(length, features, problem.device)

    def loss_and_backward():
        with problem.autocast():
            bound = cell.bind(p, problem.x)
            z, _ = deq(lambda z: cell(z, *bound).float(), torch.zeros(n, length, features, device=problem.device))
            logits = cell.logits(p, z[-1])
        loss = problem.loss_of(logits)
        loss.backward()
        return loss
    step = torch_peer.separate_step(problem, loss_and_backward)
    return f"torchdeq 0.1 on torch {torch.__version__}", step, problem.clock()
