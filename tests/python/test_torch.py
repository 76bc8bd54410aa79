"""Tests stillpoint.torch: gradients of both orders in double, agreement with PyTorch in float32, a DEQ of an nn.Module."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="not tested: this Python has no torch")

import stillpoint.torch as st  # noqa: E402
from stillpoint import Activation  # noqa: E402

from torch.nn import functional as F  # noqa: E402


def normal(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, requires_grad=True)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(5)


def tcn_arguments(dtype=torch.float64):
    return [normal(*shape, dtype=dtype) for shape in [(2, 3, 6), (4, 3, 2), (4,), (4,), (4, 4, 2), (4,), (4,), (4, 3), (4,)]]


def head_of(x, w1, b1, w2, b2):
    return st.sim_head(x, [w1, b1, w2, b2], [Activation.fourier, Activation.identity])


def head_arguments(dtype=torch.float64):
    return [normal(*shape, dtype=dtype) for shape in [(5, 3), (4, 3), (4,), (2, 8), (2,)]]


CASES = {
    "koopman_product": (st.koopman_product, lambda: [normal(4, 3), normal(3, 2), normal(2, 3)]),
    "lift": (st.lift, lambda: [normal(4, 3)]),
    "relative_attention": (st.relative_attention, lambda: [normal(2, 3, 12), normal(3, 4), normal(2, 2), normal(2, 2)]),
    "softmax_cross_entropy": (lambda x: st.softmax_cross_entropy(x, torch.tensor([0, 2, 1, 1])), lambda: [normal(4, 3)]),
    "tcn_block": (lambda *a: st.tcn_block(*a, dilation=2), tcn_arguments),
    "sim_head": (head_of, head_arguments),
}


@pytest.mark.parametrize("case", CASES)
def test_gradients_of_both_orders(case):
    function, arguments = CASES[case]
    arguments = arguments()
    assert torch.autograd.gradcheck(function, arguments)
    assert torch.autograd.gradgradcheck(function, arguments)


def test_agreement_with_pytorch_in_float32():
    def weighted(v, g):
        return v * (g / v.flatten(1).norm(dim=1))[:, None, None]

    def block(x, v1, g1, b1, v2, g2, b2, dw, db):
        a = F.relu(F.conv1d(F.pad(x, (2, 0)), weighted(v1, g1), b1, dilation=2))
        h = F.relu(F.conv1d(F.pad(a, (2, 0)), weighted(v2, g2), b2, dilation=2))
        return F.relu(h + F.conv1d(x, dw[:, :, None], db))

    arguments = tcn_arguments(torch.float32)
    ours, theirs = st.tcn_block(*arguments, dilation=2), block(*arguments)
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(torch.autograd.grad(ours.sum(), arguments), torch.autograd.grad(theirs.sum(), arguments)):
        torch.testing.assert_close(a, b)
    x, w1, b1, w2, b2 = head_arguments(torch.float32)
    p = F.linear(x, w1, b1)
    torch.testing.assert_close(head_of(x, w1, b1, w2, b2), F.linear(0.5 * torch.cat([p.cos(), p.sin()], 1), w2, b2))
    logits, labels = normal(6, 4, dtype=torch.float32), torch.randint(4, (6,))
    torch.testing.assert_close(st.softmax_cross_entropy(logits, labels)[0], F.cross_entropy(logits, labels))


def test_memory_is_shared():
    x = torch.zeros(3)
    ours = st._ours(x)
    x[1] = 4
    assert ours.numpy()[1] == 4
    st._theirs(ours)[2] = 5
    assert x[2] == 5


def test_modules_train():
    model = torch.nn.Sequential(st.TcnBlock(2, 8, 3), torch.nn.Flatten(), st.SimHead([40, 8, 1], [Activation.fourier, Activation.identity]))
    x, y = torch.randn(16, 2, 5), torch.randn(16, 1)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(100):
        optimiser.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    other = torch.nn.Sequential(st.TcnBlock(2, 8, 3), torch.nn.Flatten(), st.SimHead([40, 8, 1], [Activation.fourier, Activation.identity]))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(x), model(x))


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(6, 6, dtype=torch.float64)
        with torch.no_grad():
            self.linear.weight *= 0.5 / torch.linalg.matrix_norm(self.linear.weight, 2)

    def forward(self, z, x):
        return torch.tanh(self.linear(z) + x)


@pytest.mark.parametrize("method", ["broyden", "anderson", "picard"])
def test_a_deq_of_a_module_has_the_unrolled_gradient(method):
    layer = Layer()
    deq = st.DEQ(layer, method=method, tolerance=1e-11, max_steps=100, adjoint_tolerance=1e-11, adjoint_steps=100)
    x = normal(4, 6)
    z = torch.zeros(4, 6, dtype=torch.float64)
    ours = deq(x, z)
    assert deq.report.converged and len(deq.report.residuals) == 4
    for _ in range(100):
        z = layer(z, x)
    torch.testing.assert_close(ours, z)
    sources = [x, *layer.parameters()]
    for a, b in zip(torch.autograd.grad(ours.square().sum(), sources), torch.autograd.grad(z.square().sum(), sources)):
        torch.testing.assert_close(a, b)
    assert deq.adjoint_report.converged


def test_a_deq_with_phantom_gradients_points_downhill():
    layer = Layer()
    deq = st.DEQ(layer, gradient="phantom", tolerance=1e-9, max_steps=100)
    x, z0 = torch.randn(4, 6, dtype=torch.float64), torch.zeros(4, 6, dtype=torch.float64)
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = deq(x, z0).square().sum()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    with torch.no_grad():
        assert not deq(x, z0).requires_grad
    with pytest.raises(ValueError, match="expected implicit or phantom"):
        st.DEQ(layer, gradient="exact")
    assert np.isfinite(losses).all()
