"""Interpolates the samples of a run of chunks at ticks between theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.formats.chunk import Chunk
from femo_signal.intervals import from_mask, union

__all__ = ["LINK_TICKS", "resample", "runs_of"]

LINK_TICKS = 128  # samples of a kind further apart than this have nothing between them
IMU_STEP = 8  # ticks
FALSE_COUNTS = 4096  # by which a signal must leap to a stop of its converter to be false there,
FALSE_FACTOR = 3  # and so many times its change just before: a wave meets a stop by its own slope


def resample(run: Sequence[Chunk], grid: NDArray[np.int64], counted: NDArray[np.float64]) -> Chunk:
    """Return the samples of a run on another grid; its presses stay as they were counted.

    Parameters
    ----------
    run : sequence of Chunk
        Without a gap between them.
    grid : ndarray of int64, shape (n,)
        The new ticks, one after the other.
    counted : ndarray of float64, shape (n,)
        The run's own ticks that they stand for.
    """
    low = int(grid[0])
    kept, piezo = _interpolate(*_joined(run, "piezo"), counted)
    piezo_ticks = None if len(kept) == len(grid) else grid[kept]
    kept, accelerometer = _interpolate(*_joined(run, "accelerometer"), counted)
    accelerometer_ticks = None if len(kept) == len(grid) else grid[kept]
    first = -low % IMU_STEP
    imu_grid = grid[first::IMU_STEP]
    kept, imu = _interpolate(*_joined(run, "imu"), counted[first::IMU_STEP])
    return Chunk(
        start_tick=low,
        length=len(grid),
        piezo=piezo,
        accelerometer=accelerometer,
        accelerometer_ticks=accelerometer_ticks,
        imu=imu,
        imu_ticks=imu_grid[kept],
        presses=union(*(chunk.presses for chunk in run)),
        piezo_ticks=piezo_ticks,
    )


def runs_of(parts: Sequence[Chunk]) -> Iterator[list[Chunk]]:
    """Group chunks that follow each other without a gap."""
    run: list[Chunk] = []
    for part in parts:
        if run and part.start_tick > run[-1].start_tick + run[-1].length:
            yield run
            run = []
        run.append(part)
    if run:
        yield run


def _joined(run: Sequence[Chunk], name: str) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the ticks and values of one kind of sample; shapes (n,) and (n, columns)."""
    ticks = [
        np.arange(chunk.start_tick, chunk.start_tick + chunk.length)
        if getattr(chunk, f"{name}_ticks") is None
        else getattr(chunk, f"{name}_ticks")
        for chunk in run
    ]
    values = [getattr(chunk, name) for chunk in run]
    return np.concatenate(ticks), np.concatenate(values)


def _interpolate(
    ticks: NDArray[np.int64], values: NDArray[Any], wanted: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Interpolate counts at ``wanted`` ticks.

    By the cubic through the four samples around where samples follow each other tick by tick: at
    1000 Hz that is off by less than 1e-4 of the amplitude up to 30 Hz. Else by a line, up to
    `LINK_TICKS`. A sample that leapt to a stop of its converter is no measurement and spreads into
    nothing beside it: the nearest sample is taken there.

    Returns
    -------
    kept : ndarray of int64, shape (k,)
        Which of ``wanted`` have a value.
    values : ndarray, shape (k, columns)
        The type of the input's.
    """
    if not len(ticks) or not len(wanted):
        return np.zeros(0, dtype=np.int64), values[:0]
    left = np.searchsorted(ticks, wanted, side="right") - 1
    inside = (left >= 0) & (left + 1 < len(ticks))
    left = np.clip(left, 0, max(len(ticks) - 2, 0))
    right = np.minimum(left + 1, len(ticks) - 1)
    span = ticks[right] - ticks[left]
    share = (wanted - ticks[left]) / np.maximum(span, 1)
    nearest = np.where(share < 0.5, left, right)
    close = np.abs(wanted - ticks[nearest]) <= 0.5
    linked = inside & (span <= LINK_TICKS)
    kept = np.flatnonzero(linked | close)
    if not len(kept):
        return kept, values[:0]
    left, right, span, share = left[kept], right[kept], span[kept], share[kept]
    cubic = linked[kept] & (span == 1) & (left > 0) & (right + 1 < len(ticks))
    before, after = np.maximum(left - 1, 0), np.minimum(right + 1, len(ticks) - 1)
    cubic &= (ticks[after] - ticks[before]) == 3
    weights = np.where(cubic, _lagrange(share), np.stack((0 * share, 1 - share, share, 0 * share)))
    weights[:, ~linked[kept]] = 0
    result = np.empty((len(kept), values.shape[1]), dtype=values.dtype)
    around = (before, left, right, after)
    for column, counts in enumerate(values.T):
        result[:, column] = _mixed(counts, around, weights, nearest[kept], ~linked[kept])
    return kept, result


def _mixed(
    counts: NDArray[Any],
    around: Sequence[NDArray[np.int64]],
    weights: NDArray[np.float64],
    nearest: NDArray[np.int64],
    exact: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return weighted sums of four samples each; the nearest one where ``exact`` or a stop says so.

    Parameters
    ----------
    counts : ndarray, shape (n,)
    around : four ndarrays of int64, shape (k,)
        Which samples.
    weights : ndarray of float64, shape (4, k)
    nearest : ndarray of int64, shape (k,)
    exact : ndarray of bool, shape (k,)
    """
    limits = np.iinfo(counts.dtype)
    taps = [counts[tap] for tap in around]
    mixed = sum(w * tap for w, tap in zip(weights, taps, strict=True))
    false = _leapt_to_stop(counts) if limits.min == 0 else None
    if false is not None:
        exact = exact | np.any([false[tap] for tap in around], axis=0)
    chosen: NDArray[np.float64] = np.where(exact, counts[nearest], np.rint(mixed))
    return np.clip(chosen, limits.min, limits.max)


def _leapt_to_stop(counts: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Tell which samples lie at a stop of the converter next to a leap to it, or from it.

    What a wave leaves at a stop that it meets is measured as well as it can be, and taking the
    nearest sample there would make stairs of its flanks.

    Parameters
    ----------
    counts : ndarray of uint16, shape (n,)

    Returns
    -------
    ndarray of bool, shape (n,), or None
        None where no sample is.
    """
    stopped = (counts == 0) | (counts == np.iinfo(counts.dtype).max)
    if not stopped.any():
        return None
    runs = from_mask(stopped)
    false = np.zeros(len(counts), dtype=bool)
    last = len(counts) - 1
    for edge, outward in ((runs[:, 0], -1), (runs[:, 1] - 1, 1)):
        near, far = (np.clip(edge + k * outward, 0, last) for k in (1, 2))
        leap = np.abs(counts[edge].astype(np.int64) - counts[near])
        usual = np.abs(counts[near].astype(np.int64) - counts[far])
        leapt = edge[leap > np.maximum(FALSE_COUNTS, FALSE_FACTOR * usual)]
        for k in (0, 1):  # four samples tell one between them: two of them beyond an edge
            false[np.clip(leapt - k * outward, 0, last)] = True
    return false & stopped if false.any() else None


def _lagrange(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of four samples at -1, 0, 1 and 2 for a place in 0 to 1; shape (4, n)."""
    s = share
    return np.stack(
        (
            -s * (s - 1) * (s - 2) / 6,
            (s + 1) * (s - 1) * (s - 2) / 2,
            -(s + 1) * s * (s - 2) / 2,
            (s + 1) * s * (s - 1) / 6,
        )
    )
