"""LightGBM's predictions through its C interface, without the Python package around it.

`import lightgbm` brings scikit-learn and scipy.stats along, which predicting does not use and which
take longer to load than a recording to analyse. The library in the same package is the one that the
Python package calls; its interface is stable and documented
(https://lightgbm.readthedocs.io/en/stable/C-API.html), so the numbers are the same to the last bit.
"""

from __future__ import annotations

import ctypes
import sys
import weakref
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["LightGBMError", "NativeTrees"]

# Of LightGBM's c_api.h
_FLOAT64 = 1  # C_API_DTYPE_FLOAT64
_ROW_MAJOR = 1
_PREDICT_NORMAL = 0  # C_API_PREDICT_NORMAL: after the objective's sigmoid
_ALL_ITERATIONS = -1
_PARAMETERS = b"num_threads=1 verbosity=-1"
_MOST_ROWS = 2**31 - 1  # an int32
_NAMES = {"win32": "lib_lightgbm.dll", "darwin": "lib_lightgbm.dylib"}


class LightGBMError(Exception):
    """What LightGBM says of a call that failed."""


class NativeTrees:
    """A booster of one binary classifier, for prediction alone.

    Parameters
    ----------
    text : str
        LightGBM's text format; must be known to be sound
        (`femo_signal.learning.trees.checked_trees`), for LightGBM trusts it.
    features : int
        Columns that a prediction is given.

    Raises
    ------
    LightGBMError
        If LightGBM refuses the text.
    """

    def __init__(self, text: str, features: int) -> None:
        library = _library()
        handle = ctypes.c_void_p()
        _checked(
            library,
            library.LGBM_BoosterLoadModelFromString(
                text.encode(), ctypes.byref(ctypes.c_int(0)), ctypes.byref(handle)
            ),
        )
        weakref.finalize(self, library.LGBM_BoosterFree, handle)
        self._text = text
        self._features = features
        self._handle = handle

    def __reduce__(self) -> tuple[type[NativeTrees], tuple[str, int]]:
        """Let a process have its own: a handle means nothing in another."""
        return NativeTrees, (self._text, self._features)

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each row's score, 0..1; float64 of shape (n,).

        Parameters
        ----------
        features : float64, shape (n, columns)

        Raises
        ------
        ValueError
            If the array has another number of columns, or more rows than LightGBM takes at once.
        LightGBMError
            If LightGBM refuses it.
        """
        rows = np.ascontiguousarray(features, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self._features or len(rows) > _MOST_ROWS:
            raise ValueError(f"features of shape {rows.shape} for {self._features} columns")
        scores = np.zeros(len(rows))
        if not len(rows):
            return scores
        library, written = _library(), ctypes.c_int64(0)
        _checked(
            library,
            library.LGBM_BoosterPredictForMat(
                self._handle, rows.ctypes.data_as(ctypes.c_void_p), _FLOAT64,
                ctypes.c_int32(len(rows)), ctypes.c_int32(self._features), _ROW_MAJOR,
                _PREDICT_NORMAL, 0, _ALL_ITERATIONS, _PARAMETERS, ctypes.byref(written),
                scores.ctypes.data_as(ctypes.c_void_p),
            ),
        )  # fmt: skip
        if written.value != len(rows):
            raise LightGBMError(f"{written.value} scores for {len(rows)} rows")
        return scores


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    """Load LightGBM's library from its package, which is found but not imported."""
    package = find_spec("lightgbm")
    if package is None or not package.submodule_search_locations:
        raise ImportError("lightgbm is not installed")
    name = _NAMES.get(sys.platform, "lib_lightgbm.so")
    home = Path(package.submodule_search_locations[0])
    # Where lightgbm.libpath looks; that module cannot be had without the package.
    for place in (home / "lib" / name, home / "bin" / name, home.parent / name):
        if place.is_file():
            library = ctypes.CDLL(str(place))
            library.LGBM_GetLastError.restype = ctypes.c_char_p
            _register_log(library)
            return library
    raise ImportError(f"lightgbm, installed at {home}, has no {name}")


_Log = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
_ignore: Callable[[bytes], None] = _Log(lambda _message: None)  # must outlive the library


def _register_log(library: ctypes.CDLL) -> None:
    """Keep LightGBM from writing to standard output, where results go.

    An imported `lightgbm` has a logger of its own, registered with the same library: it stays.
    """
    if "lightgbm" not in sys.modules:
        library.LGBM_RegisterLogCallback(_ignore)


def _checked(library: ctypes.CDLL, status: int) -> None:
    if status != 0:
        raise LightGBMError(library.LGBM_GetLastError().decode(errors="replace"))
