"""The raw signals of a recording in the numbers that the belt stores, on even grids.

Nothing is scaled or clipped on the way. Where the belt's clock is right, the numbers are those of
the file; where samples were moved onto time (`RecordingInfo.clock`), they are interpolated.
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
from femo_signal.exporting.grid import NO_SAMPLE, Part, on_grid, usual_step
from femo_signal.formats import Chunk, Reader, open_recording
from femo_signal.formats.chunk import VOLTS_PER_COUNT
from femo_signal.formats.raw import IMU_COLUMNS
from femo_signal.intervals import Intervals, from_mask
from femo_signal.recording import RecordingInfo
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["NO_SAMPLE", "CountedSignal", "Counts", "read_counts"]

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

    @property
    def moved_seconds(self) -> float:
        """How far samples were moved, and so interpolated, as the belt's clock was off; else 0."""
        return 0.0 if self.info.clock is None else self.info.clock.moved_seconds

    def without_samples(self) -> dict[str, tuple[int, Intervals]]:
        """Return for each kind of signal its step, and ticks from its first to its last lack."""
        found: dict[str, tuple[int, Intervals]] = {}
        for one in self.signals:
            kind, step = one.label.partition(" ")[0], one.step_ticks
            if kind not in found:  # the file stores all signals of a kind together
                cells = from_mask(one.counts == NO_SAMPLE)
                found[kind] = step, cells * step - np.array([0, step - 1])
        return found


@dataclass(frozen=True)
class _Source:
    """A block of columns that the file stores together."""

    labels: tuple[str, ...]
    unsigned: bool

    def signed(self, counts: NDArray[Any]) -> NDArray[np.int16]:
        """Return stored numbers as they are exported; a copy of the same shape."""
        stored = counts.astype(np.int32) + (_UNSIGNED_ZERO if self.unsigned else 0)
        # The lowest number means that there is no sample: one at that stop goes a step higher
        return np.maximum(stored, NO_SAMPLE + 1).astype(np.int16)


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
        clock=reader.clock,
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
        self._parts: list[list[Part]] = [[], [], []]

    def push(self, chunk: Chunk) -> None:
        """Keep a chunk; ticks are kept only where not every one has a sample."""
        self.ticks = chunk.end_tick
        stored = (
            (chunk.piezo_ticks, chunk.piezo),
            (chunk.accelerometer_ticks, chunk.accelerometer),
            (chunk.imu_ticks, chunk.imu),
        )
        for source, parts, (ticks, counts) in zip(self.sources, self._parts, stored, strict=True):
            if not counts.size:
                continue
            at = chunk.start_tick if ticks is None else ticks.copy()
            parts.append((at, source.signed(counts)))
            self._bytes += counts.nbytes
        if self._bytes > MOST_BYTES:
            raise RecordingError(
                f"its signals take more than {MOST_BYTES / 1e9:.0f} GB of memory; export a shorter "
                "recording",
                code="recording_too_long",
            )

    def finish(self, info: RecordingInfo) -> Counts:
        """Put everything onto even grids."""
        steps = [usual_step(parts) if parts else 1 for parts in self._parts]
        record = lcm(TICKS_PER_SECOND, *steps)
        length = -(-info.length_ticks // record) * record
        signals: list[CountedSignal] = []
        for source, parts, step in zip(self.sources, self._parts, steps, strict=True):
            if parts:
                grid = on_grid(parts, len(source.labels), step, length // step)
                signals += [
                    _signal(label, row, step, source)
                    for label, row in zip(source.labels, grid, strict=True)
                ]
        return Counts(info, tuple(signals), length, record)


def _signal(label: str, row: NDArray[np.int16], step: int, source: _Source) -> CountedSignal:
    if source.unsigned:
        return CountedSignal(label, row, step, "V", 1 / VOLTS_PER_COUNT, _UNSIGNED_ZERO)
    kind, _, axis = label.rpartition("_")
    per_unit, unit = _IMU_UNITS.get(kind, (1.0, ""))
    return CountedSignal(f"imu {_SHORT[kind]} {axis}", row, step, unit, per_unit, 0)
