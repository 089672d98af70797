"""From a file to band-passed signals on the trimmed axis, in one pass and bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

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
from femo_signal.intervals import Intervals, as_intervals, clip, difference, union
from femo_signal.levelling import Leveller
from femo_signal.mending import Mender, OffRun, at_rail
from femo_signal.recording import Channel, Gap, RecordingInfo, SensorOff, Signals
from femo_signal.settings import TICKS_PER_SECOND, AnalysisSettings, PreprocessingSettings
from femo_signal.usable import (
    MARGIN_TICKS,
    MotionWatch,
    axes_at_rail,
    exclusive,
    missing,
    notice_of_lost,
    notice_of_motion_off,
    notice_of_sensor_off,
    notice_of_steps,
    silent,
)

__all__ = ["Preprocessed", "euler_angles", "preprocess"]

ACCELERATION_UNIT, QUATERNION_UNIT = 1 / 1000, 1 / 10000  # per count
FILL_TICKS = 1 << 16  # of a gap at a time
BRIDGE_TICKS = 256  # on either side of a gap, that tell its levels and slopes
EASE_TICKS = 10 * TICKS_PER_SECOND
SHORTEST_ANALYSED_SECONDS = 1
MOTION_NAMES = ("acceleration", "roll", "pitch", "yaw")
QUARTER_GAIN = float(quarter_response(np.zeros(1))[0])
LEVEL_TICKS = BRIDGE_TICKS  # a gap from which on the level behind it tells nothing of a movement
LONG_HOLD_TICKS = 4 * FILL_TICKS
LONGEST_HOLE_TICKS = 64  # between blocks of one kind that is interpolated: 16 Hz
RAIL_STEP_TICKS = 64
UNSURE_TICKS = TICKS_PER_SECOND // 4  # on either side of a jump that is no clean step
LEAST_SHARE = 0.01  # of the time that a file claims, for which it must hold samples
LEAST_SHARE_FROM_SECONDS = 3600
NOTHING = np.zeros(0, dtype=np.float32)


@dataclass(frozen=True)
class FinishedChannel:
    """A band-passed signal of the whole recording, untrimmed."""

    name: str
    samples: NDArray[np.float32]  # (n,), 128 Hz
    live: bool


@dataclass(frozen=True)
class Preprocessed:
    """What preprocessing makes of a recording."""

    info: RecordingInfo
    signals: Signals
    untrimmed: Mapping[str, NDArray[np.float32]]  # the signals with what was trimmed, as context
    lead: int  # samples before the trimmed axis
    raw_presses: Intervals  # trimmed axis
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
    motion = _MotionTrack(options)
    sensors: list[_PiezoTrack | _AccelerometerTrack] = [
        _PiezoTrack(reader.header.piezo_names, options, rails=True)
    ]
    if reader.header.accelerometer_names:
        names = reader.header.accelerometer_names
        sensors.append(_AccelerometerTrack(names, options, rails=False))
    try:
        ticks, presses = _run(reader, [*sensors, motion], progress)
    except RecordingError as error:
        raise RecordingError(f"{path.name}: {error}", code=error.code) from error
    except OSError as error:
        raise RecordingError(
            f"{path.name} cannot be read: {(error.strerror or 'unreadable').lower()} "
            f"after byte {reader.bytes_read}; check the disk",
            code="recording_unreadable",
        ) from error

    trim, length = _trimming(path.name, ticks, options)
    finished = [channel for track in (*sensors, motion) for channel in track.finish(ticks)]
    low = slice(trim // TICKS_PER_LOW_SAMPLE, -(-(trim + length) // TICKS_PER_LOW_SAMPLE))
    untrimmed = {channel.name: channel.samples for channel in finished}
    channels = {
        name: Channel(samples[low], LOW_RATE, 0, TICKS_PER_LOW_SAMPLE)
        for name, samples in untrimmed.items()
    }
    gaps = _as_ticks(reader.gaps)
    usage = _usage(sensors, motion, untrimmed, gaps, ticks)
    off = {name: _off_with_margin(runs, gaps, trim, length) for name, runs in usage.items()}
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
        notices=(*reader.notices, *_notices(sensors, usage, (trim, trim + length), ticks)),
        sensors_off=tuple(
            off
            for name, runs in usage.items()
            if name not in MOTION_NAMES[1:]
            for off in _as_seconds("imu" if name in MOTION_NAMES else name, runs)
        ),
    )
    return Preprocessed(
        info=info,
        signals=Signals(
            sensors={n: c for n, c in channels.items() if n not in MOTION_NAMES},
            acceleration=channels.get("acceleration"),
            roll=channels.get("roll"),
            pitch=channels.get("pitch"),
            yaw=channels.get("yaw"),
            live=frozenset(channel.name for channel in finished if channel.live),
            off=off,
        ),
        untrimmed=untrimmed,
        lead=trim // TICKS_PER_LOW_SAMPLE,
        raw_presses=clip(presses - trim, 0, length),
        gaps=clip(gaps - trim, 0, length),
    )


def _as_ticks(gaps: list[Gap]) -> Intervals:
    """Return the gaps in ticks from the start of the recording."""
    rows = [(gap.start_seconds, gap.end_seconds) for gap in gaps]
    seconds = np.array(rows, dtype=np.float64).reshape(-1, 2)
    return as_intervals(np.rint(seconds * TICKS_PER_SECOND).astype(np.int64))


def _usage(
    sensors: Sequence[_SensorTrack],
    motion: _MotionTrack,
    untrimmed: Mapping[str, NDArray[np.float32]],
    gaps: Intervals,
    ticks: int,
) -> dict[str, list[OffRun]]:
    """Return by channel where it was off; ticks from the start of the recording."""
    usage = {
        channel.name: channel.off(untrimmed.get(channel.name, NOTHING), gaps, ticks)
        for track in sensors
        for channel in track.channels
    }
    return usage | dict.fromkeys(MOTION_NAMES, motion.watch.off(gaps, ticks))


def _off_with_margin(runs: list[OffRun], gaps: Intervals, trim: int, length: int) -> Intervals:
    """Return where a channel cannot be judged, in ticks of the trimmed axis, gaps apart."""
    rows = [(run.start - MARGIN_TICKS, run.end + MARGIN_TICKS) for run in runs]
    return clip(difference(as_intervals(rows), gaps) - trim, 0, length)


def _as_seconds(sensor: str, runs: list[OffRun]) -> list[SensorOff]:
    return [
        SensorOff(sensor, run.start / TICKS_PER_SECOND, run.end / TICKS_PER_SECOND, run.reason)
        for run in runs
    ]


def _notices(
    sensors: Sequence[_SensorTrack],
    usage: Mapping[str, list[OffRun]],
    judged: tuple[int, int],
    ticks: int,
) -> list[str]:
    """Say what was off within the time that is judged, and what was mended."""
    notices = []
    duration = ticks / TICKS_PER_SECOND

    def judged_off(name: str) -> list[SensorOff]:
        """Return where a sensor was off, if it matters."""
        reaches = any(run.end > judged[0] and run.start < judged[1] for run in usage[name])
        return _as_seconds(name, usage[name]) if reaches else []

    for track in sensors:
        names = ", ".join(channel.name for channel in track.channels)
        if track.absent:
            notices.append(
                f"the {track.kind} are absent from this recording: "
                f"no sensor of that kind is judged ({names})"
            )
            continue
        for channel in track.channels:
            if off := judged_off(channel.name):
                notices.append(notice_of_sensor_off(channel.name, off, duration))
            if channel.mender.lost:
                notices.append(notice_of_lost(channel.name, channel.mender.lost))
            if channel.leveller.steps:
                at = [step.tick for step in channel.leveller.steps]
                notices.append(notice_of_steps(channel.name, at))
    if off := judged_off("acceleration"):
        notices.append(notice_of_motion_off(off, duration))
    return notices


def _run(
    reader: Reader,
    tracks: Sequence[_Track],
    progress: Callable[[float], None] | None,
) -> tuple[int, Intervals]:
    """Feed the chunks to the tracks; return the recording's ticks and its presses."""
    ticks = held = 0
    presses: list[Intervals] = []
    for chunk in reader.chunks():
        for track in tracks:
            track.push(chunk)
        presses.append(chunk.presses)
        ticks = chunk.start_tick + chunk.length
        held += chunk.length
        if progress is not None:
            progress(min(reader.bytes_read / reader.size, 1.0))
    seconds = ticks / TICKS_PER_SECOND
    if seconds > LEAST_SHARE_FROM_SECONDS and held < LEAST_SHARE * ticks:
        raise RecordingError(
            f"by its time stamps the recording lasts {seconds / 3600:.1f} hours, but it holds "
            f"samples for {held / TICKS_PER_SECOND:.1f} s only; transfer the recording again, "
            "or cut out the part that was recorded",
            code="recording_damaged",
        )
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


