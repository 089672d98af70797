"""A recording's raw signals as arrays or a table: what the belt measured, before any analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import RecordingError
from femo_signal.formats import Chunk, Reader, open_recording
from femo_signal.formats.chunk import VOLTS_PER_COUNT
from femo_signal.intervals import clip, empty, union
from femo_signal.recording import RecordingInfo
from femo_signal.settings import TICKS_PER_SECOND
from femo_signal.tables import import_pandas, times_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["IMU_COLUMNS", "MOST_BYTES", "RawRecording", "RawSignal", "read_recording"]

IMU_COLUMNS = (
    "quaternion_r", "quaternion_i", "quaternion_j", "quaternion_k",
    "magnetometer_x", "magnetometer_y", "magnetometer_z",
    "acceleration_x", "acceleration_y", "acceleration_z",
)  # fmt: skip
MOST_BYTES = 2 * 1024**3  # of memory for one recording, unless told otherwise
_UNITS = {"quaternion": 1 / 10_000, "acceleration": 1 / 1000}  # per count
_ACCELERATION = slice(7, 10)
_IMU = {"imu": list(range(len(IMU_COLUMNS)))}


@dataclass(frozen=True)
class RawSignal:
    """An evenly sampled signal as the belt measured it; NaN where the file holds no sample.

    ::

        recording.start        start                          values[i]
              |------------------|----|----|----|-- ... --|------|
              0            start_seconds                  start_seconds + i / sample_rate
    """

    values: NDArray[np.float32] = field(repr=False)
    """Shape (n,), or (n, 3) for the axes x y z and (n, 10) for the IMU's `IMU_COLUMNS`."""
    unit: str
    sample_rate: float  # Hz
    start: datetime  # of the first sample, UTC
    start_seconds: float  # the same, from the start of the recording

    @property
    def seconds(self) -> NDArray[np.float64]:
        """When each sample was taken, s from the start of the recording; shape (n,)."""
        return self.start_seconds + np.arange(len(self.values)) / self.sample_rate


