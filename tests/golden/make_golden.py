"""Writes the golden files of tests/models/test_golden.cpp, tests/engine/test_optim.cpp and
tests/solvers/test_solvers.cpp with PyTorch in float64, and checks Broyden's iterates against SciPy's.

    python3 make_golden.py [FOLDER]

Parameters and inputs are float32 numbers stored in float64, so that float32 runs start from the same values.
"""
import json
import math
import pathlib
import sys

import scipy.optimize
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def narrow(t):
    """Rounds to float32 and widens again."""
    return t.float().double()


class Draw:
    """Parameters in PyTorch's default ranges, by name."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)
        self.params, self.buffers = {}, {}

    def uniform(self, name, shape, fan_in):
        u = torch.rand(shape, generator=self.generator) * 2 - 1
        self.params[name] = narrow(u / math.sqrt(fan_in)).requires_grad_()

    def linear(self, name, n_in, n_out, bias=True):
        self.uniform(f"{name}.w", (n_out, n_in), n_in)
        if bias:
            self.uniform(f"{name}.b", (n_out,), n_in)

    def omega(self, m, d):
        self.buffers["psi.omega"] = narrow(torch.randn((m, d), generator=self.generator))


def draw_tcn(draw, prefix, blocks, channels, taps):
    for i in range(blocks):
        for conv, n_in in (("conv1", 1 if i == 0 else channels), ("conv2", channels)):
            name = f"{prefix}{i}.{conv}"
            draw.uniform(f"{name}.v", (channels, n_in, taps), n_in * taps)
            v = draw.params[f"{name}.v"].detach()
            draw.params[f"{name}.g"] = narrow(v.flatten(1).norm(dim=1) * 1.1).requires_grad_()
            draw.uniform(f"{name}.b", (channels,), n_in * taps)
    draw.uniform(f"{prefix}0.down.w", (channels, 1, 1), 1)
    draw.uniform(f"{prefix}0.down.b", (channels,), 1)


def tcn(p, prefix, blocks, x):
    for i in range(blocks):
        y = x
        for conv in ("conv1", "conv2"):
            name = f"{prefix}{i}.{conv}"
            v, g = p[f"{name}.v"], p[f"{name}.g"]
            w = v * (g / v.flatten(1).norm(dim=1)).view(-1, 1, 1)
            reach = (v.shape[2] - 1) * 2**i
            y = F.relu(F.conv1d(F.pad(y, (reach, 0)), w, p[f"{name}.b"], dilation=2**i))
        down = f"{prefix}{i}.down.w"
        r = F.conv1d(x, p[down], p[f"{prefix}{i}.down.b"]) if down in p else x
        x = F.relu(y + r)
    return x


def draw_head(draw, n_in, hidden, out, m=0):
    width = n_in
    if m:
        draw.omega(m, n_in)
        width = 2 * m
    draw.uniform("koopman.vt", (width // 2, width), width)
    draw.uniform("koopman.u", (width, width // 2), width // 2)
    draw.linear("r.0", width, hidden)
    draw.linear("r.1", hidden, hidden)
    draw.linear("r.2", hidden, hidden)
    draw.linear("out", hidden, out)


def head(p, buffers, h):
    if "psi.omega" in buffers:
        q = h @ buffers["psi.omega"].T
        h = torch.cat([q.cos(), q.sin()], -1) / math.sqrt(buffers["psi.omega"].shape[0])
    h = h @ p["koopman.vt"].T @ p["koopman.u"].T
    h = F.relu(F.linear(h, p["r.0.w"], p["r.0.b"]))
    h = F.relu(F.linear(h, p["r.1.w"], p["r.1.b"]))
    h = F.linear(h, p["r.2.w"], p["r.2.b"])
    return F.linear(h, p["out.w"], p["out.b"])


def train(draw, config, forward, loss_of, x, y, keep_after=True):
    """Computes the loss, gradients and ten Adam steps with clipping; returns the file's tensors."""
    tensors = {f"param/{k}": v.detach().clone() for k, v in draw.params.items()}
    tensors |= {f"buffer/{k}": v.clone() for k, v in draw.buffers.items()}
    tensors |= {"input/x": x, "input/y": y.int() if y.dtype == torch.int64 else y}
    params = list(draw.params.values())
    adam = torch.optim.Adam(params, lr=config["lr"], eps=config["eps"])
    losses, norms = [], []
    for step in range(10):
        adam.zero_grad()
        out = forward(x)
        loss = loss_of(out, y)
        loss.backward()
        if step == 0:
            tensors["loss"] = loss.detach().clone()
            tensors |= {f"grad/{k}": v.grad.clone() for k, v in draw.params.items()}
            tensors |= {f"buffer_first/{k}": v.clone() for k, v in draw.buffers.items() if "norm" in k}
            if keep_after:
                tensors["logits"] = out.detach().clone()
        losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(params, config["clip"]).item())
        adam.step()
    assert min(norms) > 0 and any(n > config["clip"] for n in norms), norms
    tensors["losses"], tensors["grad_norms"] = torch.tensor(losses), torch.tensor(norms)
    if keep_after:
        tensors |= {f"param_after/{k}": v.detach() for k, v in draw.params.items()}
        tensors |= {f"buffer_after/{k}": v for k, v in draw.buffers.items() if "norm" in k}
    return tensors