class _Channel:
    """One sensor with a count at each tick: mended, thinned to 256 Hz, levelled, band-passed."""

    def __init__(self, name: str, settings: PreprocessingSettings, *, rails: bool) -> None:
        low, high = settings.sensor_band_hz
        frequencies = OverlapSave.frequencies
        response = bandpass_response(frequencies, (low, high), order=settings.filter_order)
        self.name = name
        self.mender = Mender(rails=rails)
        self._filter = OverlapSave(
            1,
            QUARTER_RATE,
            response * VOLTS_PER_COUNT / quarter_response(frequencies),
            overlap_seconds=_overlap_seconds(low),
        )
        self.leveller = Leveller(
            lambda samples: self._filter.push(samples[None]),
            self._filter.hold,
            unit=QUARTER_GAIN,
        )
        self.leveller.jumps = self.mender.jumps
        self.railed: list[int] = []  # ticks at which an axis is at a rail
        self._context = NOTHING  # not yet thinned
        self._recent = NOTHING  # the last BRIDGE_TICKS
        self._next_tick = 0
        self._held = NOTHING  # what follows a gap, until there is enough of it to bridge the gap
        self._held_tick = 0
        self._offset = np.float32(0)  # what the baseline changed by over the gaps so far

    def push(self, start_tick: int, counts: NDArray[Any]) -> None:
        """Take the counts of consecutive ticks, shape (n,)."""
        for tick, samples in self.mender.push(start_tick, counts):
            self._feed(tick, samples)

    def finish(self, ticks: int) -> FinishedChannel:
        """Return the signal of a recording of ``ticks``."""
        for tick, samples in self.mender.flush():
            self._feed(tick, samples)
        self._bridge()
        if not len(self._context):
            nothing = np.zeros(-(-ticks // TICKS_PER_LOW_SAMPLE), dtype=np.float32)
            return FinishedChannel(self.name, nothing, live=False)
        self._hold_until(ticks + QUARTER_CONTEXT)
        self.leveller.flush()
        live = bool(self._filter.live[0])
        return FinishedChannel(self.name, self._filter.finish()[0], live)

    def off(self, samples: NDArray[np.float32], gaps: Intervals, ticks: int) -> list[OffRun]:
        """Return where the sensor was off in a recording of ``ticks``."""
        runs = self.mender.off + missing(self.mender.stretches, gaps, ticks)
        runs += axes_at_rail(self.railed, RAIL_STEP_TICKS)
        for step in self.leveller.steps:
            if not step.sure:
                start, end = max(step.tick - UNSURE_TICKS, 0), step.tick + UNSURE_TICKS
                runs.append(OffRun(start, min(end, ticks), "jumps"))
        known = union(gaps, np.array([(run.start, run.end) for run in runs]).reshape(-1, 2))
        return exclusive(runs + silent(samples, known), gaps)

    @property
    def _fed_ticks(self) -> int:
        """How far the samples reach, held ones included."""
        return self._held_tick + len(self._held) if len(self._held) else self._next_tick

    def _feed(self, start_tick: int, samples: NDArray[np.float32]) -> None:
        """Take usable samples from ``start_tick`` on; bridge a gap before them."""
        if not len(self._context):
            self._context = np.repeat(samples[:1], QUARTER_CONTEXT)
            self._hold_until(start_tick)
        if start_tick > self._fed_ticks:
            self._bridge()
            self._held, self._held_tick = samples.copy(), start_tick
        elif len(self._held):
            self._held = np.concatenate((self._held, samples))
        else:
            self._thin(samples - self._offset if self._offset else samples)
        if len(self._held) >= BRIDGE_TICKS:
            self._bridge()

    def _hold_until(self, tick: int) -> None:
        """Repeat the last sample up to a tick."""
        while self._next_tick < tick:
            left = tick - self._next_tick
            if left > LONG_HOLD_TICKS:
                self._thin(np.repeat(self._context[-1:], FILL_TICKS))
                count = (left - FILL_TICKS) // 4
                same = np.repeat(self._context[None, -1:], 2 * QUARTER_CONTEXT + 1, axis=1)
                self.leveller.hold(float(quarter(same)[0, 0]), count)
                self._next_tick += 4 * count
            else:
                self._thin(np.repeat(self._context[-1:], min(left, FILL_TICKS)))

    def _bridge(self) -> None:
        """Fill the gap before the held samples, so smoothly that the filter does not ring."""
        if not len(self._held):
            return
        start, end = self._next_tick, self._held_tick
        held, self._held = self._held - self._offset, NOTHING
        before = _straight_line(self._recent, side=1)
        after = _straight_line(held[:BRIDGE_TICKS], side=-1)
        if end - start >= LEVEL_TICKS:
            change = np.float32(after.level - before.level)
            self._offset += change
            held -= change
            after = Line(before.level, after.slope)
        for first, past in _eased(end - start):
            self._hold_until(start + first)
            self._thin(bridge(np.arange(first, past) + 0.5, end - start, before, after))
        self._thin(held)

    def _thin(self, samples: NDArray[np.float32]) -> None:
        known = np.concatenate((self._context, samples))
        outputs = max(len(known) - 2 * QUARTER_CONTEXT + 3, 0) // 4
        if outputs:
            self.leveller.push(quarter(known[None, : 2 * QUARTER_CONTEXT + 4 * outputs - 3])[0])
        self._context = known[4 * outputs :].copy()
        self._recent = np.concatenate((self._recent, samples[-BRIDGE_TICKS:]))[-BRIDGE_TICKS:]
        self._next_tick += len(samples)


@dataclass(frozen=True)
class Line:
    """A straight line through samples next to a gap."""

    level: float  # at the edge of the gap, counts
    slope: float  # per tick


def _eased(length: int) -> list[tuple[int, int]]:
    """Return the parts of a gap in which its bridge is not level, as ticks from its start."""
    if length <= 2 * EASE_TICKS:
        return [(0, length)]
    return [(0, EASE_TICKS), (length - EASE_TICKS, length)]


def _straight_line(samples: NDArray[np.float32], *, side: int) -> Line:
    """Fit a line to samples; its level is at one end (1: behind the last, -1: before the first).

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
    side : int

    Returns
    -------
    Line
    """
    values = samples.astype(np.float64)
    count = len(values)
    ticks = np.arange(count) - (count - 1) / 2
    slope = float((values * ticks).sum()) / max(float((ticks * ticks).sum()), 1)
    return Line(float(values.mean()) + side * slope * count / 2, slope)


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
    before, after : Line
        At either edge.

    Returns
    -------
    ndarray of float32, shape (n,)
    """
    mean_slope = (after.level - before.level) / length
    reach = min(length, EASE_TICKS)
    leaving = np.minimum(ticks / reach, 1)
    coming = np.minimum((length - ticks) / reach, 1)
    joined = before.level + mean_slope * ticks
    joined = joined + (before.slope - mean_slope) * reach * leaving * (1 - leaving) ** 2
    joined = joined - (after.slope - mean_slope) * reach * coming * (1 - coming) ** 2
    return np.asarray(joined, dtype=np.float32)


class _SensorTrack:
    """One kind of sensor: its blocks brought to each tick, and a `_Channel` for each sensor."""

    kind: str

    def __init__(
        self, names: tuple[str, ...], settings: PreprocessingSettings, *, rails: bool
    ) -> None:
        self.channels = [_Channel(name, settings, rails=rails) for name in names]
        self._end_tick = 0  # of the last chunk
        self._last_tick = -1
        self._last: NDArray[np.uint16] | None = None  # the last block, (1, columns)

    @property
    def absent(self) -> bool:
        """Whether there was no block of this kind."""
        return not self.channels[0].mender.stretches

    def finish(self, ticks: int) -> list[FinishedChannel]:
        """Return the channels of a recording of ``ticks``; none if there was no block."""
        return [] if self.absent else [channel.finish(ticks) for channel in self.channels]

    def _take(self, start_tick: int, rows: NDArray[Any]) -> None:
        """Hand the values of consecutive ticks, shape (n, columns), to the channels."""
        raise NotImplementedError

    def _push(
        self, chunk: Chunk, rows: NDArray[np.uint16], ticks: NDArray[np.int64] | None
    ) -> None:
        """Take the blocks of a chunk; short holes between them are interpolated."""
        if chunk.start_tick > self._end_tick:  # a gap: it is bridged, not interpolated over
            self._last = None
        self._end_tick = chunk.start_tick + chunk.length
        if not len(rows):
            return
        if ticks is None:
            ticks = np.arange(chunk.start_tick, self._end_tick)
        known = 0
        if self._last is not None and ticks[0] > self._last_tick + 1:
            ticks = np.concatenate(([self._last_tick], ticks))
            rows = np.concatenate((self._last, rows))
            known = 1
        self._last, self._last_tick = rows[-1:], int(ticks[-1])
        holes = np.flatnonzero(np.diff(ticks) > LONGEST_HOLE_TICKS) + 1
        for first, past in pairwise((0, *holes.tolist(), len(ticks))):
            start, values = _dense(ticks[first:past], rows[first:past])
            if len(values) > known:
                self._take(start + known, values[known:])
            known = 0


def _dense(ticks: NDArray[np.int64], rows: NDArray[np.uint16]) -> tuple[int, NDArray[Any]]:
    """Interpolate rows to each tick from the first to the last; return the first, and them."""
    start, count = int(ticks[0]), int(ticks[-1] - ticks[0]) + 1
    if count == len(ticks):
        return start, rows
    grid = np.arange(start, start + count)
    return start, np.array([np.interp(grid, ticks, row) for row in rows.T], dtype=np.float32).T


class _PiezoTrack(_SensorTrack):
    kind = "piezos"

    def push(self, chunk: Chunk) -> None:
        self._push(chunk, chunk.piezo, chunk.piezo_ticks)

    def _take(self, start_tick: int, rows: NDArray[Any]) -> None:
        for number, channel in enumerate(self.channels):
            channel.push(start_tick, rows[:, number])


class _AccelerometerTrack(_SensorTrack):
    """Accelerometers: the length of each one's vector."""

    kind = "accelerometers"

    def push(self, chunk: Chunk) -> None:
        self._push(chunk, chunk.accelerometer, chunk.accelerometer_ticks)

    def _take(self, start_tick: int, rows: NDArray[Any]) -> None:
        looked_at = slice(-start_tick % RAIL_STEP_TICKS, None, RAIL_STEP_TICKS)
        first_tick = start_tick + looked_at.start
        for number, length in enumerate(_lengths(rows)):
            channel = self.channels[number]
            axes = rows[looked_at, 3 * number : 3 * number + 3]
            railed = np.flatnonzero(at_rail(axes).any(axis=1))
            channel.railed += (first_tick + railed * RAIL_STEP_TICKS).tolist()
            channel.push(start_tick, length)


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
        self.watch = MotionWatch()

    def push(self, chunk: Chunk) -> None:
        """Take a chunk's IMU samples."""
        ticks, values = self.watch.sound(chunk.imu_ticks, chunk.imu)
        pauses = np.flatnonzero(np.diff(ticks) > FILL_TICKS) + 1
        for first, past in pairwise((0, *pauses.tolist(), len(ticks))):
            if past > first:
                self._interpolate(ticks[first:past], values[first:past])

    def _interpolate(self, ticks: NDArray[np.int64], values: NDArray[np.int16]) -> None:
        """Bring samples, and the time since the ones before, onto the grid."""
        if not len(self._last):
            self._last, self._last_tick = values[:1], -1
        ticks = np.concatenate(([self._last_tick], ticks))
        values = np.concatenate((self._last, values))
        end = int(ticks[-1]) + 1
        if _on_grid(ticks[1:], self._next_tick):
            self._take(values[1:])
        else:
            self._hold_until(int(ticks[1]) - FILL_TICKS)
            ticks[0] = max(ticks[0], self._next_tick - TICKS_PER_LOW_SAMPLE)
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

    def _hold_until(self, tick: int) -> None:
        """Repeat the last values on the grid, up to a tick."""
        count = (tick - self._next_tick) // TICKS_PER_LOW_SAMPLE
        if count <= 0:
            return
        self._take(self._last)
        if self._waiting:
            self._waiting.append(np.repeat(self._waiting[-1][-1:], count - 1))
        else:
            self._filter.hold(count - 1)
        self._next_tick += count * TICKS_PER_LOW_SAMPLE

    def finish(self, ticks: int) -> list[FinishedChannel]:
        """Return the channels of a recording of ``ticks``, untrimmed."""
        if not len(self._last):
            return []
        self._hold_until(ticks + TICKS_PER_LOW_SAMPLE - 1)
        for acceleration in self._waiting:  # there was never an angle
            self._filter.push(_with_angles(acceleration, np.zeros((3, len(acceleration)))))
        live = self._filter.live.tolist()
        return [
            FinishedChannel(name, samples, is_live)
            for name, samples, is_live in zip(
                MOTION_NAMES, self._filter.finish(), live, strict=True
            )
        ]

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
