"""From a file to band-passed signals on the trimmed axis, in one pass and bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import RecordingError
from femo_signal.filters import (
    LOW_RATE,
    QUARTER_CONTEXT,
    QUARTER_RATE,
    TICKS_PER_LOW_SAMPLE,
    OverlapSave,
    bandpass_response,
    interpolation_response,
    quarter,
    quarter_response,
)
from femo_signal.formats import Chunk, Reader, open_recording
from femo_signal.formats.chunk import VOLTS_PER_COUNT
from femo_signal.intervals import Intervals, clip, union
from femo_signal.recording import Channel, RecordingInfo, Signals
from femo_signal.settings import TICKS_PER_SECOND, AnalysisSettings, PreprocessingSettings

__all__ = ["Preprocessed", "euler_angles", "preprocess"]

ACCELERATION_UNIT, QUATERNION_UNIT = 1 / 1000, 1 / 10000  # per count
FILL_TICKS = 1 << 16  # of a gap at a time
BRIDGE_TICKS = 256  # on either side of a gap, that tell its levels and slopes
EASE_TICKS = 10 * TICKS_PER_SECOND
SHORTEST_ANALYSED_SECONDS = 1
MOTION_NAMES = ("acceleration", "roll", "pitch", "yaw")
FinishedChannel: TypeAlias = tuple[str, NDArray[np.float32], bool]  # name, samples, is live


@dataclass(frozen=True)
class Preprocessed:
    """What preprocessing makes of a recording."""

    info: RecordingInfo
    signals: Signals
    untrimmed: Mapping[str, NDArray[np.float32]]  # the signals with what was trimmed, as context
    lead: int  # samples before the trimmed axis
    raw_presses: Intervals  # trimmed axis
    untrimmed_presses: Intervals  # the same with those in the ends, before tick 0 and beyond
    gaps: Intervals  # trimmed axis


def preprocess(
    path: Path,
    settings: AnalysisSettings,
    *,
    progress: Callable[[float], None] | None = None,
    chunk_bytes: int | None = None,
) -> Preprocessed:
    """Read a recording and band-pass its signals.

    Parameters
    ----------
    path : Path
    settings : AnalysisSettings
    progress : callable, optional
        Is told the share of the file that was read, 0 to 1.
    chunk_bytes : int, optional
        How much of the file is held at a time; the result does not depend on it.

    Raises
    ------
    RecordingError
        If the file cannot be analysed.
    """
    reader = open_recording(path, chunk_bytes=chunk_bytes)
    options = settings.preprocessing
    tracks: list[_Track] = [
        _PiezoTrack(reader.header.piezo_names, options),
        _MotionTrack(options),
    ]
    if reader.header.accelerometer_names:
        tracks.append(_AccelerometerTrack(reader.header.accelerometer_names, options))
    try:
        ticks, presses = _run(reader, tracks, progress)
    except RecordingError as error:
        raise RecordingError(f"{path.name}: {error}", code=error.code) from error
    except OSError as error:
        raise RecordingError(
            f"{path.name} cannot be read: {(error.strerror or 'unreadable').lower()} "
            f"after byte {reader.bytes_read}; check the disk",
            code="recording_unreadable",
        ) from error

    trim, length = _trimming(path.name, ticks, options)
    low = slice(trim // TICKS_PER_LOW_SAMPLE, -(-(trim + length) // TICKS_PER_LOW_SAMPLE))
    channels: dict[str, Channel] = {}
    untrimmed: dict[str, NDArray[np.float32]] = {}
    live: set[str] = set()
    for track in tracks:
        for name, samples, is_live in track.finish(ticks):
            untrimmed[name] = samples
            channels[name] = Channel(samples[low], LOW_RATE, 0, TICKS_PER_LOW_SAMPLE)
            if is_live:
                live.add(name)
    info = RecordingInfo(
        path_name=path.name,
        format=reader.header.format,
        start=reader.header.start,
        duration_seconds=ticks / TICKS_PER_SECOND,
        sample_rate=TICKS_PER_SECOND,
        trim_seconds=trim / TICKS_PER_SECOND,
        trim_ticks=trim,
        length_ticks=length,
        gaps=tuple(reader.gaps),
        notices=tuple(reader.notices),
    )
    gap_ticks = [
        (round(gap.start_seconds * TICKS_PER_SECOND), round(gap.end_seconds * TICKS_PER_SECOND))
        for gap in reader.gaps
    ]
    return Preprocessed(
        info=info,
        signals=Signals(
            sensors={n: c for n, c in channels.items() if n not in MOTION_NAMES},
            acceleration=channels.get("acceleration"),
            roll=channels.get("roll"),
            pitch=channels.get("pitch"),
            yaw=channels.get("yaw"),
            live=frozenset(live),
        ),
        untrimmed=untrimmed,
        lead=trim // TICKS_PER_LOW_SAMPLE,
        raw_presses=clip(presses - trim, 0, length),
        untrimmed_presses=presses - trim,
        gaps=clip(union(np.array(gap_ticks, dtype=np.int64).reshape(-1, 2) - trim), 0, length),
    )


def _run(
    reader: Reader,
    tracks: list[_Track],
    progress: Callable[[float], None] | None,
) -> tuple[int, Intervals]:
    """Feed the chunks to the tracks; return the recording's ticks and its presses."""
    ticks = 0
    presses: list[Intervals] = []
    for chunk in reader.chunks():
        for track in tracks:
            track.push(chunk)
        presses.append(chunk.presses)
        ticks = chunk.start_tick + chunk.length
        if progress is not None:
            progress(min(reader.bytes_read / reader.size, 1.0))
    return ticks, union(*presses)


