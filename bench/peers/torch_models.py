"""The networks of `stillpoint bench` as functions of their parameters, in PyTorch; eager, compiled and torchdeq use them.

`p` holds parameters and fixed buffers by the names of `stillpoint bench`. Shapes: N batch, C channels, T positions.
"""
import math

import torch
import torch.nn.functional as F


def tensors_of(state):
    """Converts the arrays of a state to tensors."""
    kinds = {"F32": torch.float32, "F64": torch.float64, "I32": torch.int32, "I64": torch.int64}
    return {name: torch.frombuffer(data, dtype=kinds[dtype]).reshape(shape)
            for name, (dtype, shape, data) in state.items()}


def chain(h, maps, fold):
    """Applies linear maps (w, b or None) in turn. `fold` multiplies them out first, which pays for many rows."""
    if fold:
        w, b = maps[0]
        for next_w, next_b in maps[1:]:
            w = next_w @ w
            b = next_b if b is None else F.linear(b, next_w, next_b)
        maps = [(w, b)]
    for w, b in maps:
        h = F.linear(h, w, b)
    return h


def head(p, h, before=(), fold=False):
    """Returns the output of psi (if the model has it), U V^T, the reverse network and the last map."""
    maps = list(before)
    if "psi.omega" in p:
        omega = p["psi.omega"]
        h = chain(h, maps + [(omega, None)], fold)
        h, maps = torch.cat([h.cos(), h.sin()], -1) / math.sqrt(omega.shape[0]), []
    maps += [(p["koopman.vt"], None), (p["koopman.u"], None), (p["r.0.w"], p["r.0.b"])]
    h = F.relu(chain(h, maps, fold))
    h = F.relu(F.linear(h, p["r.1.w"], p["r.1.b"]))
    return chain(h, [(p["r.2.w"], p["r.2.b"]), (p["out.w"], p["out.b"])], fold)


def normalised(p, name):
    """Returns g v / ||v||, the norm of each output's row."""
    v, g = p[name + ".v"], p[name + ".g"]
    return torch._weight_norm(v, g.view(-1, *[1] * (v.dim() - 1)), 0)


def causal(h, w, b, dilation):
    """A dilated convolution of (N,C,T) that looks at no later position."""
    return F.conv1d(F.pad(h, ((w.shape[2] - 1) * dilation, 0)), w, b, dilation=dilation)


def causal_stacked(h, w, b, dilation):
    """The same for (C,N,T), as one product of the kernel with the stacked shifts of h."""
    taps, length = w.shape[2], h.shape[2]
    padded = F.pad(h, ((taps - 1) * dilation, 0))
    shifts = torch.cat([padded[:, :, i * dilation:i * dilation + length] for i in range(taps)])
    out = torch.addmm(b[:, None], w.transpose(1, 2).flatten(1), shifts.flatten(1))
    return out.view(w.shape[0], -1, length)


def tcn(p, prefix, x, stacked):
    """Returns (N T, C) from x (N,1,T)."""
    convolve, h = (causal_stacked, x.transpose(0, 1)) if stacked else (causal, x)
    block = 0
    while f"{prefix}{block}.conv1.v" in p:
        name = f"{prefix}{block}."
        y = F.relu(convolve(h, normalised(p, name + "conv1"), p[name + "conv1.b"], 2 ** block))
        y = F.relu(convolve(y, normalised(p, name + "conv2"), p[name + "conv2.b"], 2 ** block))
        if name + "down.w" in p:
            h = convolve(h, p[name + "down.w"], p[name + "down.b"], 1)
        h, block = F.relu(y + h), block + 1
    return (h.permute(1, 2, 0) if stacked else h.transpose(1, 2)).flatten(0, 1)


def sequence_sim(p, x, fold=False, stacked=False):
    """Copy memory's SIM."""
    return head(p, tcn(p, "phi.tcn.", x, stacked), [(p["phi.lift.w"], p["phi.lift.b"])], fold)


