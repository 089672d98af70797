"""A session of a public data set, whatever the layout of its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.intervals import Intervals

__all__ = ["Block", "Session"]


@dataclass(frozen=True)
class Block:
    """Columns of one card or sensor, on a time axis of their own."""

    values: NDArray[Any]  # (n, columns)
    first: int = 0  # row at the start of the recording; negative: the block starts later

    def rows(self, start: int, stop: int) -> NDArray[np.float64]:
        """Return rows of the recording's axis; beyond its ends the block holds its last values.

        Returns
        -------
        ndarray of float64, shape (stop - start, columns)
        """
        wanted = np.arange(start, stop) + self.first
        inside = np.clip(wanted, 0, len(self.values) - 1)
        low, high = int(inside[0]), int(inside[-1]) + 1
        rows = np.asarray(self.values[low:high], dtype=np.float64)
        return rows if high - low == len(wanted) else rows[inside - low]

    def columns(self, first: int, stop: int) -> Block:
        """Return some of the columns, without copying them."""
        return Block(self.values[:, first:stop], self.first)


@dataclass(frozen=True)
class Session:
    """One session of a public data set, its parts on one time axis of 1024 Hz."""

    layout: str  # "data_var" or "Subject_data"
    ticks: int  # length
    piezo: Mapping[str, Block]  # V; one column each, for sensor_3 to sensor_6, by what it measured
    accelerometers: Mapping[str, Block]  # V; x y z each, for sensor_1 and sensor_2; may be empty
    force: Block | None  # V
    imu: Block  # (., 3) acceleration x y z
    imu_step: int  # ticks between its samples
    imu_unit: str  # "V" or "g"
    presses: Intervals  # ticks
    notices: tuple[str, ...]  # what was mended, left out or assumed, a sentence each
