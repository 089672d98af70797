"""From a file to band-passed signals on the trimmed axis, in one pass and bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femo_signal.crew import ALONE, Batch, Crew
from femo_signal.errors import RecordingError
from femo_signal.formats import Chunk, Reader, open_recording
from femo_signal.formats.chunk import Header
from femo_signal.intervals import Intervals, as_intervals, clip, difference, empty, union
from femo_signal.notices import Notice, NoticeCode
from femo_signal.preprocessing.filters import LOW_RATE, TICKS_PER_LOW_SAMPLE
from femo_signal.preprocessing.mending import OffRun
from femo_signal.preprocessing.motion import MOTION_NAMES, MotionTrack
from femo_signal.preprocessing.sensors import (
    NOTHING,
    AccelerometerTrack,
    FinishedChannel,
    PiezoTrack,
    SensorTrack,
)
from femo_signal.preprocessing.slow import SlowTrack
from femo_signal.preprocessing.usable import (
    notice_of_lost,
    notice_of_motion_off,
    notice_of_sensor_off,
    notice_of_steps,
)
from femo_signal.recording import Channel, Gap, RecordingInfo, SensorOff, Signals
from femo_signal.settings import (
    TICKS_PER_SECOND,
    AnalysisSettings,
    PreprocessingSettings,
    UsableSettings,
)

__all__ = ["Preprocessed", "preprocess", "unusable"]


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
    untrimmed_gaps: Intervals  # the same at their whole length, before tick 0 and beyond


@dataclass(frozen=True)
class _Axis:
    """The time of a recording, and what of it is analysed; ticks."""

    ticks: int  # of the whole recording
    trim: int  # cut at each end
    length: int  # what is left

    def clip(self, intervals: Intervals) -> Intervals:
        """Move intervals from the whole recording to the trimmed axis."""
        return clip(intervals - self.trim, 0, self.length)

    @property
    def samples(self) -> slice:
        """Which samples at 128 Hz lie on the trimmed axis."""
        past = -(-(self.trim + self.length) // TICKS_PER_LOW_SAMPLE)
        return slice(self.trim // TICKS_PER_LOW_SAMPLE, past)


class _Tracks:
    """All that takes a recording's chunks."""

    def __init__(self, header: Header, options: PreprocessingSettings) -> None:
        self.sensors: list[PiezoTrack | AccelerometerTrack] = [
            PiezoTrack(header.piezo_names, options, rails=True)
        ]
        if header.accelerometer_names:
            names = header.accelerometer_names
            self.sensors.append(AccelerometerTrack(names, options, rails=False))
        self.motion = MotionTrack(options)
        self.slow = SlowTrack(header.piezo_names)

    def tasks(self, chunk: Chunk) -> list[Callable[[], None]]:
        """Return the work that a chunk makes, parted so that no task meets another."""
        of_sensors = [task for track in self.sensors for task in track.tasks(chunk)]
        return [partial(self.motion.push, chunk), *of_sensors, partial(self.slow.push, chunk)]

    def finish(self, ticks: int, crew: Crew) -> list[FinishedChannel]:
        """Return the channels of a recording of ``ticks``, untrimmed."""
        tasks = [task for track in self.sensors for task in track.finishing(ticks)]
        return [*crew.start(tasks).finish(), *self.motion.finish(ticks)]

    def usage(
        self, finished: Mapping[str, NDArray[np.float32]], gaps: Intervals, ticks: int
    ) -> dict[str, list[OffRun]]:
        """Return by channel where it was off; ticks from the start of the recording."""
        usage = {
            channel.name: channel.off(finished.get(channel.name, NOTHING), gaps, ticks)
            for track in self.sensors
            for channel in track.channels
        }
        return usage | dict.fromkeys(MOTION_NAMES, self.motion.watch.off(gaps, ticks))


