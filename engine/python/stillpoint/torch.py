"""The engine's fused ops on PyTorch's CPU tensors, and a DEQ around your own nn.Module.

Each op is differentiable to any order, and shares memory with PyTorch. Under autocast an op computes in the type that
its operands have. Tensors of other devices raise an error."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from . import solvers
from ._core import Activation, HeadLayer, SolveReport, TcnBlockParams, Tensor, no_grad, ops
from .tensors import grad

Function = Callable[..., Tensor]


def _ours(x: torch.Tensor) -> Tensor:
    """Returns our tensor over the same memory; a copy if that has gaps."""
    return Tensor(x.detach().contiguous())


def _theirs(x: Tensor) -> torch.Tensor:
    return torch.from_dlpack(x)


class _Op(torch.autograd.Function):
    """A function of our tensors as a node of PyTorch's graph. Its derivative is the derivative of the function, and that
    is again a function of our tensors."""

    @staticmethod
    def forward(ctx: Any, function: Function, *xs: torch.Tensor) -> torch.Tensor:
        ctx.function = function
        ctx.save_for_backward(*xs)
        ctx.leaves = [_ours(x).variable() if x.is_floating_point() and needed else _ours(x)
                      for x, needed in zip(xs, ctx.needs_input_grad[1:])]
        ctx.y = function(*ctx.leaves)
        return _theirs(ctx.y)

    @staticmethod
    def backward(ctx: Any, cotangent: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        wanted = [i for i, needed in enumerate(ctx.needs_input_grad[1:]) if needed]
        gradients: list[torch.Tensor | None] = [None] * len(ctx.leaves)
        if not torch.is_grad_enabled():
            found = grad(ctx.y, [ctx.leaves[i] for i in wanted], _ours(cotangent), allow_unused=True)
            for i, gradient in zip(wanted, found):
                gradients[i] = _theirs(gradient)
            return None, *gradients
        for i in wanted:
            gradients[i] = _Op.apply(_vjp(ctx.function, i), *ctx.saved_tensors, cotangent)
        return None, *gradients


def _vjp(function: Function, place: int) -> Function:
    def gradient(*xs_and_cotangent: Tensor) -> Tensor:
        *xs, cotangent = xs_and_cotangent
        x = xs[place]
        inputs = [*xs[:place], x if x.requires_grad else x.variable(), *xs[place + 1:]]
        return grad(function(*inputs), inputs[place], cotangent, create_graph=True, allow_unused=True)
    return gradient


def apply(function: Function, *xs: torch.Tensor) -> torch.Tensor:
    """Returns function(*xs) of tensors of PyTorch, where `function` takes and returns tensors of Stillpoint."""
    return _Op.apply(function, *xs)


def koopman_product(x: torch.Tensor, u: torch.Tensor, vt: torch.Tensor) -> torch.Tensor:
    """U V^T x for rows x (P,d), u (d,p), vt (p,d)."""
    return apply(ops.koopman, x, u, vt)


def lift(p: torch.Tensor) -> torch.Tensor:
    """sqrt(1/m) [cos p, sin p] of p (rows,m)."""
    return apply(ops.lift, p)


def relative_attention(qkv: torch.Tensor, r: torch.Tensor, b_w: torch.Tensor, b_r: torch.Tensor) -> torch.Tensor:
    """Causal attention with relative positions: qkv (N,L,3HE), r (L,HE), b_w and b_r (H,E) -> (N,L,HE)."""
    return apply(ops.relative_attention, qkv, r, b_w, b_r)


def softmax_cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean over rows, shape (1), of logits (rows,classes) and labels (rows) of any whole type."""
    return apply(ops.softmax_cross_entropy, logits, labels.to(torch.int32))


def tcn_block(x: torch.Tensor, v1: torch.Tensor, g1: torch.Tensor, b1: torch.Tensor, v2: torch.Tensor, g2: torch.Tensor,
              b2: torch.Tensor, down_w: torch.Tensor | None = None, down_b: torch.Tensor | None = None, *,
              dilation: int = 1) -> torch.Tensor:
    """One TCN residual block of x (N,Ci,T); see ops.tcn_block."""
    def block(x: Tensor, *params: Tensor) -> Tensor:
        return ops.tcn_block(x, TcnBlockParams(*params), dilation=dilation)
    down = () if down_w is None or down_b is None else (down_w, down_b)
    return apply(block, x, v1, g1, b1, v2, g2, b2, *down)


