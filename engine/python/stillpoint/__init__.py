"""Stillpoint: tensors with gradients of any order, equilibria of Python functions, Koopman spectra, and runs."""

from ._core import Activation, Error, HeadLayer, KoopmanSpectrum, MachineError, OutOfMemory, PendingReport, SolveReport
from ._core import TcnBlockParams, Tensor, no_grad
from ._core import ops
from .runs import Run, predict, spectrum, train
from .solvers import Koopman, equilibrium, fixed_point, koopman
from .tensors import grad, tensor

# The name koopman is the analysis of data; the product U V^T x is ops.koopman.
globals().update({name: op for name, op in vars(ops).items() if not name.startswith("_") and name != "koopman"})

__all__ = ["Activation", "Error", "HeadLayer", "Koopman", "KoopmanSpectrum", "MachineError", "OutOfMemory", "PendingReport",
           "Run", "SolveReport", "TcnBlockParams", "Tensor", "equilibrium", "fixed_point", "grad", "koopman", "no_grad",
           "ops", "predict", "spectrum", "tensor", "train"]
