"""Times training steps of copy memory's DEQ-Transformer in torchdeq (PyPI) with Anderson's method: a peer of ours.

    python3 bench/torchdeq_peer.py [copy-deq-anderson-b1] [--threads N] [--seconds S]

It makes 30 evaluations forward and 30 vector-Jacobian products backward; no tolerance saves any. Prints one JSON line
with `workload`, `batch` and `ms_per_step` (median).
"""
import argparse
import json
import math
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torchdeq import get_deq

NAME, TOKENS, LENGTH, D, HEADS = "copy-deq-anderson-b1", 10, 520, 40, 8


class Cell(nn.Module):
    """f(z; u) with normalised weights and layer norms without parameters (Bai, Kolter, Koltun 2019)."""

    def __init__(self):
        super().__init__()
        self.qkv, self.r = (weight_norm(nn.Linear(D, n, bias=False)) for n in (3 * D, D))
        self.o, self.first, self.second = (weight_norm(nn.Linear(D, D)) for _ in range(3))
        self.b_w, self.b_r = (nn.Parameter(0.01 * torch.randn(HEADS, D // HEADS)) for _ in range(2))
        distance = torch.arange(LENGTH - 1, -1, -1.0)[:, None] * 10000 ** (-torch.arange(0, D, 2.0) / D)
        self.register_buffer("code", torch.cat([distance.sin(), distance.cos()], 1))
        self.register_buffer("ahead", torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1))

    def bind(self, u):
        """Returns the map of z, with everything that does not depend on z computed once."""
        w_qkv, w_o, w_1, w_2 = (m.weight for m in (self.qkv, self.o, self.first, self.second))
        r = F.linear(self.code, self.r.weight).view(LENGTH, HEADS, -1)

        def f(z):
            n = len(z)
            q, k, v = (F.linear(F.layer_norm(z, (D,)), w_qkv) + u).view(n, LENGTH, 3, HEADS, -1).unbind(2)
            of_keys = torch.einsum("nihe,njhe->nhij", q + self.b_w, k)
            shifted = F.pad(torch.einsum("nihe,jhe->nhij", q + self.b_r, r), (1, 0))
            of_distances = shifted.view(n, HEADS, LENGTH + 1, LENGTH)[:, :, 1:].reshape_as(of_keys)
            scores = (of_keys + of_distances) / math.sqrt(D // HEADS)
            weights = scores.masked_fill(self.ahead, -math.inf).softmax(-1)
            y = torch.einsum("nhij,njhe->nihe", weights, v).reshape(n, LENGTH, D)
            h = F.layer_norm(F.linear(y, w_o, self.o.bias) + z, (D,))
            return h + F.linear(F.relu(F.linear(h, w_1, self.first.bias)), w_2, self.second.bias)

        return f


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Parameter(0.01 * torch.randn(TOKENS, D))
        self.inject, self.cell = nn.Linear(D, 3 * D), Cell()
        self.out_bias = nn.Parameter(torch.zeros(TOKENS))
        self.deq = get_deq(f_solver="anderson", b_solver="anderson", f_max_iter=30, b_max_iter=30, f_tol=0, b_tol=0,
                           ift=True)

    def forward(self, tokens):
        u = self.inject(self.embedding[tokens] * math.sqrt(D))
        z, _ = self.deq(self.cell.bind(u), torch.zeros(*tokens.shape, D))
        return F.linear(z[-1], self.embedding, self.out_bias)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="*", choices=[NAME, []], default=NAME)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seconds", type=float, default=8)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    model = Model()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = torch.randint(0, TOKENS, (1, LENGTH)), torch.randint(0, TOKENS, (LENGTH,))

    def step():
        adam.zero_grad()
        F.cross_entropy(model(x).flatten(0, 1), y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        adam.step()

    for _ in range(3):
        step()
    times, end = [], time.perf_counter() + a.seconds
    while not times or time.perf_counter() < end:
        begin = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - begin))
    print(json.dumps({"workload": NAME, "batch": 1, "ms_per_step": statistics.median(times),
                      "parameters": sum(p.numel() for p in model.parameters()), "torch": torch.__version__,
                      "threads": a.threads}))


if __name__ == "__main__":
    main()
