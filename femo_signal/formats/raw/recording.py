"""The raw signals of a recording, and the table that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from femo_signal.recording import RecordingInfo
from femo_signal.tables import import_pandas, times_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["IMU_COLUMNS", "RawRecording", "RawSignal"]

IMU_COLUMNS = (
    "quaternion_r", "quaternion_i", "quaternion_j", "quaternion_k",
    "magnetometer_x", "magnetometer_y", "magnetometer_z",
    "acceleration_x", "acceleration_y", "acceleration_z",
)  # fmt: skip


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
