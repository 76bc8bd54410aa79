"""Calls ops with wrong arguments from several threads, and watches memory over many steps: exceptions, never a crash."""

import random
import threading

import numpy as np

import stillpoint as sp

EXPECTED = (sp.Error, TypeError, IndexError, OverflowError, ValueError)
CALLS = 10_000
OPS = [op for name, op in sorted(vars(sp.ops).items()) if not name.startswith("_")]


def any_tensor(draw):
    shape = [draw.choice([0, 1, 2, 3, 5]) for _ in range(draw.randrange(5))]
    x = sp.tensor(np.random.default_rng(draw.randrange(2**30)).normal(size=shape),
                  dtype=draw.choice(["float32", "float64", "int32"]))
    return x.variable() if x.dtype != "int32" and draw.random() < 0.5 else x


def any_argument(draw):
    kind = draw.randrange(10)
    if kind < 6:
        return any_tensor(draw)
    return draw.choice([None, -1, 0, 2, 2**62, 0.5, float("nan"), "x", [], [1, -1], [2, 3], [any_tensor(draw)], True,
                        sp.HeadLayer(any_tensor(draw), any_tensor(draw)), np.zeros(3)])


def call_at_random(seed, calls, counts):
    draw = random.Random(seed)
    for _ in range(calls):
        op = draw.choice(OPS)
        try:
            count = draw.choice([1, 2, 2, 3, 3, 4, 5])
            alike = draw.random() < 0.3  # which more ops take
            y = op(*([any_tensor(draw)] * count if alike else [any_argument(draw) for _ in range(count)]))
            counts["done"] += 1
            if isinstance(y, sp.Tensor) and y.requires_grad:
                sp.grad(y, y, sp.tensor(np.ones(y.shape), dtype=y.dtype))
        except EXPECTED as error:
            assert str(error)
            counts["refused"] += 1


def test_wrong_calls_raise_in_every_thread():
    counts = [{"done": 0, "refused": 0} for _ in range(4)]
    failures = []

    def work(place):
        try:
            call_at_random(place, CALLS // 4, counts[place])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum(c["done"] + c["refused"] for c in counts) >= CALLS
    assert min(sum(c[kind] for c in counts) for kind in ("done", "refused")) > CALLS // 50


def test_a_tensor_dies_on_any_thread():
    array = np.ones(100)
    holder = [sp.Tensor(array) * 2.0 for _ in range(100)]
    thread = threading.Thread(target=holder.clear)
    thread.start()
    thread.join()
    assert array.sum() == 100


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def test_ten_thousand_steps_leak_nothing():
    w = sp.tensor(np.full((8, 8), 0.05)).variable()
    x = np.ones((4, 8))

    def step():
        z, _, _ = sp.equilibrium(lambda z: sp.hyperbolic_tangent(sp.linear(z, w) + sp.Tensor(x)), sp.Tensor(np.zeros((4, 8))),
                                 max_steps=3)
        return sp.grad(sp.sum(z), w).numpy()

    for _ in range(1000):
        step()
    before = resident_bytes()
    for _ in range(10_000):
        step()
    assert resident_bytes() - before < 4 * 2**20
