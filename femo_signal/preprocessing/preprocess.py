"""From a file to band-passed signals on the trimmed axis, in one pass and bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import RecordingError
from femo_signal.formats import Chunk, Reader, open_recording
from femo_signal.intervals import Intervals, as_intervals, clip, difference, empty, union
from femo_signal.notices import Notice, NoticeCode
from femo_signal.preprocessing.filters import LOW_RATE, TICKS_PER_LOW_SAMPLE
from femo_signal.preprocessing.mending import OffRun
from femo_signal.preprocessing.motion import MOTION_NAMES, MotionTrack
from femo_signal.preprocessing.sensors import (
    NOTHING,
    AccelerometerTrack,
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
    motion = MotionTrack(options)
    sensors: list[PiezoTrack | AccelerometerTrack] = [
        PiezoTrack(reader.header.piezo_names, options, rails=True)
    ]
    if reader.header.accelerometer_names:
        names = reader.header.accelerometer_names
        sensors.append(AccelerometerTrack(names, options, rails=False))
    slow = SlowTrack(reader.header.piezo_names)
    try:
        ticks, presses = _run(reader, [*sensors, motion, slow], progress, options.usable)
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
    off = {
        name: _off_with_margin(runs, gaps, trim, length, margin=options.usable.margin_ticks)
        for name, runs in usage.items()
    }
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
        clock=reader.clock,
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
            slow=slow.finish(trim, length),
        ),
        untrimmed=untrimmed,
        lead=trim // TICKS_PER_LOW_SAMPLE,
        raw_presses=clip(presses - trim, 0, length),
        untrimmed_presses=presses - trim,
        gaps=clip(gaps - trim, 0, length),
    )


def _as_ticks(gaps: list[Gap]) -> Intervals:
    """Return the gaps in ticks from the start of the recording."""
    rows = [(gap.start_seconds, gap.end_seconds) for gap in gaps]
    seconds = np.array(rows, dtype=np.float64).reshape(-1, 2)
    return as_intervals(np.rint(seconds * TICKS_PER_SECOND).astype(np.int64))


def _usage(
    sensors: Sequence[SensorTrack],
    motion: MotionTrack,
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


def _off_with_margin(
    runs: list[OffRun], gaps: Intervals, trim: int, length: int, *, margin: int
) -> Intervals:
    """Return where a channel cannot be judged, in ticks of the trimmed axis, gaps apart."""
    rows = [(run.start - margin, run.end + margin) for run in runs]
    return clip(difference(as_intervals(rows), gaps) - trim, 0, length)


def _as_seconds(sensor: str, runs: list[OffRun]) -> list[SensorOff]:
    return [
        SensorOff(sensor, run.start / TICKS_PER_SECOND, run.end / TICKS_PER_SECOND, run.reason)
        for run in runs
    ]


def _notices(
    sensors: Sequence[SensorTrack],
    usage: Mapping[str, list[OffRun]],
    judged: tuple[int, int],
    ticks: int,
) -> list[Notice]:
    """Say what was off within the time that is judged, and what was mended."""
    notices: list[Notice] = []
    duration = ticks / TICKS_PER_SECOND

    def judged_off(name: str) -> list[SensorOff]:
        """Return where a sensor was off, if it matters."""
        reaches = any(run.end > judged[0] and run.start < judged[1] for run in usage[name])
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
    reader: Reader,
    tracks: Sequence[_Sink],
    progress: Callable[[float], None] | None,
    settings: UsableSettings,
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
    if seconds > settings.least_share_from_seconds and held < settings.least_share * ticks:
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
    shortest = settings.usable.shortest_analysed_seconds
    if length < shortest * TICKS_PER_SECOND:
        raise RecordingError(
            f"{name} lasts {ticks / TICKS_PER_SECOND:.1f} s; {seconds:g} s are cut at each end, so "
            f"it must last at least {2 * seconds + shortest:g} s: "
            "give a longer recording",
            code="recording_too_short",
        )
    return trim, length


class _Sink(Protocol):
    """Takes chunks."""

    def push(self, chunk: Chunk) -> None: ...


def unusable(read: Preprocessed, name: str) -> Intervals:
    """Return where a channel tells nothing: in gaps, and where it is off."""
    return union(read.gaps, read.signals.off.get(name, empty()))