def preprocess(
    path: Path,
    settings: AnalysisSettings,
    *,
    progress: Callable[[float], None] | None = None,
    chunk_bytes: int | None = None,
    crew: Crew = ALONE,
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
    crew : Crew, optional
        Whose threads share the work; the result does not depend on how many there are.

    Raises
    ------
    RecordingError
        If the file cannot be analysed.
    """
    options = settings.preprocessing
    reader = open_recording(path, chunk_bytes=chunk_bytes)
    tracks = _Tracks(reader.header, options)
    ticks, presses = _run(path.name, reader, tracks, crew, progress, options.usable)
    axis = _Axis(ticks, *_trimming(path.name, ticks, options))
    finished = tracks.finish(ticks, crew)
    untrimmed = {channel.name: channel.samples for channel in finished}
    gaps = _as_ticks(reader.gaps)
    usage = tracks.usage(untrimmed, gaps, ticks)
    off = _off_with_margin(usage, gaps, axis, options.usable.margin_ticks)
    return Preprocessed(
        info=_info(path.name, reader, tracks.sensors, usage, axis),
        signals=_signals(finished, off, axis, slow=tracks.slow),
        untrimmed=untrimmed,
        lead=axis.samples.start,
        raw_presses=axis.clip(presses),
        untrimmed_presses=presses - axis.trim,
        gaps=axis.clip(gaps),
        untrimmed_gaps=gaps - axis.trim,
    )


def _info(
    name: str,
    reader: Reader,
    sensors: Sequence[SensorTrack],
    usage: Mapping[str, list[OffRun]],
    axis: _Axis,
) -> RecordingInfo:
    """Return the facts of a recording that was read."""
    off = [
        one
        for channel, runs in usage.items()
        if channel not in MOTION_NAMES[1:]
        for one in _as_seconds("imu" if channel in MOTION_NAMES else channel, runs)
    ]
    return RecordingInfo(
        path_name=name,
        format=reader.header.format,
        start=reader.header.start,
        duration_seconds=axis.ticks / TICKS_PER_SECOND,
        sample_rate=TICKS_PER_SECOND,
        trim_seconds=axis.trim / TICKS_PER_SECOND,
        trim_ticks=axis.trim,
        length_ticks=axis.length,
        gaps=tuple(reader.gaps),
        clock=reader.clock,
        notices=(*reader.notices, *_notices(sensors, usage, axis)),
        sensors_off=tuple(off),
    )


def _signals(
    finished: Sequence[FinishedChannel],
    off: Mapping[str, Intervals],
    axis: _Axis,
    *,
    slow: SlowTrack,
) -> Signals:
    """Bring the channels to the trimmed axis."""
    channels = {
        one.name: Channel(one.samples[axis.samples], LOW_RATE, 0, TICKS_PER_LOW_SAMPLE)
        for one in finished
    }
    return Signals(
        sensors={n: c for n, c in channels.items() if n not in MOTION_NAMES},
        acceleration=channels.get("acceleration"),
        roll=channels.get("roll"),
        pitch=channels.get("pitch"),
        yaw=channels.get("yaw"),
        live=frozenset(channel.name for channel in finished if channel.live),
        off=off,
        slow=slow.finish(axis.trim, axis.length),
    )


def _as_ticks(gaps: list[Gap]) -> Intervals:
    """Return the gaps in ticks from the start of the recording."""
    rows = [(gap.start_seconds, gap.end_seconds) for gap in gaps]
    seconds = np.array(rows, dtype=np.float64).reshape(-1, 2)
    return as_intervals(np.rint(seconds * TICKS_PER_SECOND).astype(np.int64))


def _off_with_margin(
    usage: Mapping[str, list[OffRun]], gaps: Intervals, axis: _Axis, margin: int
) -> dict[str, Intervals]:
    """Return where each channel cannot be judged, in ticks of the trimmed axis, gaps apart."""
    rows = {
        name: [(run.start - margin, run.end + margin) for run in runs]
        for name, runs in usage.items()
    }
    return {name: axis.clip(difference(as_intervals(rows[name]), gaps)) for name in rows}


def _as_seconds(sensor: str, runs: list[OffRun]) -> list[SensorOff]:
    return [
        SensorOff(sensor, run.start / TICKS_PER_SECOND, run.end / TICKS_PER_SECOND, run.reason)
        for run in runs
    ]


def _notices(
    sensors: Sequence[SensorTrack], usage: Mapping[str, list[OffRun]], axis: _Axis
) -> list[Notice]:
    """Say what was off within the time that is judged, and what was mended."""
    notices: list[Notice] = []
    duration = axis.ticks / TICKS_PER_SECOND
    first, past = axis.trim, axis.trim + axis.length

    def judged_off(name: str) -> list[SensorOff]:
        """Return where a sensor was off, if it matters."""
        reaches = any(run.end > first and run.start < past for run in usage[name])
        return _as_seconds(name, usage[name]) if reaches else []

    for track in sensors:
        names = ", ".join(channel.name for channel in track.channels)
        if track.absent:
            notices.append(
                Notice(
                    NoticeCode.SENSOR_ABSENT,
                    f"the {track.kind} are absent from this recording: "
                    f"no sensor of that kind is judged ({names})",
                )
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
    name: str,
    reader: Reader,
    tracks: _Tracks,
    crew: Crew,
    progress: Callable[[float], None] | None,
    settings: UsableSettings,
) -> tuple[int, Intervals]:
    """Feed the chunks to the tracks; return the recording's ticks and its presses."""
    ticks = held = 0
    presses: list[Intervals] = []
    work: Batch[None] = crew.start([])
    try:
        for chunk in reader.chunks():  # a chunk is read while the one before is worked off
            work.finish()
            work = crew.start(tracks.tasks(chunk))
            presses.append(chunk.presses)
            ticks = chunk.start_tick + chunk.length
            held += chunk.length
            if progress is not None:
                progress(min(reader.bytes_read / reader.size, 1.0))
        work.finish()
    except RecordingError as error:
        raise RecordingError(f"{name}: {error}", code=error.code) from error
    except OSError as error:
        raise RecordingError(
            f"{name} cannot be read: {(error.strerror or 'unreadable').lower()} "
            f"after byte {reader.bytes_read}; check the disk",
            code="recording_unreadable",
        ) from error
    _refuse_scraps(name, ticks, held, settings)
    return ticks, union(*presses)


def _refuse_scraps(name: str, ticks: int, held: int, settings: UsableSettings) -> None:
    """Refuse a recording of ``ticks`` of which the file holds next to nothing."""
    seconds = ticks / TICKS_PER_SECOND
    if seconds > settings.least_share_from_seconds and held < settings.least_share * ticks:
        raise RecordingError(
            f"{name}: by its time stamps the recording lasts {seconds / 3600:.1f} hours, but it "
            f"holds samples for {held / TICKS_PER_SECOND:.1f} s only; transfer the recording "
            "again, or cut out the part that was recorded",
            code="recording_damaged",
        )


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
    shortest = settings.usable.shortest_analysed_seconds
    if length < shortest * TICKS_PER_SECOND:
        raise RecordingError(
            f"{name} lasts {ticks / TICKS_PER_SECOND:.1f} s; {seconds:g} s are cut at each end, so "
            f"it must last at least {2 * seconds + shortest:g} s: "
            "give a longer recording",
            code="recording_too_short",
        )
    return trim, length


def unusable(read: Preprocessed, name: str) -> Intervals:
    """Return where a channel tells nothing: in gaps, and where it is off."""
    return union(read.gaps, read.signals.off.get(name, empty()))
