"""SciPy's Fourier transforms without the package around them.

`import scipy.fft` brings scipy.special and, through it, NumPy's Fortran compiler interface along:
a quarter of the time from starting a process to the answer for a short recording. The transforms
are one compiled module in the package, which is loaded from its file; the numbers are SciPy's to
the last bit. Where a SciPy keeps it elsewhere, it is imported as ever.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ifft", "irfft", "next_fast_len", "rfft"]

_NAME = "scipy.fft._pocketfft.pypocketfft"
_AS_IT_IS, _BY_LENGTH = 0, 2  # normalisation: of the forward, of the inverse transform


def _compiled() -> ModuleType:
    if _NAME in sys.modules or "scipy.fft" in sys.modules:
        return import_module(_NAME)
    package = find_spec("scipy")
    for folder in (package and package.submodule_search_locations) or []:
        found = PathFinder.find_spec(_NAME, [str(Path(folder) / "fft" / "_pocketfft")])
        if found is None or found.loader is None:
            continue
        module = module_from_spec(found)
        found.loader.exec_module(module)
        # So that a later `import scipy.fft` takes this one, and does not load it twice
        sys.modules[_NAME] = module
        return module
    return import_module(_NAME)


_pocketfft = _compiled()


def next_fast_len(length: int) -> int:
    """Return the least length from this one on of which a real transform is fast."""
    fast: int = _pocketfft.good_size(length, True)
    return fast


def rfft(values: NDArray[Any], length: int | None = None) -> NDArray[Any]:
    """Transform real values along the last axis.

    Parameters
    ----------
    values : float32 or float64, shape (..., n)
    length : int, optional
        Values are taken as 0 from their end up to here.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., length // 2 + 1)
    """
    whole = _of_length(values, length)
    result: NDArray[Any] = _pocketfft.r2c(whole, (whole.ndim - 1,), True, _AS_IT_IS, None, 1)
    return result


def irfft(spectrum: NDArray[Any], length: int) -> NDArray[Any]:
    """Transform the half spectrum of real values back, along the last axis.

    Parameters
    ----------
    spectrum : complex64 or complex128, shape (..., k)
        At most ``length // 2 + 1`` of it count; what is not given is 0.
    length : int
        Of the values.

    Returns
    -------
    ndarray of float32 or float64, shape (..., length)
    """
    whole = _of_length(spectrum, length // 2 + 1)
    axes = (whole.ndim - 1,)
    result: NDArray[Any] = _pocketfft.c2r(whole, axes, length, False, _BY_LENGTH, None, 1)
    return result


def ifft(spectrum: NDArray[Any]) -> NDArray[Any]:
    """Transform a whole spectrum, complex128 of shape (..., n), back; of the same shape."""
    axes = (spectrum.ndim - 1,)
    result: NDArray[Any] = _pocketfft.c2c(spectrum, axes, False, _BY_LENGTH, None, 1)
    return result


def _of_length(values: NDArray[Any], length: int | None) -> NDArray[Any]:
    given = values.shape[-1]
    if length is None or length == given:
        return values
    if length < given:
        return values[..., :length]
    whole = np.zeros((*values.shape[:-1], length), dtype=values.dtype)
    whole[..., :given] = values
    return whole