def _trimming(name: str, ticks: int, settings: PreprocessingSettings) -> tuple[int, int]:
    """Return the ticks cut at each end, and the ticks left."""
    if not ticks:
        raise RecordingError(
            f"{name} holds no whole sample after its header; transfer the recording again",
            code="recording_without_data",
        )
    long = ticks > settings.long_recording_seconds * TICKS_PER_SECOND
    seconds = settings.trim_seconds if long else settings.short_trim_seconds
    trim = round(seconds * TICKS_PER_SECOND)
    length = ticks - 2 * trim
    if length < SHORTEST_ANALYSED_SECONDS * TICKS_PER_SECOND:
        raise RecordingError(
            f"{name} lasts {ticks / TICKS_PER_SECOND:.1f} s; {seconds:g} s are cut at each end, so "
            f"it must last at least {2 * seconds + SHORTEST_ANALYSED_SECONDS:g} s: "
            "give a longer recording",
            code="recording_too_short",
        )
    return trim, length


class _Track(Protocol):
    """Turns the chunks' counts into band-passed channels."""

    def push(self, chunk: Chunk) -> None: ...

    def finish(self, ticks: int) -> list[FinishedChannel]: ...


class _FullRateTrack:
    """Sensors that have a value at each tick: thinned to 256 Hz, then band-passed."""

    def __init__(self, names: tuple[str, ...], settings: PreprocessingSettings) -> None:
        low, high = settings.sensor_band_hz
        frequencies = OverlapSave.frequencies
        response = bandpass_response(frequencies, (low, high), order=settings.filter_order)
        self._names = names
        self._filter = OverlapSave(
            len(names),
            QUARTER_RATE,
            response * VOLTS_PER_COUNT / quarter_response(frequencies),
            overlap_seconds=_overlap_seconds(low),
        )
        nothing = np.zeros((len(names), 0), dtype=np.float32)
        self._context = nothing  # not yet thinned
        self._recent = nothing  # the last BRIDGE_TICKS
        self._next_tick = 0
        self._held = nothing  # what follows a gap, until there is enough of it to bridge the gap
        self._held_tick = 0

    @property
    def _fed_ticks(self) -> int:
        """How far the samples reach, held ones included."""
        held = self._held.shape[1]
        return self._held_tick + held if held else self._next_tick

    def finish(self, ticks: int) -> list[FinishedChannel]:
        """Return the channels of a recording of ``ticks``, untrimmed."""
        self._bridge()
        if not self._context.shape[1]:
            return []
        self._hold_until(ticks + QUARTER_CONTEXT)
        live = self._filter.live.tolist()
        return list(zip(self._names, self._filter.finish(), live, strict=True))

    def _feed(self, start_tick: int, rows: NDArray[np.float32]) -> None:
        """Take counts from ``start_tick`` on, shape (channels, n); bridge a gap before them."""
        if not self._context.shape[1]:
            self._context = np.repeat(rows[:, :1], QUARTER_CONTEXT, axis=1)
            self._hold_until(start_tick)
        if start_tick > self._fed_ticks:
            self._bridge()
            self._held, self._held_tick = rows, start_tick
        elif self._held.shape[1]:
            self._held = np.concatenate((self._held, rows), axis=1)
        else:
            self._thin(rows)
        if self._held.shape[1] >= BRIDGE_TICKS:
            self._bridge()

    def _hold_until(self, tick: int) -> None:
        while self._next_tick < tick:
            count = min(tick - self._next_tick, FILL_TICKS)
            self._thin(np.repeat(self._context[:, -1:], count, axis=1))

    def _bridge(self) -> None:
        """Fill the gap before the held samples, so smoothly that the filter does not ring."""
        if not self._held.shape[1]:
            return
        start, end = self._next_tick, self._held_tick
        before = _straight_line(self._recent, side=1)
        after = _straight_line(self._held[:, :BRIDGE_TICKS], side=-1)
        while self._next_tick < end:
            first = self._next_tick - start
            ticks = np.arange(first, min(first + FILL_TICKS, end - start)) + 0.5
            self._thin(bridge(ticks, end - start, before, after))
        held, self._held = self._held, self._held[:, :0]
        self._thin(held)

    def _thin(self, rows: NDArray[np.float32]) -> None:
        known = np.concatenate((self._context, rows), axis=1)
        outputs = max(known.shape[1] - 2 * QUARTER_CONTEXT + 3, 0) // 4
        if outputs:
            self._filter.push(quarter(known[:, : 2 * QUARTER_CONTEXT + 4 * outputs - 3]))
        self._context = known[:, 4 * outputs :].copy()
        recent = np.concatenate((self._recent, rows[:, -BRIDGE_TICKS:]), axis=1)
        self._recent = recent[:, -BRIDGE_TICKS:]
        self._next_tick += rows.shape[1]


