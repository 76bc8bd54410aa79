"""Solves z = f(z) per sample in PyTorch, with a fixed number of evaluations, as `stillpoint bench` does.

Each solver returns the evaluated iterate with the smallest residual. A state is (N, ...); inside it is (N, D).
"""
import torch


class Best:
    """Keeps the iterate of the smallest residual of each sample."""

    def __init__(self, relative):
        self.relative, self.least, self.z = relative, None, None

    def judge(self, z, g, f):
        """z, g = f(z) - z and f(z), each (N,D)."""
        size = g.square().sum(1)
        if self.relative:
            size = size.sqrt() / (f.square().sum(1).sqrt() + 1e-9)
        if self.z is None:
            self.least, self.z = size, z
            return
        better = size < self.least
        self.least, self.z = torch.where(better, size, self.least), torch.where(better[:, None], z, self.z)


def with_rows(x, rows, weights_of, scale):
    """Returns x + scale rows^T (weights_of x) for x (N,D) and rows (N,K,D)."""
    weights = torch.bmm(x[:, None], weights_of.transpose(1, 2))
    return torch.baddbmm(x[:, None], weights, rows, alpha=scale)[:, 0]


def broyden(f, z0, evaluations, relative=False):
    """Broyden's good method; the inverse Jacobian is -I + U V^T, and steps are not shortened."""
    best, z = Best(relative), z0.flatten(1)
    u = z.new_empty(len(z), max(evaluations - 2, 1), z.shape[1])
    v = torch.empty_like(u)
    for step in range(evaluations):
        value = f(z.view_as(z0)).flatten(1)
        g = value - z
        best.judge(z, g, value)
        if step + 1 == evaluations:
            break
        if step == 0:
            p = g
        else:
            k = step - 1  # rows there are
            q = with_rows(g, u[:, :k], v[:, :k], -1) if k > 0 else g
            new_v = with_rows(-p, v[:, :k], u[:, :k], -1) if k > 0 else -p
            squares, along = (p * p).sum(1, keepdim=True), (new_v * g).sum(1, keepdim=True)
            v[:, k] = new_v
            u[:, k] = q / (along + squares)
            p = q * (squares / (along + squares))
        z = z + p
    return best.z.view_as(z0)


def anderson(f, z0, evaluations, relative=False, memory=6, regularisation=1e-4):
    """Anderson's method with weights that sum to 1; the regularisation is relative to the mean of ||g||^2."""
    best, z = Best(relative), z0.flatten(1)
    states, residuals = (z.new_zeros(len(z), memory, z.shape[1]) for _ in range(2))
    for step in range(evaluations):
        value = f(z.view_as(z0)).flatten(1)
        g = value - z
        best.judge(z, g, value)
        if step + 1 == evaluations:
            break
        states[:, step % memory], residuals[:, step % memory] = z, g
        n = min(step + 1, memory)
        rows = residuals[:, :n]
        gram = torch.bmm(rows, rows.transpose(1, 2))
        lam = regularisation * gram.diagonal(dim1=1, dim2=2).mean(1)
        identity = torch.eye(n, device=z.device)
        # solve_ex, because solve makes the host wait for a GPU to check its result.
        weights = torch.linalg.solve_ex(gram + lam[:, None, None] * identity, z.new_ones(len(z), n, 1)).result
        weights = (weights / weights.sum(1, keepdim=True)).transpose(1, 2)
        z = torch.bmm(weights, states[:, :n] + rows)[:, 0]
    return best.z.view_as(z0)


def picard(f, z0, evaluations, relative=False):
    """Plain iteration."""
    best, z = Best(relative), z0.flatten(1)
    for _ in range(evaluations):
        value = f(z.view_as(z0)).flatten(1)
        best.judge(z, value - z, value)
        z = value
    return best.z.view_as(z0)


SOLVERS = {"broyden": broyden, "anderson": anderson, "picard": picard}
