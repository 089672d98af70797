"""The raw signals of a recording as the numbers that the belt stored, on even grids.

Exports keep the stored numbers, so that nothing is rounded, scaled or clipped on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import RecordingError
from femo_signal.formats import Chunk, Reader, open_recording
from femo_signal.formats.chunk import VOLTS_PER_COUNT
from femo_signal.formats.raw import IMU_COLUMNS
from femo_signal.recording import RecordingInfo
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["NO_SAMPLE", "CountedSignal", "Counts", "read_counts"]

NO_SAMPLE = -32768
"""Stands where the file holds no sample: WFDB's own code for it in 16 bits, and EDF's lowest."""

MOST_BYTES = 4 * 1024**3  # of counts; writing needs as much again

_UNSIGNED_ZERO = -32768  # of what the belt stores as 0..65535
_IMU_UNITS = {"quaternion": (10_000.0, ""), "acceleration": (1000.0, "m/s2")}
_SHORT = {"quaternion": "quat", "magnetometer": "mag", "acceleration": "acc"}  # EDF has 16 letters


@dataclass(frozen=True)
class CountedSignal:
    """One evenly sampled signal; its first sample is that of the recording's start."""

    label: str
    counts: NDArray[np.int16]  # (n,) NO_SAMPLE where there is none, also behind the end
    step_ticks: int
    unit: str
    per_unit: float  # counts for one of the unit
    zero: int  # count that stands for 0

    def physical(self, count: float) -> float:
        """Return what a count stands for, in the unit."""
        return (count - self.zero) / self.per_unit


@dataclass(frozen=True)
class Counts:
    """All signals of a recording, all of one length: that of whole seconds, or of whole frames."""

    info: RecordingInfo  # of the whole file; nothing is trimmed
    signals: tuple[CountedSignal, ...]
    length_ticks: int  # of the signals: up to a record beyond the recording's end
    record_ticks: int  # the least that holds whole seconds, and whole samples of every signal


@dataclass(frozen=True)
class _Source:
    """A block of columns that the file stores together."""

    labels: tuple[str, ...]
    unsigned: bool


def read_counts(path: Path, *, progress: Callable[[float], None] | None = None) -> Counts:
    """Read all signals of a recording of either format.

    An hour of v1 takes about 80 MB, an hour of v2 about 24 MB, and writing them as much again.

    Parameters
    ----------
    path : Path
    progress : callable, optional
        Is told the share of the file that was read.

    Raises
    ------
    RecordingError
        If the file cannot be read as a recording, or is too long (code ``recording_too_long``).
    """
    reader = open_recording(path)
    parts = _Parts(reader)
    try:
        for chunk in reader.chunks():
            parts.push(chunk)
            if progress is not None:
                progress(min(reader.bytes_read / max(reader.size, 1), 1.0))
    except RecordingError as error:
        raise RecordingError(f"{path.name}: {error}", code=error.code) from error
    except OSError as error:
        raise RecordingError(
            f"{path.name} cannot be read: {(error.strerror or 'unreadable').lower()} after byte "
            f"{reader.bytes_read}; check the disk",
            code="recording_unreadable",
        ) from error
    if not parts.ticks:
        raise RecordingError(
            f"{path.name} holds no whole sample after its header; transfer the recording again",
            code="recording_without_data",
        )
    return parts.finish(_info(path, reader, parts.ticks))


def _info(path: Path, reader: Reader, ticks: int) -> RecordingInfo:
    return RecordingInfo(
        path_name=path.name,
        format=reader.header.format,
        start=reader.header.start,
        duration_seconds=ticks / TICKS_PER_SECOND,
        sample_rate=TICKS_PER_SECOND,
        trim_seconds=0.0,
        trim_ticks=0,
        length_ticks=ticks,
        gaps=tuple(reader.gaps),
        notices=tuple(reader.notices),
    )


