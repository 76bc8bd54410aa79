"""Tests fixed points, equilibria and Koopman spectra of Python functions and data."""

import os
import signal
import threading

import numpy as np
import pytest

import stillpoint as sp


def contraction():
    """Returns f(z) = tanh(z w^T + x) with its parts; the slopes are below 0.6."""
    draw = np.random.default_rng(3)
    w = draw.normal(size=(5, 5))
    w = sp.tensor(0.6 * w / np.linalg.norm(w, 2)).variable()
    x = sp.tensor(draw.normal(size=(4, 5)))
    return w, x, lambda z: sp.hyperbolic_tangent(sp.linear(z, w) + x)


def zeros():
    return sp.Tensor(np.zeros((4, 5)))


@pytest.mark.parametrize("method", ["picard", "anderson", "broyden"])
def test_fixed_points(method):
    _, _, f = contraction()
    z, report = sp.fixed_point(f, zeros(), method, max_steps=100, tolerance=1e-9)
    assert report.converged and report.statuses == ["converged"] * 4
    assert np.abs(f(z).numpy() - z.numpy()).max() < 1e-9
    assert max(report.sample_steps) == report.steps and max(report.residuals) == report.residual


def test_gmres_solves_what_is_affine():
    matrix = sp.tensor(np.array([[0.2, 0.5], [-0.4, 0.1]]))
    z, report = sp.fixed_point(lambda z: sp.linear(z, matrix) + 1.0, sp.Tensor(np.zeros((1, 2))), "gmres", tolerance=1e-12)
    assert report.converged
    assert np.allclose(z.numpy()[0], np.linalg.solve(np.eye(2) - matrix.numpy(), np.ones(2)), atol=1e-11)


@pytest.mark.parametrize("gradient", ["implicit", "unrolled", "reversible"])
def test_gradients_of_an_equilibrium_are_differences(gradient):
    w, x, f = contraction()
    settings = {"implicit": {}, "unrolled": {"steps": 80}, "reversible": {"steps": 60, "damping": 0.4}}[gradient]

    def value(w):
        z, _ = sp.fixed_point(lambda z: sp.hyperbolic_tangent(sp.linear(z, w) + x), zeros(), "anderson", max_steps=200,
                              tolerance=1e-12)
        return sp.sum(sp.square(z)).item()

    z, _, adjoint = sp.equilibrium(f, zeros(), [w], tolerance=1e-11, max_steps=100, gradient=gradient,
                                   adjoint_tolerance=1e-11, adjoint_steps=100, **settings)
    slope = sp.grad(sp.sum(sp.square(z)), w).numpy()
    assert (adjoint is not None) == (gradient == "implicit")
    if adjoint is not None:
        assert adjoint.read().converged
    for i, j in [(0, 0), (1, 3), (4, 2)]:
        step = np.zeros((5, 5))
        step[i, j] = 1e-5
        difference = (value(sp.Tensor(w.numpy() + step)) - value(sp.Tensor(w.numpy() - step))) / 2e-5
        assert slope[i, j] == pytest.approx(difference, rel=1e-5)


def test_the_functions_own_exception_comes_through():
    def f(z):
        raise KeyError("mine")
    with pytest.raises(KeyError, match="mine"):
        sp.fixed_point(f, zeros())


@pytest.mark.parametrize("value, text", [(lambda z: 3, "given int by f"), (lambda z: z[:2], "expected")])
def test_a_function_of_another_kind_is_refused(value, text):
    with pytest.raises(sp.Error, match=text):
        sp.fixed_point(value, zeros())


def test_wrong_names_are_refused():
    _, _, f = contraction()
    with pytest.raises(sp.Error, match="method: given newton, expected picard, anderson"):
        sp.fixed_point(f, zeros(), "newton")
    with pytest.raises(sp.Error, match="equilibrium: given gradient exact, expected implicit"):
        sp.equilibrium(f, zeros(), gradient="exact")


def test_ctrl_c_ends_a_solve():
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        sp.fixed_point(lambda z: sp.affine(z, 1, 1), zeros(), "picard", max_steps=10**7, tolerance=0)
    timer.join()


def test_koopman_finds_a_rotation():
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    states = [np.random.default_rng(1).normal(size=(20, 2))]
    for _ in range(10):
        states.append(states[-1] @ turn.T)
    found = sp.koopman(np.array(states))
    assert found.spectrum.settling == "(iii) oscillates" and found.rank == 2
    assert np.allclose(found.matrix, turn, atol=1e-12)
    assert np.allclose(sorted(np.angle(found.eigenvalues)), [-angle, angle], atol=1e-12)
    assert found.residuals.max() < 1e-12


def test_koopman_of_a_logistic_step_needs_its_dictionary():
    states = [np.random.default_rng(1).uniform(0.1, 0.5, size=(200, 1))]
    for _ in range(3):
        states.append(0.5 * states[-1] - 0.2 * states[-1] ** 2)
    found = sp.koopman(np.array(states), degree=4)
    assert found.eigenvalues[0] == pytest.approx(1, abs=1e-6) and found.eigenvalues[1] == pytest.approx(0.5, abs=1e-2)
    with pytest.raises(ValueError, match="koopman: given data of shape"):
        sp.koopman(np.zeros(3))
