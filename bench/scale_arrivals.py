"""When a day's recordings arrive."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DAY = 86_400.0  # s
RUSH = 7 * 3600.0  # s after midnight
RUSH_SPREAD = (
    1800.0  # s, standard deviation: two thirds come between half past six and half past seven
)
RUSH_SHARE = 0.7  # of the nights


def arrivals(a_day: int, *, nights: bool, random: np.random.Generator) -> NDArray[np.float64]:
    """Return the sorted times of one day's recordings.

    Parameters
    ----------
    a_day
        Recordings a day on average; a day's number is Poisson's.
    nights
        Whether RUSH_SHARE of them are uploaded in the morning; else they come evenly over the day.
    random
        Seeded.

    Returns
    -------
    ndarray, shape (n,), float64
        s after midnight.
    """
    number = random.poisson(a_day)
    in_rush = random.binomial(number, RUSH_SHARE) if nights else 0
    rush = random.normal(RUSH, RUSH_SPREAD, in_rush)
    rest = random.uniform(0, DAY, number - in_rush)
    return np.sort(np.clip(np.concatenate([rush, rest]), 0, DAY))


def batched(times: NDArray[np.float64], most: int) -> tuple[NDArray[np.float64], int]:
    """Let one arrival stand for some that come one after another.

    Returns
    -------
    times
        s; at most ``most`` of them, each the middle of the recordings that it stands for.
    size
        Recordings that each stands for; the last, incomplete group is left out.
    """
    size = max(1, -(-len(times) // most))
    whole = len(times) // size * size
    return times[:whole].reshape(-1, size).mean(axis=1), size