def write(folder, name, tensors, config):
    contiguous = {k: v.contiguous().clone() for k, v in sorted(tensors.items())}
    save_file(contiguous, folder / f"{name}.safetensors", {"config": json.dumps(config, sort_keys=True)})


def copy_memory_sample(generator, blank):
    digits = torch.randint(1, 9, (1, 10), generator=generator)
    x = torch.cat([digits, torch.zeros(1, blank - 1, dtype=torch.int64), torch.full((1, 11), 9)], 1)
    y = torch.cat([torch.zeros(1, blank + 10, dtype=torch.int64), digits], 1)
    return x.double().unsqueeze(1), y.flatten()


def sequence_case(folder, name, config, paper=False):
    draw = Draw(config["seed"])
    prefix = "tcn." if name == "tcn" else "phi.tcn."
    draw_tcn(draw, prefix, config["n_blocks"], config["channels"], config["kernel"])
    if name == "tcn":
        draw.linear("out", config["channels"], 10)
    else:
        draw.linear("phi.lift", config["channels"], config["d"])
        draw_head(draw, config["d"], config["H"], 10, config["m"] if name == "copy_two" else 0)
    if paper:
        assert sum(p.numel() for p in draw.params.values()) == 17294
        x, y = copy_memory_sample(draw.generator, 500)
    else:
        x = torch.randint(0, 10, (2, 1, 21), generator=draw.generator).double()
        y = torch.randint(0, 10, (42,), generator=draw.generator)

    def forward(x):
        p = draw.params
        h = tcn(p, prefix, config["n_blocks"], x).transpose(1, 2).flatten(0, 1)
        if name == "tcn":
            return F.linear(h, p["out.w"], p["out.b"])
        return head(p, draw.buffers, F.linear(h, p["phi.lift.w"], p["phi.lift.b"]))

    write(folder, name, train(draw, config, forward, F.cross_entropy, x, y, not paper), config)


def image_case(folder, kind, config):
    draw = Draw(config["seed"])
    h, d = config["h"], config["d"]
    if kind != "rff":
        draw.linear("phi.0", 2, h)
        draw.linear("phi.1", h, h)
        draw.linear("phi.2", h, d)
    draw_head(draw, 2 if kind == "rff" else d, config["H"], 3, 0 if kind == "single" else config["m"])
    x = narrow(torch.rand((64, 2), generator=draw.generator))
    y = narrow(torch.rand((64, 3), generator=draw.generator))

    def forward(x):
        p = draw.params
        if kind != "rff":
            x = F.relu(F.linear(x, p["phi.0.w"], p["phi.0.b"]))
            x = F.relu(F.linear(x, p["phi.1.w"], p["phi.1.b"]))
            x = F.linear(x, p["phi.2.w"], p["phi.2.b"])
        return head(p, draw.buffers, x)

    write(folder, f"image_{kind}", train(draw, config, forward, F.mse_loss, x, y), config)


def draw_conv(draw, name, n_in, n_out):
    draw.uniform(f"{name}.w", (n_out, n_in, 3, 3), 9 * n_in)
    draw.uniform(f"{name}.b", (n_out,), 9 * n_in)
    draw.params[f"{name}.norm.gain"] = narrow(1 + 0.3 * torch.rand(n_out, generator=draw.generator)).requires_grad_()
    draw.params[f"{name}.norm.shift"] = narrow(0.3 * torch.rand(n_out, generator=draw.generator)).requires_grad_()
    draw.buffers[f"{name}.norm.mean"] = narrow(torch.randn(n_out, generator=draw.generator))
    draw.buffers[f"{name}.norm.variance"] = narrow(0.5 + torch.rand(n_out, generator=draw.generator))