def sequence_tcn(p, x, fold=False, stacked=False):
    """Copy memory's TCN."""
    return F.linear(tcn(p, "tcn.", x, stacked), p["out.w"], p["out.b"])


def pixel_sim(p, x, fold=False):
    """Image regression's SIM: x (N,2) -> (N,3)."""
    if "phi.0.w" not in p:
        return head(p, x, (), fold)
    for layer in ("phi.0", "phi.1"):
        x = F.relu(F.linear(x, p[layer + ".w"], p[layer + ".b"]))
    return head(p, x, [(p["phi.2.w"], p["phi.2.b"])], fold)


def image_sim(p, x, channels_last=False):
    """Image classification's SIM in training; updates the running statistics in p."""
    order = {"memory_format": torch.channels_last if channels_last else torch.contiguous_format}
    h = x.contiguous(**order)
    for i in range(4):
        name = f"phi.conv{i}."
        h = F.conv2d(h, p[name + "w"].contiguous(**order), p[name + "b"], padding=1)
        h = F.relu(F.batch_norm(h, p[name + "norm.mean"], p[name + "norm.variance"], p[name + "norm.gain"],
                                p[name + "norm.shift"], training=True))
        if i % 2 == 1:
            h = F.max_pool2d(h, 2)
    return head(p, F.linear(h.flatten(1), p["phi.lift.w"], p["phi.lift.b"]))


class DeqCell:
    """f(z) of the DEQ-Transformer (Bai, Kolter, Koltun 2019) for one batch, and the maps before and after it."""

    def __init__(self, length, features, device):
        distance = torch.arange(length - 1, -1, -1.0, dtype=torch.float64)
        angle = distance[:, None] * 10000 ** (-torch.arange(0, features, 2.0, dtype=torch.float64) / features)
        # A row of zeros comes first, so that re-viewing the products shifts row i by i places.
        self.code = F.pad(torch.cat([angle.sin(), angle.cos()], 1), (0, 0, 1, 0)).float().to(device)
        self.ahead = torch.full((length, length), -math.inf).triu(1).to(device)

    def bind(self, p, tokens):
        """Returns what f needs beside z, computed once per step."""
        features = p["embedding"].shape[1]
        u = F.linear(p["embedding"][tokens] * math.sqrt(features), p["inject.w"], p["inject.b"])
        r = F.linear(self.code, normalised(p, "r"))
        return [u, r, p["b_w"], p["b_r"], normalised(p, "qkv"), normalised(p, "o"), p["o.b"],
                normalised(p, "ffn.0"), p["ffn.0.b"], normalised(p, "ffn.1"), p["ffn.1.b"]]

    def __call__(self, z, u, r, b_w, b_r, w_qkv, w_o, b_o, w_1, b_1, w_2, b_2):
        n, length, d = z.shape
        heads, e = b_w.shape
        qkv = F.linear(F.layer_norm(z, (d,)), w_qkv) + u
        q, k, v = qkv.view(n, length, 3, heads, e).permute(2, 0, 3, 1, 4)
        places = torch.matmul(q + b_r[:, None], r.view(length + 1, heads, e).permute(1, 2, 0))
        places = places.reshape(n, heads, -1)[:, :, length:].view(n, heads, length, length)
        scores = (torch.matmul(q + b_w[:, None], k.transpose(2, 3)) + places) / math.sqrt(e) + self.ahead
        y = torch.matmul(scores.softmax(-1), v).transpose(1, 2).reshape(n, length, d)
        h = F.layer_norm(F.linear(y, w_o, b_o) + z, (d,))
        return h + F.linear(F.relu(F.linear(h, w_1, b_1)), w_2, b_2)

    @staticmethod
    def logits(p, z):
        """Returns (N T, tokens)."""
        return F.linear(z.flatten(0, 1), p["embedding"], p["out.b"])
