"""What a reader of either format hands on: a header, then chunks of samples in order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from femo_signal.intervals import Intervals, clip
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

    @property
    def end_tick(self) -> int:
        """The tick behind the last sample."""
        return self.start_tick + self.length

    def part(self, first: int, past: int) -> Chunk:
        """Return the samples from tick ``first`` to before ``past``; both lie in the chunk."""
        start = self.start_tick
        if first == start and past == self.end_tick:
            return self

        def samples(values: NDArray[Any], ticks: NDArray[np.int64] | None) -> tuple[Any, Any]:
            if ticks is None:
                return values[first - start : past - start], None
            inside = slice(*np.searchsorted(ticks, (first, past)).tolist())
            return values[inside], ticks[inside]

        piezo, piezo_ticks = samples(self.piezo, self.piezo_ticks)
        accelerometer, accelerometer_ticks = samples(self.accelerometer, self.accelerometer_ticks)
        imu, imu_ticks = samples(self.imu, self.imu_ticks)
        return Chunk(
            start_tick=first,
            length=past - first,
            piezo=piezo,
            accelerometer=accelerometer,
            accelerometer_ticks=accelerometer_ticks,
            imu=imu,
            imu_ticks=imu_ticks,
            presses=clip(self.presses, first, past),
            piezo_ticks=piezo_ticks,
        )

    def shifted(self, offset: int) -> Chunk:
        """Return the same samples so many ticks later."""
        if not offset:
            return self

        def later(ticks: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
            return None if ticks is None else ticks + offset

        return replace(
            self,
            start_tick=self.start_tick + offset,
            imu_ticks=self.imu_ticks + offset,
            presses=self.presses + offset,
            piezo_ticks=later(self.piezo_ticks),
            accelerometer_ticks=later(self.accelerometer_ticks),
        )


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