def vision_case(folder, kind, config):
    """Image classification's VGG-like lift with a SIM on it; also the running statistics of batch norm."""
    draw = Draw(config["seed"])
    n_in, height, width = config["image"]
    for i in range(4):
        draw_conv(draw, f"phi.conv{i}", config["channels"] if i else n_in, config["channels"])
    draw.linear("phi.lift", config["channels"] * (height // 4) * (width // 4), config["d"])
    draw_head(draw, config["d"], config["H"], 10, config["m"] if kind == "two" else 0)
    x = narrow(torch.randn((config["batch"], *config["image"]), generator=draw.generator))
    y = torch.randint(0, 10, (config["batch"],), generator=draw.generator)

    def forward(x):
        p, b = draw.params, draw.buffers
        for i in range(4):
            c = f"phi.conv{i}"
            x = F.conv2d(x, p[f"{c}.w"], p[f"{c}.b"], padding=1)
            x = F.batch_norm(x, b[f"{c}.norm.mean"], b[f"{c}.norm.variance"], p[f"{c}.norm.gain"],
                             p[f"{c}.norm.shift"], training=True)
            x = F.relu(x)
            if i % 2:
                x = F.max_pool2d(x, 2)
        return head(p, b, F.linear(x.flatten(1), p["phi.lift.w"], p["phi.lift.b"]))

    write(folder, f"vision_{kind}", train(draw, config, forward, F.cross_entropy, x, y), config)


def optimiser_case(folder, name, make, config):
    """Takes ten given gradients per tensor; stores the parameters after every step."""
    generator = torch.Generator().manual_seed(config["seed"])
    shapes = [(7,), (3, 5), (130,)]
    params = [narrow(torch.randn(s, generator=generator)).requires_grad_() for s in shapes]
    tensors = {f"param/{i}": p.detach().clone() for i, p in enumerate(params)}
    optimiser, norms = make(params), []
    for step in range(10):
        for i, p in enumerate(params):
            p.grad = narrow(torch.randn(p.shape, generator=generator) * (0.02 if step % 3 else 1))
            tensors[f"grad/{step}/{i}"] = p.grad.clone()
        if config["clip"]:
            norms.append(torch.nn.utils.clip_grad_norm_(params, config["clip"]).item())
        optimiser.step()
        tensors |= {f"after/{step}/{i}": p.detach().clone() for i, p in enumerate(params)}
    if norms:
        assert min(norms) < config["clip"] < max(norms)
        tensors["norms"] = torch.tensor(norms)
    write(folder, name, tensors, config)


def broyden_points(f, z, steps, line_search):
    """Good Broyden for f(z) - z, from -I. Returns where f is evaluated, which points were accepted, and
    whether SciPy would have searched differently: it does not bound the parabola, and it halves the step
    where this function takes the cubic's minimum."""
    points, accepted, otherwise = [], [], False
    B, p, at, g_at = -torch.eye(len(z)), None, None, None
    s, last, phi0 = 1.0, None, math.inf
    while len(points) < steps:
        points.append(z)
        g = f(z) - z
        phi = float(g @ g)
        gave_up = last is not None and last[0] < 0
        if line_search and not gave_up and not phi <= (1 - 1e-4 * s) * phi0:
            if last is None:
                shorter = phi0 * s * s / (2 * (phi - phi0 + phi0 * s))
            else:
                h, old = last
                rows = torch.tensor([[s ** 2, s ** 3], [h ** 2, h ** 3]])
                c, a = torch.linalg.solve(rows, torch.tensor([phi - phi0 + phi0 * s, old - phi0 + phi0 * h])).tolist()
                shorter = (-c + math.sqrt(max(c * c + 3 * a * phi0, 0))) / (3 * a)
            otherwise = otherwise or last is not None or not 0.1 * s <= shorter <= 0.5 * s
            last, s = (s, phi), min(max(shorter, 0.1 * s), 0.5 * s)
            if s < 1e-2:
                last, s = (-1, phi), 1.0
        else:
            if p is not None:
                dz, dg = z - at, g - g_at
                v = dz @ B
                B = B + torch.outer(dz - B @ dg, v) / (v @ dg)
            accepted.append(z)
            at, g_at, p, s, last, phi0 = z, g, -B @ g, 1.0, None, phi
        z = at + s * p
    return torch.stack(points), torch.stack(accepted), otherwise


def scipy_broyden_points(f, z, steps, line_search):
    """Returns the accepted points of SciPy's method for the same problem."""
    points = [z]
    try:
        scipy.optimize.broyden1(lambda x: (f(torch.from_numpy(x)) - torch.from_numpy(x)).numpy(), z.numpy(), iter=steps,
                                alpha=1, line_search=line_search, callback=lambda x, _: points.append(torch.tensor(x)))
    except scipy.optimize.NoConvergence:
        pass
    return torch.stack(points)


def anderson_points(f, z, steps, memory, regularisation, beta):
    points, values = [], []
    while len(points) < steps:
        points.append(z)
        values.append(f(z))
        X, Fx = torch.stack(points[-memory:]), torch.stack(values[-memory:])
        G = Fx - X
        n = len(X)
        H = torch.ones((n + 1, n + 1))
        H[0, 0] = 0
        H[1:, 1:] = G @ G.T + regularisation * torch.eye(n)
        alpha = torch.linalg.solve(H, torch.eye(n + 1)[0])[1:]
        z = beta * alpha @ Fx + (1 - beta) * alpha @ X
    return torch.stack(points)


def solver_case(folder):
    """tanh(W z + b) in 12 dimensions; the samples differ in b and in their distance from the solution."""
    generator = torch.Generator().manual_seed(32)
    W = torch.randn((12, 12), generator=generator) * 0.6
    b = torch.randn((4, 12), generator=generator)
    z0 = torch.randn((4, 12), generator=generator) * torch.tensor([[0.0], [1.0], [3.0], [8.0]])
    steps = 10
    traces = {"broyden": [], "line_search": [], "anderson": [], "anderson_mixed": []}
    refused, alike = 0, 0
    for i in range(4):
        f = lambda z, i=i: torch.tanh(W @ z + b[i])
        points, _, _ = broyden_points(f, z0[i], steps, False)
        reference = scipy_broyden_points(f, z0[i], steps - 1, None)
        assert (points - reference).abs().max() < 1e-12, "SciPy's Broyden goes elsewhere"
        traces["broyden"].append(points)
        points, accepted, otherwise = broyden_points(f, z0[i], steps, True)
        refused += len(points) - len(accepted)
        reference = scipy_broyden_points(f, z0[i], steps - 1, "armijo")
        same = min(len(accepted), len(reference))
        gap = (accepted[:same] - reference[:same]).abs().max()
        assert otherwise or gap < 1e-12, "SciPy's line search goes elsewhere"
        alike += not otherwise
        traces["line_search"].append(points)
        traces["anderson"].append(anderson_points(f, z0[i], steps, 4, 1e-4, 1))
        traces["anderson_mixed"].append(anderson_points(f, z0[i], steps, 4, 1e-4, 0.7))
    assert refused >= 8 and 0 < alike < 4, "the line search had too little to do"
    tensors = {"w": W, "b": b, "z0": z0, **{name: torch.stack(rows, 1) for name, rows in traces.items()}}
    write(folder, "solver_traces", tensors, {"steps": steps, "memory": 4, "regularisation": 1e-4, "beta": 0.7})


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    training = {"lr": 1e-3, "clip": 0.1, "eps": 1e-5}
    small = {"n_blocks": 3, "channels": 4, "kernel": 3, "d": 8, "m": 4, "H": 8} | training
    sequence_case(folder, "tcn", small | {"seed": 1})
    sequence_case(folder, "copy_single", small | {"seed": 2})
    sequence_case(folder, "copy_two", small | {"seed": 3})
    paper = {"n_blocks": 8, "channels": 10, "kernel": 8, "d": 32, "m": 16, "H": 32, "seed": 4} | training
    sequence_case(folder, "copy_single_paper", paper, paper=True)
    solver_case(folder)
    image = {"h": 16, "d": 16, "m": 8, "H": 24, "lr": 1e-3, "clip": 0.05, "eps": 1e-5}
    for seed, kind in enumerate(("single", "two", "rff")):
        image_case(folder, kind, image | {"seed": 10 + seed})
    vision = {"image": (3, 13, 16), "batch": 6, "channels": 5, "d": 10, "m": 9, "H": 12} | training
    for seed, kind in enumerate(("single", "two")):
        vision_case(folder, kind, vision | {"seed": 30 + seed})
    decay = {"lr": 0.01, "weight_decay": 0.01, "clip": 0.7, "seed": 20}
    optimiser_case(folder, "adam", lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.01), decay)
    optimiser_case(folder, "sgd", lambda p: torch.optim.SGD(p, lr=0.01), {"lr": 0.01, "clip": 0, "seed": 21})
    optimiser_case(folder, "sgd_momentum",
                   lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=0.01),
                   decay | {"momentum": 0.9, "clip": 0, "seed": 22})
    optimiser_case(folder, "adamw", lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.3),
                   decay | {"weight_decay": 0.3, "seed": 23})
    optimiser_case(folder, "rmsprop", lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, momentum=0.5, weight_decay=0.01),
                   decay | {"alpha": 0.9, "momentum": 0.5, "clip": 0, "seed": 24})


if __name__ == "__main__":
    main()
