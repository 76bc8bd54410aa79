"""Fixed points and equilibria of Python functions, and Koopman spectra of data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._core import KoopmanSpectrum, PendingReport, SolveReport, Tensor, _equilibrium, _koopman, _Method, _solve, _SolveOptions
from .tensors import tensor

Map = Callable[[Tensor], Tensor]


def fixed_point(f: Map, z0: Tensor, method: str = "broyden", *, max_steps: int = 30, tolerance: float = 1e-3,
                relative: bool = False, memory: int = 0, damping: float = 1.0,
                line_search: bool = False) -> tuple[Tensor, SolveReport]:
    """Solves z = f(z) from z0 (samples, ...), records nothing, and returns the best z of each sample with a report.

    `method` is picard, anderson, broyden or gmres (for an affine f). A sample has converged if ||f(z) - z|| is at most
    `tolerance`; `relative` divides it by ||f(z)||. `memory` is the number of past steps of anderson, broyden and gmres
    (0: the method's own), `damping` scales the steps of picard and anderson, `line_search` is broyden's."""
    return _solve(f, z0, _Method(method, memory, damping, line_search), _SolveOptions(max_steps, tolerance, relative))


def equilibrium(f: Map, z0: Tensor, params: Sequence[Tensor] = (), *, method: str = "broyden", max_steps: int = 30,
                tolerance: float = 1e-3, relative: bool = False, memory: int = 0, line_search: bool = False,
                gradient: str = "implicit", adjoint: str = "broyden", adjoint_steps: int = 30,
                adjoint_tolerance: float = 1e-6, steps: int = 1,
                damping: float = 1.0) -> tuple[Tensor, PendingReport, PendingReport | None]:
    """Solves z = f(z) and returns z, recorded, with the reports of the solve and of the adjoint solve.

    `grad` of z goes through the solution to everything that f uses. `gradient` is implicit (the adjoint equation is
    solved by `adjoint`, and its report is filled by the backward pass), phantom (`steps` damped steps from the
    solution), unrolled or reversible. reversible needs `params`, the tensors that f uses and that need gradients."""
    return _equilibrium(f, z0, _Method(method, memory, 1.0, line_search), _SolveOptions(max_steps, tolerance, relative),
                        gradient, _Method(adjoint, 0, 1.0, False), _SolveOptions(adjoint_steps, adjoint_tolerance, True),
                        steps, damping, list(params))


@dataclass(frozen=True)
class Koopman:
    """A Koopman matrix estimated from data, with its spectrum."""

    matrix: np.ndarray
    rank: int  # singular values in use
    error: float  # ||to - from K^T|| / ||to||
    spectrum: KoopmanSpectrum
    residuals: np.ndarray  # per eigenvalue: a large one comes from the dictionary and not from the map

    @property
    def eigenvalues(self) -> np.ndarray:
        return np.array(self.spectrum.eigenvalues)


def koopman(data: Any, *, degree: int = 1, features: int = 0, bandwidth: float = 1.0, seed: int = 0, rank: int = 0,
            tolerance: float = 1e-6, uncertainty: float = 0.0) -> Koopman:
    """Estimates the Koopman matrix (EDMD) of a map from `data` (times, trajectories, d), or (times, d) of one trajectory.

    The dictionary is the state itself, monomials up to `degree`, or that many random Fourier `features` of a Gaussian
    kernel. A positive `rank` limits the singular values (exact DMD)."""
    array = np.asarray(data, dtype=np.float64)
    if array.ndim == 2:
        array = array[:, None, :]
    if array.ndim != 3:
        raise ValueError(f"koopman: given data of shape {array.shape}, expected (times, trajectories, d) or (times, d), "
                         "reshape them")
    times = [tensor(at) for at in array]
    matrix, used, error, spectrum, residuals = _koopman(times, degree, features, bandwidth, seed, rank, tolerance,
                                                        uncertainty)
    return Koopman(np.asarray(matrix), used, error, spectrum, np.array(residuals))
