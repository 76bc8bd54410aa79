"""Tests tensors in Python: shared memory, indexing, operators, gradients, documentation and the speed of a call."""

import re
import threading
import time

import numpy as np
import pytest

import stillpoint as sp


def test_memory_is_shared_in_both_directions():
    array = np.zeros((2, 3), np.float32)
    x = sp.Tensor(array)
    array[1, 2] = 7
    assert x.numpy()[1, 2] == 7
    x.numpy()[0, 1] = 5
    assert array[0, 1] == 5
    through_dlpack = np.from_dlpack(x)
    assert np.shares_memory(through_dlpack, array)
    assert sp.Tensor(x).numpy().ctypes.data == array.ctypes.data


def test_memory_outlives_who_lent_it():
    x = sp.Tensor(np.full(1000, 3.0))
    view = (x + 0.0).numpy()
    assert x.numpy().sum() == 3000 and view.sum() == 3000


def test_copies_do_not_share():
    array = np.zeros(3, np.float32)
    x = sp.tensor(array)
    array[0] = 1
    assert x.numpy()[0] == 0


@pytest.mark.parametrize("array", [np.zeros((4, 4), np.float32)[:, ::2], np.zeros(3, np.int64), np.zeros(3, np.float16),
                                   np.zeros(3, bool), [1.0], None, "text"])
def test_what_cannot_be_shared_is_refused(array):
    with pytest.raises(sp.Error, match="Tensor: given .*, expected .*, "):
        sp.Tensor(array)


def test_read_only_memory_is_refused():
    array = np.zeros(3, np.float32)
    array.flags.writeable = False
    with pytest.raises(sp.Error, match="expected a writable array"):
        sp.Tensor(array)


@pytest.mark.parametrize("index", ["0", "-1", "1, 2", "1:, ::, -1", "..., 0", "None, 1", ":, None, 1:2", "2:1", "..., 1:3", "0, 1, 2"])
def test_indexing_is_numpys(index):
    array = np.arange(24, dtype=np.float64).reshape(2, 3, 4)
    place = eval(f"np.s_[{index}]")
    assert np.array_equal(sp.Tensor(array)[place].numpy(), array[place])
    assert sp.Tensor(array)[place].shape == array[place].shape


def test_rows_by_ids_and_their_gradient():
    x = sp.tensor([[1.0, 2], [3, 4], [5, 6]]).variable()
    y = x[sp.tensor([2, 0, 2])]
    assert np.array_equal(y.numpy(), [[5, 6], [1, 2], [5, 6]])
    assert np.array_equal(sp.grad(sp.sum(y), x).numpy(), [[1, 1], [0, 0], [2, 2]])


@pytest.mark.parametrize("index", [np.s_[::2], np.s_[::-1], 1.0, True, "a", np.s_[0, 0, 0]])
def test_other_indices_are_refused(index):
    with pytest.raises(sp.Error, match="indexing: given .*, expected .*, "):
        sp.tensor([[1.0, 2], [3, 4]])[index]


def test_an_index_out_of_range_ends_iteration():
    x = sp.tensor([1.0, 2, 3])
    assert [row.item() for row in x] == [1, 2, 3]
    with pytest.raises(IndexError, match="given 3 for an axis of 3, expected -3..2"):
        x[3]


def test_operators():
    a, b = np.array([1.0, 2, 3]), np.array([4.0, 5, 6])
    x, y = sp.Tensor(a), sp.Tensor(b)
    for ours, theirs in [(x + y, a + b), (x - 1, a - 1), (1 - x, 1 - a), (2 / x, 2 / a), (x / 2, a / 2), (x**2, a**2),
                         (x**0.5, a**0.5), (-x, -a), (abs(-x), a), (x * y, a * b), (x < y, a < b), (x > y, a > b)]:
        assert np.allclose(ours.numpy(), theirs, rtol=1e-15)
    assert np.array_equal((sp.Tensor(np.outer(a, b)) @ sp.Tensor(b[:, None])).numpy(), np.outer(a, b) @ b[:, None])
    with pytest.raises(TypeError):
        a + x
    with pytest.raises(sp.Error, match="power: given exponent 3"):
        x**3


def test_gradients_of_any_order():
    x = sp.tensor(0.5, dtype="float64").variable()
    y = sp.sine(x)
    for expected in (np.cos(0.5), -np.sin(0.5), -np.cos(0.5), np.sin(0.5)):
        y = sp.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(expected, abs=1e-15)


def test_no_grad_holds_on_its_thread_only():
    x = sp.tensor([1.0]).variable()
    seen = []
    with sp.no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        thread.start()
        thread.join()
        with sp.no_grad():
            pass
        seen.append((x * 2).requires_grad)
    seen.append((x * 2).requires_grad)
    assert seen == [True, False, True]


def test_errors_have_four_parts():
    with pytest.raises(sp.Error, match=r"^add: given shapes \(2\) and \(3\), expected shapes that broadcast, reshape"):
        sp.tensor([1.0, 2]) + sp.tensor([1.0, 2, 3])


def test_every_op_has_its_contract():
    names = [name for name in vars(sp.ops) if not name.startswith("_")]
    assert len(names) > 60
    for name in names:
        signature, _, contract = getattr(sp.ops, name).__doc__.partition("\n")
        assert re.match(rf"{name}\(", signature) and contract.strip(), name
    assert "y[n,o,t]  = sum_{c,j}" in sp.conv1d.__doc__  # the kernel's formula


def test_python_runs_beside_a_long_call():
    x = sp.Tensor(np.ones((1500, 1500)))
    steps, done = 0, []
    thread = threading.Thread(target=lambda: done.append([sp.matmul(x, x) for _ in range(4)]))
    thread.start()
    while not done:
        steps += 1
        time.sleep(1e-3)
    thread.join()
    assert steps > 10


def test_a_call_costs_little():
    x = sp.tensor([1.0])
    times = []
    for _ in range(50):
        begun = time.perf_counter()
        for _ in range(200):
            sp.negate(x)
        times.append((time.perf_counter() - begun) / 200)
    assert min(times) < 5e-6