def sim_head(x: torch.Tensor, weights: Sequence[torch.Tensor], activations: Sequence[Activation]) -> torch.Tensor:
    """Sends x (P,in) through layers act(z w^T + b). `weights` is w and b of each layer in turn."""
    def head(x: Tensor, *weights: Tensor) -> Tensor:
        return ops.sim_head(x, [HeadLayer(w, b, act) for w, b, act in zip(weights[::2], weights[1::2], activations)])
    return apply(head, x, *weights)


class TcnBlock(nn.Module):
    """A TCN residual block with weight norm: x (N,inputs,T) -> (N,channels,T)."""

    def __init__(self, inputs: int, channels: int, taps: int, dilation: int = 1):
        super().__init__()
        self.dilation = dilation
        for name, into in (("1", inputs), ("2", channels)):
            v = torch.randn(channels, into, taps) * 0.01
            self.register_parameter("v" + name, nn.Parameter(v))
            self.register_parameter("g" + name, nn.Parameter(v.flatten(1).norm(dim=1)))
            self.register_parameter("b" + name, nn.Parameter(torch.zeros(channels)))
        narrow = inputs == channels
        self.down_w = None if narrow else nn.Parameter(torch.randn(channels, inputs) * 0.01)
        self.down_b = None if narrow else nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return tcn_block(x, self.v1, self.g1, self.b1, self.v2, self.g2, self.b2, self.down_w, self.down_b,
                         dilation=self.dilation)


class SimHead(nn.Module):
    """The chain of linear layers of a SIM in one fused op: rows (P,sizes[0]) -> (P, width of the last layer). A layer
    with the activation `fourier` is twice as wide as its size."""

    def __init__(self, sizes: Sequence[int], activations: Sequence[Activation]):
        super().__init__()
        self.activations = list(activations)
        self.weights = nn.ParameterList()
        into = sizes[0]
        for size, activation in zip(sizes[1:], self.activations, strict=True):
            self.weights.append(nn.Parameter(torch.randn(size, into) / into**0.5))
            self.weights.append(nn.Parameter(torch.zeros(size)))
            into = 2 * size if activation == Activation.fourier else size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return sim_head(x, list(self.weights), self.activations)


class DEQ(nn.Module):
    """The equilibrium z = layer(z, x) of your own module, found and differentiated by the engine's batched solvers.

    `gradient` is implicit or phantom (one recorded step: the Jacobian-free gradient). After a call `report` tells per
    sample how the solve went, and after the backward pass `adjoint_report` does for the adjoint equation."""

    def __init__(self, layer: nn.Module, *, method: str = "broyden", gradient: str = "implicit", max_steps: int = 30,
                 tolerance: float = 1e-3, adjoint: str = "broyden", adjoint_steps: int = 30,
                 adjoint_tolerance: float = 1e-6, **settings: Any):
        super().__init__()
        if gradient not in ("implicit", "phantom"):
            raise ValueError(f"DEQ: given gradient {gradient}, expected implicit or phantom, choose one")
        self.layer, self.gradient = layer, gradient
        self.solve = {"method": method, "max_steps": max_steps, "tolerance": tolerance, **settings}
        self.adjoint_solve = {"method": adjoint, "max_steps": adjoint_steps, "tolerance": adjoint_tolerance, "relative": True}
        self.report: SolveReport | None = None
        self.adjoint_report: SolveReport | None = None

    def forward(self, x: torch.Tensor, z0: torch.Tensor) -> torch.Tensor:
        """Returns the recorded z (samples, ...) of the injection x, solved from z0."""
        with torch.no_grad(), no_grad():
            found, self.report = solvers.fixed_point(lambda z: _ours(self.layer(_theirs(z), x)), _ours(z0), **self.solve)
        solution = _theirs(found)
        if self.gradient == "phantom" or not torch.is_grad_enabled():
            return self.layer(solution, x)
        z = solution.clone().requires_grad_()
        y = self.layer(z, x)
        if y.requires_grad:
            # The graph from the detached z serves the products with J^T; y's own carries the result to x and the layer.
            y = _Adjoint.apply(self, z, y)
        return y


class _Adjoint(torch.autograd.Function):
    """The identity, whose cotangent g becomes u = J^T u + g with J = dy/dz."""

    @staticmethod
    def forward(ctx: Any, deq: DEQ, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        ctx.deq, ctx.z, ctx.y = deq, z, y
        return y.detach().clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: torch.Tensor) -> tuple[None, None, torch.Tensor]:
        def step(u: Tensor) -> Tensor:
            product, = torch.autograd.grad(ctx.y, ctx.z, _theirs(u), retain_graph=True)
            return _ours(product + g)
        u, ctx.deq.adjoint_report = solvers.fixed_point(step, _ours(g), **ctx.deq.adjoint_solve)
        return None, None, _theirs(u)