class _Parts:
    """Keeps the counts of each chunk until the length is known."""

    def __init__(self, reader: Reader) -> None:
        header = reader.header
        self.sources = (
            _Source(tuple(f"piezo {name}" for name in header.piezo_names), unsigned=True),
            _Source(
                tuple(f"accel {name[-1]} {axis}" for name in header.accelerometer_names
                      for axis in "xyz"),
                unsigned=True,
            ),
            _Source(IMU_COLUMNS, unsigned=False),
        )  # fmt: skip
        self.ticks = 0
        self._bytes = 0
        self._parts: list[list[tuple[int | NDArray[np.int64], NDArray[Any]]]] = [[], [], []]

    def push(self, chunk: Chunk) -> None:
        """Keep a chunk; ticks are kept only where not every one has a sample."""
        self.ticks = chunk.end_tick
        stored = (
            (chunk.piezo_ticks, chunk.piezo),
            (chunk.accelerometer_ticks, chunk.accelerometer),
            (chunk.imu_ticks, chunk.imu),
        )
        for parts, (ticks, counts) in zip(self._parts, stored, strict=True):
            if not counts.size:
                continue
            parts.append((chunk.start_tick if ticks is None else ticks.copy(), counts.copy()))
            self._bytes += counts.nbytes
        if self._bytes > MOST_BYTES:
            raise RecordingError(
                f"its signals take more than {MOST_BYTES / 1e9:.0f} GB of memory; export a shorter "
                "recording",
                code="recording_too_long",
            )

    def finish(self, info: RecordingInfo) -> Counts:
        """Put everything onto even grids."""
        steps = [_step(parts) if parts else 1 for parts in self._parts]
        record = lcm(TICKS_PER_SECOND, *steps)
        length = -(-info.length_ticks // record) * record
        signals: list[CountedSignal] = []
        for source, parts, step in zip(self.sources, self._parts, steps, strict=True):
            if parts:
                grid = _on_grid(source, parts, step, length // step)
                signals += [
                    _signal(label, row, step, source)
                    for label, row in zip(source.labels, grid, strict=True)
                ]
        return Counts(info, tuple(signals), length, record)


def _on_grid(
    source: _Source, parts: list[tuple[int | NDArray[np.int64], NDArray[Any]]], step: int, rows: int
) -> NDArray[np.int16]:
    """Return the counts of a source's columns, shape (columns, rows), and use up its parts."""
    grid = np.full((len(source.labels), rows), NO_SAMPLE, dtype=np.int16)
    while parts:  # they take as much memory as what is made of them
        at, counts = parts.pop()
        stored = counts.astype(np.int32) + (_UNSIGNED_ZERO if source.unsigned else 0)
        # The lowest number means that there is no sample: one at that stop goes a step higher
        kept = np.maximum(stored, NO_SAMPLE + 1).astype(np.int16).T
        if isinstance(at, int):
            grid[:, at : at + kept.shape[1]] = kept
        else:
            grid[:, np.minimum((at + step // 2) // step, rows - 1)] = kept
    return grid


def _step(parts: list[tuple[int | NDArray[np.int64], NDArray[Any]]]) -> int:
    """Return the usual distance of samples, ticks."""
    steps = [np.diff(at) for at, _ in parts if not isinstance(at, int)]
    if len(steps) < len(parts):  # some of it has a sample at every tick
        return 1
    every = np.concatenate(steps)
    return max(int(np.median(every)), 1) if len(every) else 1


def _signal(label: str, row: NDArray[np.int16], step: int, source: _Source) -> CountedSignal:
    if source.unsigned:
        return CountedSignal(label, row, step, "V", 1 / VOLTS_PER_COUNT, _UNSIGNED_ZERO)
    kind, _, axis = label.rpartition("_")
    per_unit, unit = _IMU_UNITS.get(kind, (1.0, ""))
    return CountedSignal(f"imu {_SHORT[kind]} {axis}", row, step, unit, per_unit, 0)
