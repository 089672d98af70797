"""How far Student's t reaches, for whole degrees of freedom.

What `scipy.special.stdtrit` gives; its package takes longer to import than to use.
"""

from __future__ import annotations

import math
from functools import lru_cache

__all__ = ["central_reach"]


@lru_cache(maxsize=64)
def central_reach(share: float, degrees: int) -> float:
    """Return the t between whose negative and itself a share of the distribution lies.

    Parameters
    ----------
    share : float
        Over 0 and below 1.
    degrees : int
        Of freedom, at least 1.

    Raises
    ------
    ValueError
        Outside these bounds.
    """
    if not 0 < share < 1 or degrees < 1:
        raise ValueError(f"no t holds {share} with {degrees} degrees of freedom")
    low, high = 0.0, math.pi / 2
    while low < (middle := (low + high) / 2) < high:
        if _between(middle, degrees) < share:
            low = middle
        else:
            high = middle
    return math.tan(low) * math.sqrt(degrees)


def _between(angle: float, degrees: int) -> float:
    """Return the share within ``tan(angle) * sqrt(degrees)``.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    odd = degrees % 2
    square = math.cos(angle) ** 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for factor in range(2 + odd, degrees + 1, 2):
        total += term
        term *= square * (factor - 1) / factor
        if term < total * 1e-17:
            break
    if not odd:
        return math.sin(angle) * total
    return 2 / math.pi * (angle + math.sin(angle) * total)
