"""Reads the raw signals of a recording of either format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from femo_signal.errors import RecordingError
from femo_signal.formats import Reader, open_recording
from femo_signal.formats.raw.recording import RawRecording
from femo_signal.formats.raw.store import SignalStore
from femo_signal.intervals import Intervals, clip, empty, union
from femo_signal.recording import RecordingInfo
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["MOST_BYTES", "read_recording"]

MOST_BYTES = 2 * 1024**3  # of memory for one recording, unless told otherwise


def read_recording(
    path: str | Path,
    *,
    sensors: Sequence[str] | None = None,
    start_seconds: float = 0.0,
    end_seconds: float | None = None,
    most_bytes: int = MOST_BYTES,
) -> RawRecording:
    """Read the raw signals of a recording of either format.

    The file is read through once, in pieces; only what is asked for is kept. An hour of v1 is
    about 200 MB with every sensor and axis, an hour of v2 about 50 MB; reading needs twice that.

    Parameters
    ----------
    path : str or Path
    sensors : sequence of str, optional
        Names of the sensors to keep, ``sensor_1`` to ``sensor_6``; all that the format has, unless
        given. The IMU and the presses are always kept.
    start_seconds, end_seconds : float, optional
        Part to keep, s from the start of the recording; all of it, unless given.
    most_bytes : int
        More memory than this is refused rather than taken.

    Returns
    -------
    RawRecording

    Raises
    ------
    RecordingError
        If the file cannot be read as a recording, or more than ``most_bytes`` would be kept
        (code ``recording_too_long``).
    ValueError
        If the recording has no such sensor, or nothing lies in the part asked for.

    Examples
    --------
    >>> import femo_signal
    >>> recording = femo_signal.read_recording("night.dat", start_seconds=60, end_seconds=90)
    >>> recording.format, recording.info.gaps
    ('v1', ())
    >>> piezo = recording.sensors["sensor_3"]
    >>> piezo.values.shape, piezo.unit, piezo.sample_rate, piezo.start_seconds
    ((30720,), 'V', 1024.0, 60.0)
    >>> recording.acceleration.values.shape, recording.acceleration.sample_rate
    ((3840, 3), 128.0)
    >>> recording.presses.shape[1]
    2
    """
    path = Path(path)
    first, past = _window(start_seconds, end_seconds)
    reader = open_recording(path)
    store = SignalStore(reader, sensors, (first, past), most_bytes)
    ticks, presses = _fill(store, reader, path)
    info = _info(path, reader, ticks)
    if first >= ticks:
        raise ValueError(
            f"start_seconds ({start_seconds:g}) lies behind the recording's end, "
            f"{info.duration_seconds:g} s; give an earlier one"
        )
    kept = clip(presses, first, min(past, ticks))
    return store.finish(info, np.asarray(info.seconds(kept)))


def _fill(store: SignalStore, reader: Reader, path: Path) -> tuple[int, Intervals]:
    """Read the file through; return how many ticks it lasts, and its presses."""
    ticks = 0
    presses = [empty()]
    try:
        for chunk in reader.chunks():
            store.push(chunk)
            presses.append(chunk.presses)
            ticks = chunk.end_tick
    except RecordingError as error:
        raise RecordingError(f"{path.name}: {error}", code=error.code) from error
    except OSError as error:
        raise RecordingError(
            f"{path.name} cannot be read: {(error.strerror or 'unreadable').lower()} "
            f"after byte {reader.bytes_read}; check the disk",
            code="recording_unreadable",
        ) from error
    if not ticks:
        raise RecordingError(
            f"{path.name} holds no whole sample after its header; transfer the recording again",
            code="recording_without_data",
        )
    return ticks, union(*presses)


def _window(start_seconds: float, end_seconds: float | None) -> tuple[int, int]:
    """Return the ticks to keep."""
    last = np.inf if end_seconds is None else end_seconds
    if not (np.isfinite(start_seconds) and 0 <= start_seconds < last):
        raise ValueError(
            f"start_seconds ({start_seconds}) and end_seconds ({end_seconds}): give "
            "0 <= start_seconds < end_seconds"
        )
    past = np.iinfo(np.int64).max if np.isinf(last) else round(last * TICKS_PER_SECOND)
    return round(start_seconds * TICKS_PER_SECOND), int(past)


def _info(path: Path, reader: Reader, ticks: int) -> RecordingInfo:
    return RecordingInfo(
        path_name=path.name,
        format=reader.header.format,
        start=reader.header.start,
        duration_seconds=ticks / TICKS_PER_SECOND,
        sample_rate=TICKS_PER_SECOND,
        trim_seconds=0.0,  # raw signals are not trimmed
        trim_ticks=0,
        length_ticks=ticks,
        gaps=tuple(reader.gaps),
        notices=tuple(reader.notices),
    )