Line: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]  # level, slope per tick: (c, 1)


def _straight_line(rows: NDArray[np.float32], *, side: int) -> Line:
    """Fit lines to samples; return the levels at one end (1: the last, -1: the first), and slopes.

    Parameters
    ----------
    rows : ndarray of float32, shape (channels, n)
    side : int

    Returns
    -------
    Line
    """
    values = rows.astype(np.float64)
    count = values.shape[1]
    ticks = np.arange(count) - (count - 1) / 2
    level = values.mean(axis=1, keepdims=True)
    slope = (values * ticks).sum(axis=1, keepdims=True) / max(float((ticks * ticks).sum()), 1)
    return level + side * slope * count / 2, slope


def bridge(
    ticks: NDArray[np.floating[Any]], length: int, before: Line, after: Line
) -> NDArray[np.float32]:
    """Join two straight lines over a gap, without a step and without a bend.

    Over the first and the last ten seconds each slope gives way to that of the line from edge to
    edge; in a shorter gap that is the cubic through both levels and slopes.

    Parameters
    ----------
    ticks : ndarray of float64, shape (n,)
        From the start of the gap.
    length : int
        Ticks of the gap.
    before, after : tuple of ndarray, shape (channels, 1)
        Level and slope at either edge.

    Returns
    -------
    ndarray of float32, shape (channels, n)
    """
    mean_slope = (after[0] - before[0]) / length
    reach = min(length, EASE_TICKS)
    leaving = np.minimum(ticks / reach, 1)
    coming = np.minimum((length - ticks) / reach, 1)
    joined = before[0] + mean_slope * ticks
    joined = joined + (before[1] - mean_slope) * reach * leaving * (1 - leaving) ** 2
    joined = joined - (after[1] - mean_slope) * reach * coming * (1 - coming) ** 2
    return np.asarray(joined, dtype=np.float32)


class _PiezoTrack(_FullRateTrack):
    def push(self, chunk: Chunk) -> None:
        self._feed(chunk.start_tick, chunk.piezo.T.astype(np.float32, order="C"))


