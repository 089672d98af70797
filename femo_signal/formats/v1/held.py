"""The records that wait in the buffer until it is known when they were taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_signal.formats.v1.layout import (
    HEADER_BYTES,
    LONGEST_RECORD,
    PIEZO,
    SAMPLE_BYTES,
    piezo_samples,
)

__all__ = ["HeldRecords"]


@dataclass(frozen=True)
class HeldRecords:
    """Answers what the timeline asks about records, by their numbers in the file."""

    data: NDArray[np.uint8]  # the buffer
    offsets: NDArray[np.int64]  # of the records in it
    first_number: int  # of the first of them
    origin: int  # byte in the file at which the buffer starts
    file_bytes: int
    period: int  # after how many records their kinds repeat; 0: unknown

    def likeliest_hole(self, first: int, last: int) -> int:
        """Return the record, after ``first`` and up to ``last``, where the signals jump most."""
        near = self.offsets[first - self.first_number : last + 1 - self.first_number]
        if len(near) < 3 or not (self.data[near] & PIEZO).all():
            return last
        steps = np.abs(np.diff(piezo_samples(self.data, near).astype(np.int64), axis=0))
        usual = np.median(steps, axis=0) + 1
        return first + 1 + int((steps / usual).sum(axis=1).argmax())

    def expected(self, record: int) -> float:
        """Return how many records the file holds in all, by the bytes up to this one."""
        before = self.origin + int(self.offsets[record - self.first_number]) - HEADER_BYTES
        if not before:
            return (self.file_bytes - HEADER_BYTES) / LONGEST_RECORD
        return (self.file_bytes - HEADER_BYTES) * record / before

    def samples(self, record: int) -> bytes:
        """Return the start of a record, by which it is known again."""
        at = int(self.offsets[record - self.first_number])
        return self.data[at : at + SAMPLE_BYTES].tobytes()
