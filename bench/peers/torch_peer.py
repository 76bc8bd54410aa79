"""Training steps of `stillpoint bench` in PyTorch, eager or by torch.compile."""
import functools
import os

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no workers that outlive a compilation

import torch
import torch.nn.functional as F
from torch._functorch import config as functorch

import mondeq_peer
import torch_models as models
from peer import PeerError
from torch_solvers import SOLVERS

LEARNING_RATE = 1e-3
BUFFERS = ("psi.omega", "norm.mean", "norm.variance", "alpha")


class Problem:
    """Parameters, data and settings of a workload."""

    def __init__(self, request, state):
        torch.set_num_threads(request["threads"])
        tensors = models.tensors_of(state)
        self.task, self.model = request["workload"].split("/")[1:]
        self.sizes, self.bf16 = request["sizes"], request["precision"] == "bf16"
        self.x, self.y = tensors.pop("x"), tensors.pop("y")
        if not self.y.is_floating_point():
            self.y = self.y.long()
        self.buffers = {k: t for k, t in tensors.items() if k.endswith(BUFFERS)}
        self.leaves = {k: t.requires_grad_() for k, t in tensors.items() if k not in self.buffers}
        self.p = {**self.leaves, **self.buffers}
        copy = self.task == "copy-memory"
        self.eps = 1e-8 if "deq" in self.model else 1e-5
        self.clip = (0.25 if self.model == "deq" else 1.0) if copy else None

    def loss_of(self, output):
        """Returns the loss of logits or colours."""
        if self.task == "pixels":
            return F.mse_loss(output.float(), self.y)
        return F.cross_entropy(output.float(), self.y)

    def autocast(self):
        """Rounds the operands of products to bf16 if the request says so."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.bf16)


def compiled(function):
    """Compiles for the shapes of the first call."""
    return torch.compile(function, dynamic=False)


def feed_forward(problem, compile_it):
    """Returns the network of a model without a solver."""
    if problem.task == "pixels":
        return functools.partial(models.pixel_sim, fold=True)
    if problem.task != "copy-memory":
        return functools.partial(models.image_sim, channels_last=not compile_it)
    network = models.sequence_tcn if problem.model == "tcn" else models.sequence_sim
    return functools.partial(network, fold=True, stacked=compile_it)


def separate_step(problem, loss_and_backward):
    """A step whose gradients, clipping and update are separate programs."""
    leaves = list(problem.leaves.values())
    adam = torch.optim.Adam(leaves, lr=LEARNING_RATE, eps=problem.eps, fused=True)

    def step():
        adam.zero_grad()
        loss = loss_and_backward()
        if problem.clip:
            torch.nn.utils.clip_grad_norm_(leaves, problem.clip)
        adam.step()
        return loss.item()
    return step


def whole_step(problem, loss_function):
    """A step as one compiled program, with Adam on all parameters as one vector."""
    names, leaves = list(problem.leaves), list(problem.leaves.values())
    theta = torch.cat([t.detach().flatten() for t in leaves])
    first, second, count = torch.zeros_like(theta), torch.zeros_like(theta), torch.zeros(())
    beta1, beta2 = 0.9, 0.999

    def program(theta, first, second, count, x):
        parts = theta.split([t.numel() for t in leaves])
        p = {name: part.view(t.shape) for name, part, t in zip(names, parts, leaves)}
        gradients, loss = torch.func.grad_and_value(lambda p: loss_function({**p, **problem.buffers}, x))(p)
        g = torch.cat([gradients[name].flatten() for name in names])
        if problem.clip:
            g = g * (problem.clip / (g.square().sum().sqrt() + 1e-6)).clamp(max=1.0)
        count.add_(1)
        first.mul_(beta1).add_(g, alpha=1 - beta1)
        second.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        size = (second / (1 - beta2 ** count)).sqrt() + problem.eps
        theta.sub_(LEARNING_RATE * (first / (1 - beta1 ** count)) / size)
        return loss
    program = compiled(program)

    @torch.no_grad()
    def step():
        return program(theta, first, second, count, problem.x).item()
    return step


def network_step(problem, compile_it):
    """A step of a model without a solver."""
    network = feed_forward(problem, compile_it)

    def loss_function(p, x):
        with problem.autocast():
            output = network(p, x)
        return problem.loss_of(output)
    if compile_it and problem.task != "mnist" and problem.task != "cifar":
        return whole_step(problem, loss_function)
    if compile_it:  # batch norm changes its running statistics, which a pure function could not
        loss_function = compiled(loss_function)

    def loss_and_backward():
        loss = loss_function(problem.p, problem.x)
        loss.backward()
        return loss
    return separate_step(problem, loss_and_backward)


def deq_step(problem, compile_it):
    """A step of the DEQ: solve, one recorded evaluation, and the adjoint solve with its products with J^T."""
    n, length = problem.x.shape
    features = problem.p["embedding"].shape[1]
    cell = models.DeqCell(length, features)
    f = cell
    if compile_it:
        functorch.donated_buffer = False  # the graph of J^T is used many times
        f = compiled(cell.__call__)
    if problem.sizes["tolerance"] > 0:
        raise PeerError("given a tolerance, expected a number of evaluations, use --evaluations")
    solve = functools.partial(SOLVERS[problem.sizes["solver"]], evaluations=problem.sizes["evaluations"])

    def loss_and_backward():
        with problem.autocast():
            bound = cell.bind(problem.p, problem.x)
            with torch.no_grad():
                z = solve(lambda z: f(z, *bound).float(), torch.zeros(n, length, features))
            value = f(z, *bound).float()
            at = value.detach().requires_grad_()
            logits = cell.logits(problem.p, at)
        loss = problem.loss_of(logits)
        loss.backward()
        start = z.detach().requires_grad_()
        with problem.autocast():  # the graph of z only, without gradients of the parameters
            again = f(start, *[t.detach() for t in bound])
        with torch.no_grad():
            adjoint = solve(lambda a: torch.autograd.grad(again, start, a.to(again.dtype), retain_graph=True)[0]
                            + at.grad, at.grad, relative=True)
        value.backward(adjoint)
        return loss
    return separate_step(problem, loss_and_backward)


def make(request, state):
    """Returns the version and the step of a workload."""
    torch.set_float32_matmul_precision("highest")
    compile_it = request["peer"] == "torch-compile"
    problem = Problem(request, state)
    if problem.model == "deq":
        step = deq_step(problem, compile_it)
    elif problem.model.startswith("mondeq"):
        step = separate_step(problem, mondeq_peer.loss_and_backward(problem, compile_it, spectral=True))
    else:
        step = network_step(problem, compile_it)
    return f"torch {torch.__version__}", step
