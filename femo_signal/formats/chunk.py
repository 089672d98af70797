"""What a reader of either format hands on: a header, then chunks of samples in order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from femo_signal.intervals import Intervals
from femo_signal.notices import Notice
from femo_signal.recording import Clock, Gap
from femo_signal.settings import TICKS_PER_SECOND

__all__ = [
    "LONGEST_RECORDING_SECONDS",
    "VOLTS_PER_COUNT",
    "Chunk",
    "Header",
    "Reader",
    "plausible_time",
    "unix_time",
]

VOLTS_PER_COUNT = 3.3 / 65535
LONGEST_RECORDING_SECONDS = 48 * 3600
EARLIEST = 946_684_800  # 2000-01-01: no belt existed before
LATEST = 4_102_444_800  # 2100-01-01


@dataclass(frozen=True)
class Header:
    """The facts of a file header that the analysis uses."""

    format: str  # "v1" or "v2"
    start: datetime  # aware, UTC
    end: datetime
    piezo_names: tuple[str, ...]  # sensor of each piezo column
    accelerometer_names: tuple[str, ...]  # sensor of each triple of accelerometer columns
    piezo_rate: int = TICKS_PER_SECOND  # Hz, nominal


@dataclass(frozen=True)
class Chunk:
    """Consecutive samples; a chunk that starts later than the one before ended leaves a gap."""

    start_tick: int  # from the start of the recording, untrimmed
    length: int  # ticks
    piezo: NDArray[np.uint16]  # (p, piezos) counts
    accelerometer: NDArray[np.uint16]  # (k, 3 x accelerometers) counts
    accelerometer_ticks: NDArray[np.int64] | None  # (k,) untrimmed; None: every tick
    imu: NDArray[np.int16]  # (m, 10): quaternion r i j k, magnetometer x y z, acceleration x y z
    imu_ticks: NDArray[np.int64]  # (m,) untrimmed
    presses: Intervals  # untrimmed
    piezo_ticks: NDArray[np.int64] | None = None  # (p,) untrimmed; None: every tick


class Reader(Protocol):
    """A recording that is read once, from start to end, in bounded memory."""

    header: Header
    gaps: list[Gap]  # these three are complete once all chunks were read
    notices: list[Notice]
    clock: Clock
    bytes_read: int
    size: int  # bytes

    def chunks(self) -> Iterator[Chunk]:
        """Yield the samples in order of time."""
        ...


def plausible_time(seconds: int, milliseconds: int) -> bool:
    """Tell whether a stored time can be that of a recording (2000 to 2100)."""
    return EARLIEST <= seconds < LATEST and milliseconds < 1000


def unix_time(seconds: int, milliseconds: int) -> datetime:
    """Turn a stored time into an aware one, UTC."""
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds % 1000 * 1000)