@dataclass(frozen=True)
class RawRecording:
    """The raw signals of a recording, or of a part of it.

    ``info`` always describes the whole file: gaps, notices and duration included.
    """

    info: RecordingInfo
    sensors: Mapping[str, RawSignal] = field(repr=False)
    """V, by name; ``sensor_1`` and ``sensor_2`` are the lengths of the accelerometers' vectors."""
    accelerometers: Mapping[str, RawSignal] = field(repr=False)
    """V, axes x y z of each accelerometer, shape (n, 3)."""
    acceleration: RawSignal | None = field(repr=False)
    """Of the IMU, counts/1000, axes x y z, shape (n, 3); None without an IMU."""
    imu: RawSignal | None = field(repr=False)
    """Shape (n, 10), `IMU_COLUMNS`: unit quaternion, magnetometer in counts, acceleration."""
    presses: NDArray[np.float64]
    """Start and end of each press as stored, s from the start of the recording; shape (n, 2)."""

    @property
    def start(self) -> datetime:
        """When the recording starts, UTC."""
        return self.info.start

    @property
    def duration_seconds(self) -> float:
        """How long the recording lasts, gaps included."""
        return self.info.duration_seconds

    @property
    def format(self) -> str:
        """``v1`` or ``v2``."""
        return self.info.format

    def to_dataframe(self, signals: Literal["sensors", "imu"] = "sensors") -> pd.DataFrame:
        """Return a table with one row a sample and the time (UTC) as its index.

        Parameters
        ----------
        signals : {"sensors", "imu"}
            The sensors in V, at 1024 Hz; or the IMU's `IMU_COLUMNS`, at 128 Hz. Two tables, since
            their rates differ.

        Returns
        -------
        pandas.DataFrame
            Float columns, NaN where the file holds no sample, and ``pressed`` (bool).

        Raises
        ------
        ImportError
            Without pandas: install ``femo-cloud[dataframe]``.

        Examples
        --------
        >>> import femo_signal
        >>> recording = femo_signal.read_recording("night.dat", end_seconds=10)
        >>> table = recording.to_dataframe()
        >>> len(table)
        10240
        >>> list(table.columns[-2:])
        ['sensor_6', 'pressed']
        >>> recording.to_dataframe("imu").index.name
        'time'
        """
        columns = dict(self.sensors) if signals == "sensors" else self._imu_columns()
        if not columns:
            nothing: pd.DataFrame = import_pandas().DataFrame()
            return nothing
        finest = max(columns.values(), key=lambda signal: signal.sample_rate)
        first = min(signal.start_seconds for signal in columns.values())
        last = max(float(signal.seconds[-1]) for signal in columns.values())
        rows = round((last - first) * finest.sample_rate) + 1
        table = {
            name: _on_rows(signal, rows, first, finest.sample_rate)
            for name, signal in columns.items()
        }
        seconds = first + np.arange(rows) / finest.sample_rate
        frame: pd.DataFrame = import_pandas().DataFrame(
            {**table, "pressed": _pressed(self.presses, seconds)},
            index=times_of(self.start, seconds),
        )
        return frame

    def _imu_columns(self) -> dict[str, RawSignal]:
        if self.imu is None:
            return {}
        one = self.imu
        return {
            name: RawSignal(
                one.values[:, number], one.unit, one.sample_rate, one.start, one.start_seconds
            )
            for number, name in enumerate(IMU_COLUMNS)
        }


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
    store = _Store(reader, sensors, (first, past), most_bytes)
    ticks = 0
    presses = [empty()]
    try:
        for chunk in reader.chunks():
            store.push(chunk)
            presses.append(chunk.presses)
            ticks = chunk.start_tick + chunk.length
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
    info = _info(path, reader, ticks)
    if first >= ticks:
        raise ValueError(
            f"start_seconds ({start_seconds:g}) lies behind the recording's end, "
            f"{info.duration_seconds:g} s; give an earlier one"
        )
    kept = clip(union(*presses), first, min(past, ticks))
    return store.finish(info, np.asarray(info.seconds(kept)))


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


