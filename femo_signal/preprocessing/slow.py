"""The slow track: piezos, acceleration and orientation at 4 Hz, where the mother's breath shows.

The band-passed signals begin at 1 Hz and hold no breath. This track adds up the counts of each
quarter of a second while a file is read, which costs next to nothing, and keeps what lies below
1 Hz. Sums of whole numbers are exact, so nothing depends on how the file was read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.formats import Chunk
from femo_signal.formats.chunk import VOLTS_PER_COUNT
from femo_signal.recording import Channel
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["SLOW_RATE", "SlowTrack"]

SLOW_RATE = 4  # Hz
STEP_TICKS = TICKS_PER_SECOND // SLOW_RATE
PIEZO_STRIDE = 16  # ticks; 64 Hz, of which mains folds to where a quarter of a second averages it
MOTION_STRIDE, LOW_STEP = 32, 8  # ticks; of an IMU at 128 Hz every fourth sample
MOTION_COLUMNS = [0, 1, 2, 3, 7, 8, 9]  # of an IMU sample: quaternion, acceleration
MOTION_NAMES = tuple(f"quaternion_{axis}" for axis in "rijk") + tuple(
    f"acceleration_{axis}" for axis in "xyz"
)
MOTION_UNITS = (1 / 10_000,) * 4 + (1 / 1000,) * 3  # per count


class SlowTrack:
    """Averages the counts of each quarter of a second.

    Parameters
    ----------
    piezo_names : tuple of str
        The sensor of each piezo column.
    """

    def __init__(self, piezo_names: tuple[str, ...]) -> None:
        self._piezo_names = piezo_names
        self._piezo = _Means(len(piezo_names))
        self._motion = _Means(len(MOTION_NAMES))
        self._sign = _OneSign()

    def push(self, chunk: Chunk) -> None:
        """Take a chunk's counts."""
        ticks = chunk.piezo_ticks
        if ticks is None:
            first = -chunk.start_tick % PIEZO_STRIDE
            rows = chunk.piezo[first::PIEZO_STRIDE]
            ticks = chunk.start_tick + first + PIEZO_STRIDE * np.arange(len(rows))
        else:
            kept = ticks % PIEZO_STRIDE == 0
            ticks, rows = ticks[kept], chunk.piezo[kept]
        self._piezo.push(ticks, rows)
        kept = chunk.imu_ticks % MOTION_STRIDE < LOW_STEP
        motion = self._sign.apply(chunk.imu[kept][:, MOTION_COLUMNS])
        self._motion.push(chunk.imu_ticks[kept], motion)

    def finish(self, trim_ticks: int, length_ticks: int) -> dict[str, Channel]:
        """Return the channels on the trimmed axis; those without samples are absent.

        Returns
        -------
        dict of str to Channel
            At 4 Hz: piezos in V by the sensor's name; ``quaternion_r`` to ``quaternion_k``;
            ``acceleration_x`` to ``acceleration_z`` in counts/1000. NaN where no sample was.
        """
        first, last = trim_ticks // STEP_TICKS, -(-(trim_ticks + length_ticks) // STEP_TICKS)
        start = first * STEP_TICKS + STEP_TICKS // 2 - trim_ticks
        channels = {}
        for means, names, units in (
            (self._piezo, self._piezo_names, (VOLTS_PER_COUNT,) * len(self._piezo_names)),
            (self._motion, MOTION_NAMES, MOTION_UNITS),
        ):
            table = means.finish(first, last)
            for name, unit, row in zip(names, units, table, strict=True):
                if np.isfinite(row).any():
                    samples = (row * unit).astype(np.float32)
                    channels[name] = Channel(samples, SLOW_RATE, start, STEP_TICKS)
        return channels


class _OneSign:
    """Keeps quaternions from jumping to their negatives, which are the same orientation."""

    def __init__(self) -> None:
        self._last: NDArray[np.int64] | None = None  # (1, 4)

    def apply(self, values: NDArray[np.int16]) -> NDArray[np.int64]:
        """Take consecutive IMU samples, shape (n, 7), quaternion first; return them signed."""
        signed = values.astype(np.int64)
        if not len(signed):
            return signed
        quaternion = signed[:, :4]
        before = quaternion[:1] if self._last is None else self._last
        near = (quaternion * np.concatenate((before, quaternion[:-1]))).sum(axis=1)
        quaternion *= np.cumprod(np.where(near < 0, -1, 1))[:, None]
        self._last = quaternion[-1:].copy()
        return signed


class _Means:
    """Sums and counts of each bin, over any number of chunks."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._bins: list[NDArray[np.int64]] = []
        self._sums: list[NDArray[np.int64]] = []
        self._counts: list[NDArray[np.int64]] = []

    def push(self, ticks: NDArray[np.int64], rows: NDArray[Any]) -> None:
        if not len(ticks):
            return
        bins = ticks // STEP_TICKS
        first = np.flatnonzero(np.concatenate(([True], bins[1:] != bins[:-1])))
        self._bins.append(bins[first])
        self._sums.append(np.add.reduceat(rows, first, axis=0, dtype=np.int64))
        self._counts.append(np.diff(np.append(first, len(ticks))))

    def finish(self, first: int, last: int) -> NDArray[np.float64]:
        """Return the means of bins ``first`` to ``last``, shape (columns, last - first)."""
        sums = np.zeros((last - first, self._columns))
        counts = np.zeros(last - first)
        for bins, part, count in zip(self._bins, self._sums, self._counts, strict=True):
            inside = (bins >= first) & (bins < last)
            at = bins[inside] - first  # no bin twice in a part
            sums[at] += part[inside]
            counts[at] += count[inside]
        with np.errstate(invalid="ignore", divide="ignore"):
            means: NDArray[np.float64] = (sums / counts[:, None]).T
        return means
