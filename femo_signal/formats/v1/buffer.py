"""A part of a file in memory that moves along it."""

from __future__ import annotations

from io import BufferedReader

import numpy as np
from numpy.typing import NDArray

__all__ = ["FileBuffer"]


class FileBuffer:
    """Bytes of a file from ``origin`` on; what was read stays until it is forgotten.

    The memory is used again: nothing may refer to ``data`` once `forget` was called.
    """

    def __init__(self, file: BufferedReader, origin: int) -> None:
        self.origin = origin  # byte in the file at which the buffer starts
        self.at_end = False  # of the file
        self.data: NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)
        self._memory = self.data  # ``data`` is its start
        self._file = file

    def read(self, count: int) -> NDArray[np.uint8]:
        """Append so many bytes of the file, or what is left of it; return all that is held."""
        kept = len(self.data)
        if kept + count > len(self._memory):
            larger = np.empty(kept + count, dtype=np.uint8)
            larger[:kept] = self.data
            self._memory = larger
        fresh = self._file.readinto(self._memory[kept : kept + count].data)
        self.at_end = fresh < count
        self.data = self._memory[: kept + fresh]
        return self.data

    def forget(self, count: int) -> None:
        """Let go of the first bytes."""
        kept = len(self.data) - count
        self._memory[:kept] = self.data[count:]
        self.data = self._memory[:kept]
        self.origin += count
