"""Maximum and median over a window that moves along values.

What `scipy.ndimage` gives for one axis and its modes "constant" and "nearest", to the last bit. Its
package takes longer to import than an analysis of a short recording does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["running_maximum", "running_median"]


def running_maximum(values: NDArray[Any], reach: int) -> NDArray[Any]:
    """Return the highest value within reach on either side, of the same shape and dtype.

    Parameters
    ----------
    values : at least 0, shape (n,)
        Beyond either end all is 0.
    reach : int
        Samples; the window has ``2 * reach + 1``.
    """
    reach = min(reach, max(len(values) - 1, 0))  # beyond both ends there is nothing higher
    size, covered = 2 * reach + 1, 1
    highest = np.zeros(len(values) + 2 * reach, dtype=values.dtype)
    highest[reach : reach + len(values)] = values
    while 2 * covered <= size:  # each maximum covers twice as much as the one before
        highest = np.maximum(highest[:-covered], highest[covered:])
        covered *= 2
    rest = size - covered
    return np.maximum(highest[: len(values)], highest[rest : rest + len(values)])


def running_median(values: NDArray[Any], size: int) -> NDArray[Any]:
    """Return the median of the window around each value, of the same shape and dtype.

    Parameters
    ----------
    values : shape (n,)
        Beyond either end they go on as they are there. The time goes with ``n * size``.
    size : int
        Samples of the window; where it is even one more lies before than behind, and the upper one
        of the two in the middle counts.
    """
    if not len(values):
        return values.copy()
    before = size // 2
    padded = np.pad(values, (before, size - 1 - before), mode="edge")
    windows = np.partition(sliding_window_view(padded, size), before, axis=1)
    median: NDArray[Any] = windows[:, before].copy()
    return median