class _AccelerometerTrack(_FullRateTrack):
    """Accelerometers: their axes interpolated to each tick, then the length of each vector."""

    def __init__(self, names: tuple[str, ...], settings: PreprocessingSettings) -> None:
        super().__init__(names, settings)
        self._end_tick = 0  # of the last chunk
        self._last_tick = 0
        self._last: NDArray[np.uint16] | None = None  # (1, 3 x accelerometers)

    def push(self, chunk: Chunk) -> None:
        axes, ticks = chunk.accelerometer, chunk.accelerometer_ticks
        if chunk.start_tick > self._end_tick:  # a gap: it is bridged, not interpolated over
            self._last = None
        elif ticks is None and chunk.start_tick > self._fed_ticks:
            ticks = np.arange(chunk.start_tick, chunk.start_tick + chunk.length)
        if ticks is None:
            self._feed(chunk.start_tick, _lengths(axes))
            self._last, self._last_tick = axes[-1:], chunk.start_tick + chunk.length - 1
        elif len(ticks):
            self._interpolate(ticks, axes)
        self._end_tick = chunk.start_tick + chunk.length

    def _interpolate(self, ticks: NDArray[np.int64], axes: NDArray[np.uint16]) -> None:
        if self._last is not None and ticks[0] - self._last_tick <= FILL_TICKS:
            ticks = np.concatenate(([self._last_tick], ticks))
            axes = np.concatenate((self._last, axes))
            grid = np.arange(ticks[0] + 1, ticks[-1] + 1)
        else:
            grid = np.arange(ticks[0], ticks[-1] + 1)
        dense = [np.interp(grid, ticks, axis).astype(np.float32) for axis in axes.T]
        self._feed(int(grid[0]), _lengths(np.array(dense).T))
        self._last, self._last_tick = axes[-1:], int(ticks[-1])


