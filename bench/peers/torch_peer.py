"""Training steps of `stillpoint bench` in PyTorch: eager, compiled, or compiled and recorded as one CUDA graph."""
import functools
import os

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no workers that outlive a compilation

import torch
import torch.nn.functional as F
from torch._functorch import config as functorch

import mondeq_peer
import torch_models as models
from peer import HostClock, PeerError
from torch_solvers import SOLVERS

LEARNING_RATE = 1e-3
BUFFERS = ("psi.omega", "norm.mean", "norm.variance", "alpha")


def require_device(request):
    """Throws PeerError if this PyTorch has no such device, and chooses how it rounds the operands of products."""
    torch.set_float32_matmul_precision("high" if request["precision"] == "tf32" else "highest")
    if request["device"] != "cuda":
        return
    if torch.version.cuda is None:
        raise PeerError(f"torch {torch.__version__} is built without CUDA", "--force-reinstall torch")
    if not torch.cuda.is_available():
        raise PeerError(f"given --device cuda, torch {torch.__version__} for CUDA {torch.version.cuda} finds no GPU, "
                        "expected one; update NVIDIA's driver, or install a torch for an older CUDA")
    torch.backends.cudnn.allow_tf32 = request["precision"] == "tf32"
    torch.backends.cudnn.benchmark = True


class Problem:
    """Parameters, data and settings of a workload."""

    def __init__(self, request, state):
        require_device(request)
        torch.set_num_threads(request["threads"])
        self.device, self.precision = request["device"], request["precision"]
        tensors = {name: t.to(self.device) for name, t in models.tensors_of(state).items()}
        self.task, self.model = request["workload"].split("/")[1:]
        self.sizes = request["sizes"]
        self.x, self.y = tensors.pop("x"), tensors.pop("y")
        if not self.y.is_floating_point():
            self.y = self.y.long()
        self.buffers = {k: t for k, t in tensors.items() if k.endswith(BUFFERS)}
        self.leaves = {k: t.requires_grad_() for k, t in tensors.items() if k not in self.buffers}
        self.p = {**self.leaves, **self.buffers}
        copy = self.task == "copy-memory"
        self.eps = 1e-8 if "deq" in self.model else 1e-5
        self.clip = (0.25 if self.model == "deq" else 1.0) if copy else None
        # What a step changes, and a function of those tensors of it that begin at zero.
        self.changed, self.moments = [*self.leaves.values(), *self.buffers.values()], list

    def loss_of(self, output):
        """Returns the loss of logits or colours."""
        if self.task == "pixels":
            return F.mse_loss(output.float(), self.y)
        return F.cross_entropy(output.float(), self.y)

    def autocast(self):
        """Rounds the operands of products to bf16 if the request says so."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")

    def clock(self):
        """Returns a clock of the device."""
        return Events() if self.device == "cuda" else HostClock()


class Events:
    """Times steps on a GPU by two events around each, as `stillpoint bench` does."""

    def __init__(self):
        self.first, self.last = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def start(self):
        self.first.record()

    def stop(self):
        """Returns the milliseconds since start(), when the step is done."""
        self.last.record()
        self.last.synchronize()
        return self.first.elapsed_time(self.last)


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
    # Folding takes more launches, which cost a GPU more than the products of few rows.
    fold = problem.device == "cpu" or problem.x.numel() > 32768
    return functools.partial(network, fold=fold, stacked=compile_it)


def separate_step(problem, loss_and_backward):
    """A step whose gradients, clipping and update are separate programs."""
    leaves = list(problem.leaves.values())
    adam = torch.optim.Adam(leaves, lr=LEARNING_RATE, eps=problem.eps, fused=True, capturable=problem.device == "cuda")
    problem.moments = lambda: [t for state in adam.state.values() for t in state.values()]

    def step():
        adam.zero_grad()
        loss = loss_and_backward()
        if problem.clip:
            torch.nn.utils.clip_grad_norm_(leaves, problem.clip)
        adam.step()
        return loss.detach()
    return step


def whole_step(problem, loss_function):
    """A step as one compiled program, with Adam on all parameters as one vector."""
    names, leaves = list(problem.leaves), list(problem.leaves.values())
    theta = torch.cat([t.detach().flatten() for t in leaves])
    first, second, count = torch.zeros_like(theta), torch.zeros_like(theta), theta.new_zeros(())
    problem.changed, problem.moments = [theta], lambda: [first, second, count]
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
        return program(theta, first, second, count, problem.x)
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
    cell = models.DeqCell(length, features, problem.device)
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
                z = solve(lambda z: f(z, *bound).float(), torch.zeros(n, length, features, device=problem.device))
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


def recorded(problem, step):
    """Records the step as one CUDA graph. The first runs only warm up: the state is as before afterwards."""
    saved = [(t, t.detach().clone()) for t in problem.changed]
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()
    with torch.no_grad():
        for t, before in saved:
            t.copy_(before)
        for t in problem.moments():
            t.zero_()

    def replay():
        graph.replay()
        return loss
    return replay


def make(request, state):
    """Returns the version, the step of a workload and its clock."""
    compile_it = request["peer"] in ("torch-compile", "torch-graph")
    problem = Problem(request, state)
    if problem.model == "deq":
        step = deq_step(problem, compile_it)
    elif problem.model.startswith("mondeq"):
        step = separate_step(problem, mondeq_peer.loss_and_backward(problem, compile_it, spectral=True))
    else:
        step = network_step(problem, compile_it)
    if request["peer"] == "torch-graph":
        step = recorded(problem, step)
    return f"torch {torch.__version__}", step, problem.clock()
