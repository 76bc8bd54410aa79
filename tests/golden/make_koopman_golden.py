"""Writes koopman.safetensors for tests/solvers/test_koopman_golden.cpp with PyDMD and deeptime in float64.

    pip install pydmd deeptime safetensors && python3 make_koopman_golden.py [FOLDER]
"""
import importlib.metadata
import json
import pathlib
import sys

import numpy
import pydmd
from deeptime.basis import Monomials
from deeptime.decomposition import EDMD, KernelEDMD
from deeptime.kernels import GaussianKernel
from safetensors.numpy import save_file

DEGREE, BANDWIDTH, RANK = 3, 0.8, 2


def linear_pairs(random):
    """Returns z_t and z_{t+1} as rows, of three trajectories of a stable linear map with a little noise."""
    turn = numpy.linalg.qr(random.standard_normal((4, 4)))[0]
    matrix = turn @ numpy.diag([0.95, 0.8, -0.7, 0.4]) @ numpy.linalg.inv(turn + 0.2 * random.standard_normal((4, 4)))
    states = [random.standard_normal((3, 4))]
    for _ in range(12):
        states.append(states[-1] @ matrix.T + 0.01 * random.standard_normal((3, 4)))
    return numpy.concatenate(states[:-1]), numpy.concatenate(states[1:])


def slow_manifold(z):
    """A map whose monomials up to a degree nearly close."""
    return numpy.stack([0.9 * z[:, 0], 0.5 * z[:, 1] + 0.3 * z[:, 0] ** 2], axis=1)


def complex_parts(tensors, name, values):
    tensors[name + ".real"] = numpy.ascontiguousarray(values.real, dtype=numpy.float64)
    tensors[name + ".imaginary"] = numpy.ascontiguousarray(values.imag, dtype=numpy.float64)


def add_dmd(tensors, random):
    x, y = linear_pairs(random)
    tensors["dmd.from"], tensors["dmd.to"] = x, y
    for name, rank in (("full", -1), ("truncated", RANK)):
        dmd = pydmd.DMD(svd_rank=rank, exact=True).fit(x.T, y.T)
        complex_parts(tensors, f"dmd.{name}.eigenvalues", dmd.eigs)
        complex_parts(tensors, f"dmd.{name}.modes", dmd.modes)
        if rank == -1:
            tensors["dmd.forecast"] = dmd.predict(x.T).T.real


def add_edmd(tensors, random):
    x = random.uniform(-1, 1, (40, 2))
    y = slow_manifold(x)
    basis = Monomials(DEGREE, 2)
    operator = EDMD(basis).fit((x, y)).fetch_model().operator
    readout = numpy.linalg.lstsq(basis(x), x, rcond=None)[0]
    tensors["edmd.from"], tensors["edmd.to"] = x, y
    complex_parts(tensors, "edmd.eigenvalues", numpy.linalg.eigvals(operator))
    tensors["edmd.forecast"] = basis(x) @ operator @ readout


def add_kernel_edmd(tensors, random):
    x = random.uniform(-1, 1, (12, 2)) * 4
    y = slow_manifold(x)
    model = KernelEDMD(GaussianKernel(BANDWIDTH), epsilon=0).fit((x, y)).fetch_model()
    tensors["kernel.from"], tensors["kernel.to"] = x, y
    complex_parts(tensors, "kernel.eigenvalues", numpy.asarray(model.eigenvalues, dtype=complex))


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    random = numpy.random.default_rng(5)
    tensors = {}
    add_dmd(tensors, random)
    add_edmd(tensors, random)
    add_kernel_edmd(tensors, random)
    config = {"degree": DEGREE, "bandwidth": BANDWIDTH, "rank": RANK}
    config |= {name: importlib.metadata.version(name) for name in ("pydmd", "deeptime")}
    tensors = {name: numpy.ascontiguousarray(values, dtype=numpy.float64) for name, values in tensors.items()}
    save_file(tensors, folder / "koopman.safetensors", metadata={"config": json.dumps(config)})


if __name__ == "__main__":
    main()