def _lengths(axes: NDArray[Any]) -> NDArray[np.float32]:
    """Return the length of each three columns' vector, shape (vectors, n)."""
    lengths = np.empty((axes.shape[1] // 3, len(axes)), dtype=np.float32)
    for number, length in enumerate(lengths):
        x, y, z = (axes[:, 3 * number + i].astype(np.float32) for i in range(3))
        np.sqrt(x * x + y * y + z * z, out=length)
    return lengths


class _MotionTrack:
    """The IMU: acceleration's magnitude and the three angles, on the 128 Hz grid.

    The reference interpolates the IMU to 1024 Hz before it filters. On the grid of 128 Hz that
    interpolation is a known gain, which the response takes in.
    """

    def __init__(self, settings: PreprocessingSettings) -> None:
        low, high = settings.motion_band_hz
        frequencies = OverlapSave.frequencies
        response = bandpass_response(frequencies, (low, high), order=settings.filter_order)
        self._filter = OverlapSave(
            len(MOTION_NAMES),
            LOW_RATE,
            response * interpolation_response(frequencies),
            overlap_seconds=_overlap_seconds(low),
        )
        self._next_tick = 0  # of the grid
        self._last_tick = 0
        self._last = np.zeros((0, 10), dtype=np.int16)
        self._unwrapper = _Unwrapper()
        self._waiting: list[NDArray[np.float32]] = []  # accelerations before the first angle

    def push(self, chunk: Chunk) -> None:
        """Take a chunk's IMU samples."""
        ticks, values = chunk.imu_ticks, chunk.imu
        if not len(ticks):
            return
        if not len(self._last):
            self._last, self._last_tick = values[:1], -1
        ticks = np.concatenate(([self._last_tick], ticks))
        values = np.concatenate((self._last, values))
        end = int(ticks[-1]) + 1
        if _on_grid(ticks[1:], self._next_tick):
            self._take(values[1:])
        else:
            for first in range(self._next_tick, end, FILL_TICKS):
                grid = np.arange(first, min(first + FILL_TICKS, end), TICKS_PER_LOW_SAMPLE)
                near = slice(
                    max(int(np.searchsorted(ticks, grid[0], side="right")) - 1, 0),
                    int(np.searchsorted(ticks, grid[-1], side="left")) + 1,
                )
                self._take(
                    np.array([np.interp(grid, ticks[near], row) for row in values[near].T]).T
                )
        self._next_tick = -(-end // TICKS_PER_LOW_SAMPLE) * TICKS_PER_LOW_SAMPLE
        self._last, self._last_tick = values[-1:], int(ticks[-1])

    def finish(self, ticks: int) -> list[FinishedChannel]:
        """Return the channels of a recording of ``ticks``, untrimmed."""
        if not len(self._last):
            return []
        for first in range(self._next_tick, ticks, FILL_TICKS):
            count = -(-min(ticks - first, FILL_TICKS) // TICKS_PER_LOW_SAMPLE)
            self._take(np.repeat(self._last, count, axis=0))
        for acceleration in self._waiting:  # there was never an angle
            self._filter.push(_with_angles(acceleration, np.zeros((3, len(acceleration)))))
        live = self._filter.live.tolist()
        return list(zip(MOTION_NAMES, self._filter.finish(), live, strict=True))

    def _take(self, values: NDArray[Any]) -> None:
        """Take values on the grid, shape (n, 10)."""
        axes = values[:, 7:].astype(np.float64) * ACCELERATION_UNIT
        acceleration = np.sqrt((axes * axes).sum(axis=1)).astype(np.float32)
        angles = self._unwrapper.unwrap(euler_angles(values[:, :4] * QUATERNION_UNIT))
        if angles is None:
            self._waiting.append(acceleration)
            return
        for early in self._waiting:
            first = np.repeat(angles[:, :1], len(early), axis=1)
            self._filter.push(_with_angles(early, first))
        self._waiting.clear()
        self._filter.push(_with_angles(acceleration, angles))


def _on_grid(ticks: NDArray[np.int64], first: int) -> bool:
    """Tell whether samples lie on each point of the 128 Hz grid from ``first`` on."""
    last = first + (len(ticks) - 1) * TICKS_PER_LOW_SAMPLE
    if ticks[0] != first or ticks[-1] != last:
        return False
    return bool((np.diff(ticks) == TICKS_PER_LOW_SAMPLE).all())


def _with_angles(
    acceleration: NDArray[np.float32], angles: NDArray[np.float64]
) -> NDArray[np.float32]:
    return np.concatenate((acceleration[None], angles.astype(np.float32)))


def euler_angles(quaternions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn quaternions into extrinsic x-y-z Euler angles.

    Parameters
    ----------
    quaternions : ndarray of float64, shape (n, 4)
        Real part first; need not be normalised.

    Returns
    -------
    ndarray of float64, shape (3, n)
        Roll, pitch and yaw in degrees; NaN where the quaternion is zero.
    """
    r, i, j, k = quaternions.T
    square = r * r + i * i + j * j + k * k
    with np.errstate(invalid="ignore"):
        sine = np.clip(2 * (r * j - k * i) / square, -1, 1)
    angles = np.array(
        (
            np.arctan2(2 * (r * i + j * k), square - 2 * (i * i + j * j)),
            np.arcsin(sine),
            np.arctan2(2 * (r * k + i * j), square - 2 * (j * j + k * k)),
        )
    )
    angles[:, square == 0] = np.nan
    return np.asarray(np.degrees(angles), dtype=np.float64)


class _Unwrapper:
    """Follows angles over the jump from 180 to -180 degrees, and over missing ones."""

    def __init__(self) -> None:
        self._last: NDArray[np.float64] | None = None  # (3, 1), as measured
        self._turns = np.zeros((3, 1))

    def unwrap(self, angles: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return angles without jumps, or None before the first valid one; shape (3, n)."""
        valid = np.isfinite(angles[0])
        if not valid.all():
            nearest = np.maximum.accumulate(np.where(valid, np.arange(len(valid)), -1))
            if self._last is None:
                if not valid.any():
                    return None
                nearest = np.maximum(nearest, valid.argmax())
            known = np.concatenate(
                (self._last if self._last is not None else angles[:, :1], angles), axis=1
            )
            angles = known[:, nearest + 1]
        before = self._last if self._last is not None else angles[:, :1]
        jumps = np.diff(angles, axis=1, prepend=before)
        turns = self._turns - np.cumsum(np.rint(jumps / 360), axis=1)
        self._last, self._turns = angles[:, -1:], turns[:, -1:]
        unwrapped: NDArray[np.float64] = angles + 360 * turns
        return unwrapped


def _overlap_seconds(lowest_hz: float) -> int:
    """Return how far the band-pass rings: below 1e-6 of its peak, from 8 s at 1 Hz."""
    return int(np.ceil(8 / lowest_hz))