class _Store:
    """Keeps the counts that are asked for, chunk by chunk, then turns them into signals."""

    def __init__(
        self,
        reader: Reader,
        sensors: Sequence[str] | None,
        window: tuple[int, int],
        most_bytes: int,
    ) -> None:
        header = reader.header
        known = (*header.accelerometer_names, *header.piezo_names)
        wanted = known if sensors is None else tuple(sensors)
        if missing := [name for name in wanted if name not in known]:
            raise ValueError(
                f"sensors: a {header.format} recording has no {', '.join(missing)}; "
                f"it has {', '.join(sorted(known))}"
            )
        self._piezo = {n: [i] for i, n in enumerate(header.piezo_names) if n in wanted}
        self._axes = {
            n: [3 * i, 3 * i + 1, 3 * i + 2]
            for i, n in enumerate(header.accelerometer_names)
            if n in wanted
        }
        self._window, self._most_bytes = window, most_bytes
        self._bytes = 0
        self._parts: dict[str, list[tuple[NDArray[np.int64], NDArray[Any]]]] = {}

    def push(self, chunk: Chunk) -> None:
        """Keep what lies in the window of a chunk."""
        every = np.arange(chunk.start_tick, chunk.start_tick + chunk.length)
        for columns, ticks, counts in (
            (self._piezo, chunk.piezo_ticks, chunk.piezo),
            (self._axes, chunk.accelerometer_ticks, chunk.accelerometer),
            (_IMU, chunk.imu_ticks, chunk.imu),
        ):
            self._keep(columns, every if ticks is None else ticks, counts)

    def _keep(
        self, columns: Mapping[str, list[int]], ticks: NDArray[np.int64], counts: NDArray[Any]
    ) -> None:
        first, past = np.searchsorted(ticks, self._window)
        if not len(counts) or first == past or not columns:
            return
        at = ticks[first:past].copy()
        kept = {name: counts[first:past, chosen] for name, chosen in columns.items()}
        # Of two bytes a count until the end, of four then, as signals.
        self._bytes += at.nbytes + sum(3 * part.nbytes for part in kept.values())
        if self._bytes > self._most_bytes:
            raise RecordingError(
                f"the signals asked for take more than {self._most_bytes / 1e6:.0f} MB of memory; "
                "give start_seconds and end_seconds, fewer sensors, or a larger most_bytes",
                code="recording_too_long",
            )
        for name, part in kept.items():
            self._parts.setdefault(name, []).append((at, part))

    def finish(self, info: RecordingInfo, presses: NDArray[np.float64]) -> RawRecording:
        """Return the signals."""
        sensors: dict[str, RawSignal] = {}
        accelerometers: dict[str, RawSignal] = {}
        for name in sorted((*self._piezo, *self._axes)):
            signal = self._signal(name, info, "V", np.array(VOLTS_PER_COUNT))
            if signal is None:
                continue
            if name in self._axes:
                accelerometers[name] = signal
                signal = _with_values(signal, np.linalg.norm(signal.values, axis=1))
            else:
                signal = _with_values(signal, signal.values[:, 0])
            sensors[name] = signal
        scale = np.array([_UNITS.get(name.partition("_")[0], 1.0) for name in IMU_COLUMNS])
        imu = self._signal("imu", info, "see IMU_COLUMNS", scale)
        acceleration = None
        if imu is not None:
            acceleration = _with_values(imu, imu.values[:, _ACCELERATION], unit="counts/1000")
        return RawRecording(info, sensors, accelerometers, acceleration, imu, presses)

    def _signal(
        self, name: str, info: RecordingInfo, unit: str, scale: NDArray[np.floating[Any]]
    ) -> RawSignal | None:
        """Put a channel's counts onto an even grid, NaN where there are none."""
        parts = self._parts.pop(name, [])
        if not parts:
            return None
        ticks = np.concatenate([ticks for ticks, _ in parts])
        steps = np.diff(ticks)
        step = max(int(np.median(steps)), 1) if len(steps) else 1
        phase = int(np.bincount(ticks % step).argmax())
        first = phase + -(-max(self._window[0] - phase, 0) // step) * step
        past = min(self._window[1], info.length_ticks)
        rows = max(-(-(past - first) // step), 1)
        # After damage a block may lie off its grid, by less than half a step.
        at = np.clip((ticks - first + step // 2) // step, 0, rows - 1)
        values = np.full((rows, parts[0][1].shape[1]), np.nan, dtype=np.float32)
        values[at] = np.concatenate([counts for _, counts in parts])
        values *= scale.astype(np.float32)
        return RawSignal(
            values=values,
            unit=unit,
            sample_rate=TICKS_PER_SECOND / step,
            start=info.start + timedelta(seconds=first / TICKS_PER_SECOND),
            start_seconds=first / TICKS_PER_SECOND,
        )


def _with_values(
    signal: RawSignal, values: NDArray[np.floating[Any]], *, unit: str | None = None
) -> RawSignal:
    return RawSignal(
        np.asarray(values, dtype=np.float32),
        signal.unit if unit is None else unit,
        signal.sample_rate,
        signal.start,
        signal.start_seconds,
    )


def _on_rows(
    signal: RawSignal, rows: int, first_seconds: float, rate: float
) -> NDArray[np.float32]:
    """Put a signal's samples onto rows at a rate that is at least its own; NaN between them."""
    column = np.full(rows, np.nan, dtype=np.float32)
    at = np.rint((signal.seconds - first_seconds) * rate).astype(np.int64)
    column[at] = signal.values
    return column


def _pressed(presses: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell for each moment whether the button was down."""
    if not len(presses):
        return np.zeros(len(seconds), dtype=bool)
    row = np.searchsorted(presses[:, 0], seconds, side="right") - 1
    down: NDArray[np.bool_] = (row >= 0) & (seconds < presses[np.maximum(row, 0), 1])
    return down
