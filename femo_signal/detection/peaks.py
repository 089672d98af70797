"""Local maxima that keep a distance.

What `scipy.signal.find_peaks` gives for a height and a distance. Its package imports scipy.stats,
scipy.optimize and scipy.interpolate, which takes longer than an analysis does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["peaks_apart"]


def peaks_apart(values: NDArray[Any], *, least: float, apart: int) -> NDArray[np.int64]:
    """Return where values are highest, the highest first to be chosen; int64 of shape (k,).

    Parameters
    ----------
    values : float, shape (n,)
        Beyond either end there is nothing.
    least : float
        Of a peak.
    apart : int
        Samples; of two peaks that are nearer the lower one is none.
    """
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    # Runs of equal values: a flat top is one peak, in its middle.
    starts = np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1))
    ends = np.concatenate((starts[1:], [len(values)]))
    levels = values[starts]
    around = np.concatenate(([-np.inf], levels, [-np.inf]))
    top = (levels > around[:-2]) & (levels > around[2:]) & (levels >= least)
    peaks = (starts[top] + ends[top] - 1) // 2
    kept = np.ones(len(peaks), dtype=bool)
    for best in np.argsort(levels[top])[::-1].tolist():
        if kept[best]:
            near = np.abs(peaks - peaks[best]) < apart
            kept &= ~near
            kept[best] = True
    return peaks[kept]
