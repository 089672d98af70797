"""Writes v1 recordings from arrays of counts: one record per sample instant."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from femo_signal.formats.v1.layout import (
    ACCELEROMETER,
    BLOCKS,
    BUTTON,
    FORCE,
    IMU,
    PIEZO,
    RECORD_BYTES,
    TIME,
)
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["Stretch", "V1Writer"]

WIDTHS = dict(BLOCKS)  # bytes of a block by its descriptor bit


@dataclass(frozen=True)
class Stretch:
    """Consecutive samples; ``n`` ticks, of which ``m`` carry an IMU block and ``k`` a force one."""

    piezo: NDArray[np.uint16]  # (n, 4) counts: sensor_3, sensor_4, sensor_5, sensor_6
    accelerometer: NDArray[np.uint16] | None  # (n, 6) counts: x y z of sensor_1, then of sensor_2
    imu: NDArray[np.int16]  # (m, 10): quaternion r i j k, magnetometer x y z, acceleration x y z
    force: NDArray[np.uint16] | None  # (k,) counts
    pressed: NDArray[np.bool_]  # (n,)


class V1Writer:
    """Writes the header, then stretches one after the other; nothing follows the last.

    Every record has a piezo block, each first one of a second a time stamp.

    Parameters
    ----------
    file : BinaryIO
    start : datetime
        Aware.
    ticks : int
        Length of the whole recording, for the header.
    imu_step : int
        Every so many ticks a record has an IMU block, the first one included.
    accelerometer : bool
        Whether each record has an accelerometer block.
    force_step : int, optional
        Like ``imu_step``; None: no record has a force block.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        start: datetime,
        ticks: int,
        imu_step: int,
        accelerometer: bool,
        force_step: int | None = None,
    ) -> None:
        self._file, self._start_ms = file, _milliseconds(start)
        self._steps = {
            PIEZO: 1,
            ACCELEROMETER: int(accelerometer),
            IMU: imu_step,
            FORCE: force_step or 0,
            TIME: TICKS_PER_SECOND,
        }
        self._next_tick = 0
        end = _milliseconds(start + timedelta(seconds=ticks / TICKS_PER_SECOND))
        rates = [
            TICKS_PER_SECOND // step if step else 0
            for step in (1, int(accelerometer), imu_step, force_step or 0)
        ]
        times = (*divmod(self._start_ms, 1000), *divmod(end, 1000))
        file.write(struct.pack("<IHIH4H", *times, *rates))

    def write(self, stretch: Stretch) -> None:
        """Append a stretch.

        Raises
        ------
        ValueError
            If a block has not as many rows as records that carry it.
        """
        ticks = self._next_tick + np.arange(len(stretch.pressed))
        kinds = np.where(stretch.pressed, BUTTON, 0).astype(np.uint8)
        for bit, step in self._steps.items():
            if step:
                kinds[ticks % step == 0] |= bit
        blocks = {
            PIEZO: stretch.piezo,
            ACCELEROMETER: stretch.accelerometer,
            IMU: stretch.imu,
            FORCE: stretch.force,
            TIME: self._time_stamps(ticks[(kinds & TIME) > 0]),
        }
        ends = np.cumsum(RECORD_BYTES[kinds])
        body = np.zeros(int(ends[-1]) if len(ends) else 0, dtype=np.uint8)
        offsets = ends - RECORD_BYTES[kinds]
        body[offsets] = kinds
        offsets += 1
        for bit, width in BLOCKS:
            having = np.flatnonzero(kinds & bit)
            _scatter(body, offsets[having], blocks[bit], width)
            offsets[having] += width
        self._file.write(body.tobytes())
        self._next_tick += len(kinds)

    def _time_stamps(self, ticks: NDArray[np.int64]) -> NDArray[Any]:
        stamps = np.zeros(len(ticks), dtype=[("s", "<u4"), ("ms", "<u2")])
        stamps["s"], stamps["ms"] = divmod(self._start_ms + ticks * 1000 // TICKS_PER_SECOND, 1000)
        return stamps


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _scatter(
    body: NDArray[np.uint8], offsets: NDArray[np.int64], block: NDArray[Any] | None, width: int
) -> None:
    """Copy each row of a block to its offset in the body."""
    rows = 0 if block is None else len(block)
    if rows != len(offsets):
        raise ValueError(f"{len(offsets)} records carry a block of {width} bytes, given are {rows}")
    if block is None or not rows:
        return
    values = np.ascontiguousarray(block)
    values = values.astype(values.dtype.newbyteorder("<"), copy=False)
    places = np.ndarray((len(body) - width + 1,), dtype=f"V{width}", buffer=body, strides=(1,))
    places[offsets] = values.view(np.uint8).reshape(rows, width).view(f"V{width}")[:, 0]
