"""Makes tensors from values, and differentiates."""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from ._core import Tensor, _grad


def tensor(values: Any, dtype: Any = None) -> Tensor:
    """Returns a tensor with a copy of the values: an array of NumPy or DLPack, a number, or nested lists.

    Without a dtype, arrays of float32, float64 and int32 keep theirs, other whole numbers become int32 and all others
    float32. `Tensor(array)` shares the array's memory instead."""
    if isinstance(values, Tensor):
        values = values.numpy()
    keeps = isinstance(values, (np.ndarray, np.generic))
    array = np.asarray(values) if not hasattr(values, "__dlpack__") or keeps else np.from_dlpack(values)
    keeps = keeps or hasattr(values, "__dlpack__")
    if dtype is None:
        known = keeps and array.dtype in (np.float32, np.float64, np.int32)
        dtype = array.dtype if known else np.int32 if array.dtype.kind in "iub" else np.float32
    if np.dtype(dtype) == np.int32 and array.size and array.dtype != np.int32:
        limits = np.iinfo(np.int32)
        if array.min() < limits.min or array.max() > limits.max:
            raise OverflowError(f"tensor: given {array.min()}..{array.max()}, expected the range of int32, pass dtype=float64")
    return Tensor(np.array(array, dtype=dtype, order="C", copy=True))


@overload
def grad(y: Tensor, xs: Tensor, seed: Tensor | None = None, *, create_graph: bool = False,
         allow_unused: bool = False) -> Tensor: ...
@overload
def grad(y: Tensor, xs: Sequence[Tensor], seed: Tensor | None = None, *, create_graph: bool = False,
         allow_unused: bool = False) -> list[Tensor]: ...
def grad(y: Tensor, xs: Tensor | Sequence[Tensor], seed: Tensor | None = None, *, create_graph: bool = False,
         allow_unused: bool = False) -> Tensor | list[Tensor]:
    """Returns for each x the sum over y's elements of seed * dy/dx. The seed of a single element is 1.

    `create_graph` records the gradients themselves, for higher orders. `allow_unused` gives zeros for an x that y does
    not depend on, instead of an Error."""
    if isinstance(xs, Tensor):
        return _grad(y, [xs], seed, create_graph, allow_unused)[0]
    return _grad(y, list(xs), seed, create_graph, allow_unused)
