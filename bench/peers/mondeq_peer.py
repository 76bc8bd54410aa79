"""Training steps of the monDEQ (Winston, Kolter 2020) in PyTorch: Peaceman and Rachford's splitting.

z* = relu(W z* + U x + b), W = -A^T A + B - B^T, with circular 3 x 3 convolutions in one tier or more; a frame of width 1
stays zero in each tier. As a peer of its own it takes W z by convolutions, as the authors' program does.
"""
import torch
import torch.nn.functional as F

LEAST_GAIN = 1e-6  # of A^T A and D^T D


def flipped(w):
    """Returns the kernel of the transposed circular convolution."""
    return w.flip(2, 3).transpose(0, 1)


def circular(x, w, stride=1):
    """A centred circular convolution."""
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), w, stride=stride)


class Grid:
    """Fourier transforms of n x n places, as (frequencies, N, C); half of the frequencies suffice for real values."""

    def __init__(self, n, half, device):
        self.n, self.columns, self.half = n, n // 2 + 1 if half else n, half
        turn = 2j * torch.pi * torch.outer(torch.arange(n), torch.tensor([-1.0, 0.0, 1.0])) / n
        self.rows = torch.exp(turn).to(device, torch.complex64)

    def kernel(self, w):
        """(O,I,3,3) -> (frequencies,O,I)."""
        w = torch.einsum("oiyx,ly,mx->lmoi", w.to(torch.complex64), self.rows, self.rows[:self.columns])
        return w.reshape(-1, *w.shape[2:])

    def forward(self, x):
        """(N,C,n,n) -> (frequencies,N,C)."""
        s = torch.fft.rfft2(x) if self.half else torch.fft.fft2(x)
        return s.permute(2, 3, 0, 1).reshape(-1, *x.shape[:2])

    def inverse(self, s):
        """(frequencies,N,C) -> (N,C,n,n)."""
        s = s.view(self.n, self.columns, *s.shape[1:]).permute(2, 3, 0, 1)
        return torch.fft.irfft2(s, s=(self.n, self.n)) if self.half else torch.fft.ifft2(s).real

    def fold(self, s):
        """Sums the frequencies that coincide on every second place; needs all of them."""
        m = self.n // 2
        return s.view(2, m, 2, m, *s.shape[1:]).sum((0, 2)).reshape(m * m, *s.shape[1:])

    def tile(self, s):
        """Repeats the frequencies of every second place; the transpose of fold."""
        m = self.n // 2
        return s.view(1, m, 1, m, *s.shape[1:]).expand(2, m, 2, m, *s.shape[1:]).reshape(-1, *s.shape[1:])


def times(s, blocks):
    """Multiplies each frequency's (N,C) by its transposed block, given as (frequencies,out,C)."""
    return torch.bmm(s, blocks.transpose(1, 2))


def inverse(blocks):
    """torch.linalg.inv without its check, for which the host would have to wait for a GPU."""
    return torch.linalg.inv_ex(blocks).inverse


class Tiers:
    """The kernels of all tiers at one step, with W z and the inverse V = (I + a(I - W))^-1."""

    def __init__(self, p, alpha, grids, halves, spectral):
        self.grids, self.halves, self.alpha, self.spectral = grids, halves, alpha, spectral
        self.a, self.s, self.down = [], [], []
        for i in range(len(grids)):
            name = f"tiers.{i}."
            self.a.append(self.scaled(p[name + "a"], p[name + "g"].clamp(min=LEAST_GAIN).sqrt()))
            b = self.scaled(p[name + "b"], p[name + "h"])
            self.s.append(b - flipped(b))
            if i + 1 < len(grids):
                self.down.append(self.scaled(p[name + "down"], p[name + "down_g"].clamp(min=LEAST_GAIN).sqrt()))
        if spectral:
            self.w = self.spectrum_of_w(0)
        self.invert()

    @staticmethod
    def scaled(w, gain):
        """Returns gain w / ||w||."""
        return w * (gain / w.norm())

    def spectrum_of_w(self, i):
        a = self.grids[i].kernel(self.a[i])
        return self.grids[i].kernel(self.s[i]) - a.mH @ a

    @torch.no_grad()
    def invert(self):
        """Builds the inverses per frequency."""
        self.v, self.p, self.h, self.a_hat = [], [], [], []
        for i, grid in enumerate(self.grids):
            w = self.w if self.spectral else self.spectrum_of_w(i)
            v = inverse((1 + self.alpha) * torch.eye(w.shape[1], device=w.device) - self.alpha * w)
            self.v.append(v)
            self.a_hat.append(grid.kernel(self.a[i]))
            if i < len(self.down):
                p = grid.kernel(self.down[i]) * self.alpha ** 0.5
                self.p.append(p)
                self.h.append(inverse(torch.eye(p.shape[1], device=p.device) + grid.fold(p @ v @ p.mH) / 4))

    def product(self, z):
        """Returns W z per tier."""
        if self.spectral:
            return [self.grids[0].inverse(times(self.grids[0].forward(z[0]), self.w))]
        out, d = [], None
        for i, x in enumerate(z):
            v = circular(x, self.a[i])
            if d is not None:
                v = v + 2 * F.pad(d, (0, 1, 0, 1))
            y = circular(x, self.s[i]) - circular(v, flipped(self.a[i]))
            if i < len(self.down):
                d = circular(x, self.down[i], 2)
                spread = F.pad(d[..., None, :, None], (0, 1, 0, 0, 0, 1))  # zeros between the places
                y = y - circular(spread.reshape(*d.shape[:2], *x.shape[2:]), flipped(self.down[i]))
            out.append(y)
        return out

    def resolve_tier(self, i, r, transposed):
        """Returns the tier's solution for the spectrum r, and y, whose half over sqrt(a) is the spectrum of D x."""
        block = (lambda m: m.mH) if transposed else (lambda m: m)
        v = block(self.v[i])
        x = times(r, v)
        if i == len(self.down):
            return x, None
        y = times(self.grids[i].fold(times(x, self.p[i])), block(self.h[i])) / 2
        return times(r - times(self.grids[i].tile(y), self.p[i].mH) / 2, v), y

    def resolve(self, r):
        """Returns V r per tier."""
        out, y = [], None
        for i, grid in enumerate(self.grids):
            spectrum = grid.forward(r[i])
            if y is not None:
                d = F.pad(self.halves[i - 1].inverse(y), (0, 1, 0, 1))
                spectrum = spectrum - self.alpha ** 0.5 * times(grid.forward(d), self.a_hat[i].mH)
            x, y = self.resolve_tier(i, spectrum, False)
            out.append(grid.inverse(x))
        return out

    def resolve_transposed(self, r):
        """Returns V^T r per tier."""
        out, finer = [None] * len(r), None
        for i in reversed(range(len(r))):
            spectrum = self.grids[i].forward(r[i])
            if finer is not None:
                m = self.halves[i].n
                d = self.halves[i].forward(self.grids[i + 1].inverse(finer)[..., :m, :m])
                spectrum = spectrum - 2 * self.alpha ** 0.5 * times(self.grids[i].tile(d), self.p[i].mH)
            x, _ = self.resolve_tier(i, spectrum, True)
            if i > 0:
                finer = times(x, self.a_hat[i])
            out[i] = self.grids[i].inverse(x)
        return out


