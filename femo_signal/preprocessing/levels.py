"""Compares signals kept at 128 Hz with a level, exact to the tick of the 1024 Hz grid.

The signals hold nothing above 59 Hz that counts, so their full-rate samples can be brought back
where they matter: everywhere for the noise, near the level for its crossings.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from femo_signal.intervals import Intervals, as_intervals, clip, complement, to_mask, total
from femo_signal.preprocessing.filters import TICKS_PER_LOW_SAMPLE, UPSAMPLE_INNER, upsample_blocks

__all__ = ["noise_level", "runs_above"]

BLOCK_TICKS = UPSAMPLE_INNER * TICKS_PER_LOW_SAMPLE
BATCH_BLOCKS = 32
NEAR = 0.6  # a peak of up to 37 Hz between two samples exceeds neither by more than 1 / NEAR
SURE = 6.0  # standard deviations by which the rank in every eighth sample may be off


def runs_above(
    samples: NDArray[np.float32], level: float, *, length: int, lead: int = 0, strict: bool = False
) -> Intervals:
    """Find where the magnitude of a signal reaches a level.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        At 128 Hz, sample ``lead + i`` at tick 8 * i.
    level : float
        In the unit of the signal; an infinite one is never reached.
    length : int
        Ticks of the map.
    lead : int
        Samples before tick 0.
    strict : bool
        Whether the magnitude must exceed the level.

    Returns
    -------
    Intervals
    """
    count = -(-length // TICKS_PER_LOW_SAMPLE)
    first_sample = max(lead - 1, 0)
    near = np.flatnonzero(np.abs(samples[first_sample : lead + count + 1]) >= NEAR * level)
    near -= lead - first_sample
    reach = np.concatenate((near - 1, near + 1)) // UPSAMPLE_INNER
    blocks = np.unique(np.clip(reach, 0, (count - 1) // UPSAMPLE_INNER))
    compare = np.greater if strict else np.greater_equal
    found = [np.zeros((0, 2), dtype=np.int64)]
    for first in range(0, len(blocks), BATCH_BLOCKS):
        batch = blocks[first : first + BATCH_BLOCKS]
        above = np.zeros((len(batch), BLOCK_TICKS + 2), dtype=bool)
        compare(np.abs(upsample_blocks(samples, batch, lead=lead)), level, out=above[:, 1:-1])
        row, edge = np.nonzero(above[:, 1:] != above[:, :-1])
        found.append((batch[row] * BLOCK_TICKS + edge).reshape(-1, 2))
    return clip(as_intervals(np.concatenate(found)), 0, length)


def noise_level(
    samples: NDArray[np.float32],
    *,
    quantile: float,
    length: int,
    excluded: Intervals,
    lead: int = 0,
) -> float:
    """Return the median of a signal's quiet part: of |x| where it is at most its quantile.

    That is one order statistic of |x| at full rate. Every eighth sample, which is at hand, tells
    between which two values it must lie; only full-rate samples between these are sorted.

    Parameters
    ----------
    samples, length, lead
        As in `runs_above`.
    quantile : float
        Share of the samples that are quiet (linear interpolation, as ``numpy.quantile``).
    excluded : Intervals
        Ticks that take no part.

    Returns
    -------
    float
        In the unit of the signal; NaN if nothing takes part.
    """
    count = length - total(clip(excluded, 0, length))
    if count < 1:
        return float("nan")
    quiet = int((count - 1) * quantile) + 1
    ranks = (quiet - 1) // 2, quiet // 2
    coarse = np.abs(samples[lead : lead - (-length // TICKS_PER_LOW_SAMPLE)])
    if len(excluded):
        included = complement(excluded, length)
        coarse = coarse[to_mask(-(-included // TICKS_PER_LOW_SAMPLE), len(coarse))]
    coarse.sort()
    middle = len(coarse) * ranks[0] / count
    spread = SURE * np.sqrt(middle) + SURE
    while len(coarse):
        first, last = int(middle - spread), int(middle + spread) + 1
        low = coarse[first] if first > 0 else np.float32(0)
        high = coarse[last] if last < len(coarse) else np.float32(np.inf)
        found = _ranked(_full_rate(samples, length, excluded, lead), ranks, low, high)
        if found is not None:
            return found
        spread *= 4
    return float("nan")


def _ranked(
    blocks: Iterator[NDArray[np.float32]],
    ranks: tuple[int, int],
    low: np.float32,
    high: np.float32,
) -> float | None:
    """Return the mean of the values of two ranks; None if these are not from low to high."""
    below = 0
    between = []
    for block in blocks:
        below += int(np.count_nonzero(block < low))
        between.append(block[(block >= low) & (block <= high)])
    candidates = np.concatenate(between)
    if not (below <= ranks[0] and ranks[1] < below + len(candidates)):
        return None
    place = [rank - below for rank in ranks]
    candidates.partition(place)
    return float(candidates[place].astype(np.float64).mean())


def _full_rate(
    samples: NDArray[np.float32], length: int, excluded: Intervals, lead: int
) -> Iterator[NDArray[np.float32]]:
    """Yield |x| at full rate, in order, without what is excluded."""
    blocks = -(-length // BLOCK_TICKS)
    included = complement(excluded, length)
    for first in range(0, blocks, BATCH_BLOCKS):
        batch = np.arange(first, min(first + BATCH_BLOCKS, blocks))
        start = first * BLOCK_TICKS
        if not len(clip(included, start, start + BATCH_BLOCKS * BLOCK_TICKS)):
            continue
        values = np.abs(upsample_blocks(samples, batch, lead=lead)).ravel()[: length - start]
        if len(excluded):
            values = values[~to_mask(excluded - start, len(values))]
        yield values
