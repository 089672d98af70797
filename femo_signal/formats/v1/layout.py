"""How a v1 file is laid out: its header, the blocks of a record, and how these are copied out."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import RecordingError
from femo_signal.formats.chunk import Chunk, Header, plausible_time, unix_time
from femo_signal.intervals import from_mask
from femo_signal.settings import TICKS_PER_SECOND

__all__ = [
    "ACCELEROMETER",
    "BLOCKS",
    "BUTTON",
    "FORCE",
    "HEADER_BYTES",
    "IMU",
    "LAYOUT",
    "LONGEST_RECORD",
    "PIEZO",
    "RECORD_BYTES",
    "SAMPLE_BYTES",
    "TIME",
    "is_possible",
    "parse_header",
    "piezo_samples",
    "samples_of",
    "time_stamps",
]

HEADER_BYTES = 20
PIEZO, ACCELEROMETER, IMU, FORCE, TIME = 0x80, 0x40, 0x20, 0x10, 0x08  # bits of a descriptor
BUTTON, RESERVED, LAYOUT = 0x01, 0x06, 0xFE
BLOCKS = ((PIEZO, 8), (ACCELEROMETER, 12), (IMU, 20), (FORCE, 2), (TIME, 6))  # bytes, in order
RECORD_BYTES = np.array([1 + sum(size for bit, size in BLOCKS if d & bit) for d in range(256)])
"""By descriptor."""
LONGEST_RECORD = int(RECORD_BYTES.max())
SAMPLE_BYTES = 21  # descriptor, piezo and accelerometers


def parse_header(content: bytes) -> Header:
    """Read the 20 bytes at the start of a v1 file.

    Raises
    ------
    RecordingError
        If the fields cannot be those of a recording.
    """
    if len(content) < HEADER_BYTES:
        raise RecordingError(
            f"the file ends inside the v1 header (byte {len(content)} of {HEADER_BYTES}); "
            "transfer the recording again",
            code="not_a_recording",
        )
    start_s, start_ms, end_s, end_ms, *rates = struct.unpack("<IHIH4H", content[:HEADER_BYTES])
    if not (
        plausible_time(start_s, start_ms)
        and (end_ms < 1000)
        and 0 < rates[0] <= TICKS_PER_SECOND
        and max(rates) <= TICKS_PER_SECOND
    ):
        raise RecordingError(
            "bytes 0 to 19 are not a v1 header (times, then rates of at most 1024 Hz); "
            "give a recording of a FeMo belt",
            code="not_a_recording",
        )
    start = unix_time(start_s, start_ms)
    return Header(
        format="v1",
        start=start,
        end=unix_time(end_s, end_ms) if plausible_time(end_s, end_ms) else start,
        piezo_names=("sensor_3", "sensor_4", "sensor_5", "sensor_6"),
        accelerometer_names=("sensor_1", "sensor_2"),
        piezo_rate=rates[0],
    )


def is_possible(kind: int) -> bool:
    """Tell whether a byte may be a descriptor: it announces a block, and nothing unknown."""
    return not kind & RESERVED and bool(kind & ~BUTTON)


def samples_of(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], kinds: NDArray[np.uint8], tick: int
) -> Chunk:
    """Copy the samples of consecutive records out of a buffer.

    Parameters
    ----------
    data : ndarray of uint8
        The buffer.
    offsets, kinds : ndarray of int64 and of uint8, shape (n,)
        Where in it the descriptors are, and what they are.
    tick : int
        Of the first record, counted.
    """
    count = len(offsets)
    blocks = kinds & (PIEZO | ACCELEROMETER)
    with_imu = np.flatnonzero((kinds & IMU) != 0)
    before_imu = RECORD_BYTES[blocks[with_imu]]
    piezo_ticks: NDArray[np.int64] | None = None
    accelerometer_ticks: NDArray[np.int64] | None = None
    if (blocks == PIEZO | ACCELEROMETER).all():
        both = _gather(data, offsets + 1, 20, "<u2")
        piezo, accelerometer = both[:, :4], both[:, 4:]
    else:
        having = np.flatnonzero((blocks & PIEZO) != 0)
        piezo = piezo_samples(data, offsets[having])
        piezo_ticks = having + tick if len(having) < count else None
        having = np.flatnonzero((blocks & ACCELEROMETER) != 0)
        before = RECORD_BYTES[blocks[having] & PIEZO]
        accelerometer = _gather(data, offsets[having] + before, 12, "<u2")
        accelerometer_ticks = having + tick if len(having) < count else None
    return Chunk(
        start_tick=tick,
        length=count,
        piezo=piezo,
        accelerometer=accelerometer,
        accelerometer_ticks=accelerometer_ticks,
        imu=_gather(data, offsets[with_imu] + before_imu, 20, "<i2"),
        imu_ticks=with_imu + tick,
        presses=from_mask((kinds & BUTTON) != 0) + tick,
        piezo_ticks=piezo_ticks,
    )


def piezo_samples(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Copy the piezo blocks of records that have one; counts, shape (n, 4)."""
    return _gather(data, offsets + 1, 8, "<u2")


def time_stamps(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], kinds: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Read the time stamps, the last block of their records; ms, shape (n,)."""
    if not len(offsets):
        return np.zeros(0, dtype=np.int64)
    words = _gather(data, offsets + RECORD_BYTES[kinds] - 6, 6, "<u2").astype(np.int64)
    seconds: NDArray[np.int64] = words[:, 0] + (words[:, 1] << 16)
    return seconds * 1000 + words[:, 2]


def _gather(
    data: NDArray[np.uint8], positions: NDArray[np.int64], width: int, dtype: str
) -> NDArray[Any]:
    """Copy ``width`` bytes from each position; shape (n, width / item size)."""
    if not len(positions):
        return np.zeros((0, width // np.dtype(dtype).itemsize), dtype=dtype)
    windows = np.ndarray((len(data) - width + 1,), dtype=f"V{width}", buffer=data, strides=(1,))
    return windows[positions].view(dtype).reshape(len(positions), -1)