def loss_and_backward(problem, compile_it, spectral):
    """Returns a function that computes the loss and leaves the gradients in the parameters."""
    from peer import PeerError
    sizes, p = problem.sizes, problem.p
    if sizes["solver"] != "peaceman-rachford" or sizes["tolerance"] > 0:
        raise PeerError("given forward-backward splitting or a tolerance, expected peaceman-rachford and a number of "
                        "evaluations, use --solver and --evaluations")
    n, side = len(problem.x), problem.x.shape[2] + 2
    count = sum(name.endswith(".a") for name in p)
    sides = [side]
    for _ in range(count - 1):
        sides.append(sides[-1] // 2 + 1)
    single = count == 1
    device, alpha = problem.device, float(p["alpha"])
    grids = [Grid(m, single, device) for m in sides]
    halves = [Grid(m // 2, False, device) for m in sides[:-1]]
    frames = [F.pad(torch.ones(m - 2, m - 2, device=device), (1, 1, 1, 1)) for m in sides]
    shapes = [(n, p[f"tiers.{i}.a"].shape[0], m, m) for i, m in enumerate(sides)]
    wrap = (lambda f: torch.compile(f, dynamic=False)) if compile_it else (lambda f: f)

    def middle(z, u, shift):
        return [2 * a - b if c is None else 2 * a - b + c for a, b, c in zip(z, u, shift)]

    def after(z, u, v):
        u = [2 * x - (2 * a - b) for x, a, b in zip(v, z, u)]
        return u, [F.relu(x) * frame for x, frame in zip(u, frames)]

    def after_adjoint(z, u, v, on, g):
        u = [2 * x - (2 * a - b) for x, a, b in zip(v, z, u)]
        return u, [torch.where(mask, x if c is None else x + c, 0) for x, mask, c in zip(u, on, g)]
    middle, after, after_adjoint = wrap(middle), wrap(after), wrap(after_adjoint)

    def output(z):
        z = F.avg_pool2d(z, 4) if single else z
        return F.linear(z.flatten(1), p["out.w"], p["out.b"])

    def run():
        tiers = Tiers(p, alpha, grids, halves, spectral and single)
        bias = circular(F.pad(problem.x, (1, 1, 1, 1)), p["inject.w"]) + p["inject.b"][:, None, None]
        with torch.no_grad():
            shift = [alpha * bias] + [None] * (count - 1)
            z, u = ([torch.zeros(shape, device=device) for shape in shapes] for _ in range(2))
            for _ in range(sizes["evaluations"]):
                u, z = after(z, u, tiers.resolve(middle(z, u, shift)))
        pre = tiers.product(z)
        pre[0] = pre[0] + bias
        with torch.no_grad():
            value = [F.relu(x) * frame for x, frame in zip(pre, frames)]
        at = value[-1].requires_grad_()
        loss = problem.loss_of(output(at))
        loss.backward()
        with torch.no_grad():
            on = [x > 0 for x in value]
            none = [None] * count
            g = [None] * (count - 1) + [alpha * at.grad]
            u = [torch.zeros(shape, device=device) for shape in shapes]
            z = [torch.zeros_like(x) if c is None else torch.where(mask, c, 0) for x, mask, c in zip(u, on, g)]
            for _ in range(sizes["evaluations"]):
                u, z = after_adjoint(z, u, tiers.resolve_transposed(middle(z, u, none)), on, g)
        torch.autograd.backward(pre, z)
        return loss
    return run


def make(request, state):
    """Returns the version and the step of a workload."""
    import torch_peer
    problem = torch_peer.Problem(request, state)
    step = torch_peer.separate_step(problem, loss_and_backward(problem, compile_it=False, spectral=False))
    return f"torch {torch.__version__} with the monDEQ's splitting", step, problem.clock()
