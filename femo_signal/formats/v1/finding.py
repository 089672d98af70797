"""Finds where v1 records start: by their repeating pattern, else by following them one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from femo_signal.formats.v1.chains import CHAIN_RECORDS, KnownKinds, possible_chain
from femo_signal.formats.v1.layout import (
    LAYOUT,
    LONGEST_RECORD,
    RECORD_BYTES,
    TIME,
    is_possible,
)

__all__ = ["RESUME_BYTES", "UNSURE_RECORDS", "Found", "PatternBreak", "RecordFinder"]

WALK_RECORDS = 4096  # followed one by one to learn a pattern of up to half as many
RESUME_BYTES = 16384  # so far behind a break of the pattern its sound rest is looked for
UNSURE_RECORDS = 8  # left out on either side of damage: they may have been read out of step


@dataclass(frozen=True)
class PatternBreak:
    """Where the pattern broke: the hole before lies after ``earliest`` and up to ``record``."""

    earliest: int
    record: int

    def shifted(self, records: int) -> PatternBreak:
        """Return it with its records numbered from so many earlier on."""
        return PatternBreak(self.earliest + records, self.record + records)


@dataclass(frozen=True)
class Found:
    """Records found in a buffer, and why the search ended."""

    offsets: NDArray[np.int64]  # of the descriptor bytes
    breaks: list[PatternBreak]
    stop: int  # where the next record starts
    damaged: bool  # no record can start there


class RecordFinder:
    """Finds where records start, buffer by buffer.

    The descriptors of a recording repeat (a piezo block each tick, an IMU block each eighth...).
    Once a period is known, the starts of many records are predicted at once and only checked.
    Where the pattern breaks, what follows must be the pattern again from another phase on;
    bytes before such a place are damaged. The button bit changes no size and takes no part.
    """

    def __init__(self) -> None:
        self._known = KnownKinds()
        self._period = b""  # descriptors of one period, once it is known
        self._pattern = b""  # the same from the next record on; empty while out of step
        self._walked = bytearray()  # descriptors since the records are followed one by one
        self._broken = False  # the pattern just broke,
        self._expected = b""  # where this was to come
        self._unsure_records = 0  # before the break, among which the hole may lie

    @property
    def period(self) -> int:
        """After how many records their kinds repeat; 0: unknown."""
        return len(self._period)

    def find(self, data: NDArray[np.uint8], *, at_end: bool) -> Found:
        """Return the whole records from the start of ``data`` to its end, or to damage."""
        found: list[NDArray[np.int64]] = []
        breaks: list[PatternBreak] = []
        count = position = 0
        state = "more"
        while state == "more":
            if self._pattern:
                offsets = self._predict(data, position)
                state = "more" if self._broken else "end"
            elif self._broken:
                state = self._find_phase(data, position, at_end=at_end)
                if state == "odd":
                    found.append(np.array([position]))
                    count, position = count + 1, position + self._known.sizes[data[position]]
                    state = "more"
                elif state != "end":
                    breaks.append(PatternBreak(count - self._unsure_records, count))
                continue
            else:
                offsets, state = self._walk(data, position, at_end=at_end)
            if len(offsets):
                found.append(offsets)
                count += len(offsets)
                position = int(offsets[-1]) + self._known.sizes[data[offsets[-1]]]
        offsets = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
        return Found(offsets, breaks, position, state == "damaged")

    def resynchronise(self, data: NDArray[np.uint8], start: int, *, at_end: bool) -> int | None:
        """Return the first position from which the records run on, if there is one."""
        self._broken, self._pattern = False, b""
        self._walked.clear()
        for first in range(start, len(data), RESUME_BYTES):
            for candidate in self._known.candidates(data, first, first + RESUME_BYTES):
                chain, ended = self._known.follow(data, candidate)
                if ended == "buffer" and not at_end:
                    return None
                if ended == "whole" and self._phase(chain) is not None:
                    return candidate
        return None

    def _predict(self, data: NDArray[np.uint8], position: int) -> NDArray[np.int64]:
        """Return the records from ``position`` on up to the end, or to the pattern's break."""
        pattern = np.frombuffer(self._pattern, dtype=np.uint8)
        sizes = RECORD_BYTES[pattern]
        ends = np.cumsum(sizes)
        repeats, rest = divmod(len(data) - position, int(ends[-1]))
        whole = repeats * len(pattern) + int(np.searchsorted(ends, rest, side="right"))
        starts = np.arange(repeats + 1)[:, None] * ends[-1] + (position + ends - sizes)
        offsets: NDArray[np.int64] = starts.ravel()[:whole]
        differs = (data[offsets] & LAYOUT) != np.tile(pattern, repeats + 1)[:whole]
        first_different = int(differs.argmax()) if whole else 0
        count = first_different if whole and differs[first_different] else whole
        phase = count % len(pattern)
        self._pattern = self._pattern[phase:] + self._pattern[:phase]
        if count < whole:
            self._break(int(data[offsets[count]]))
        return offsets[:count]

    def _break(self, kind: int) -> None:
        """Lose the pattern at a record of this kind.

        A time stamp out of turn tells of a hole since the last one, any other block of one since
        the last IMU block.
        """
        is_stamp_alone = not (kind ^ self._pattern[0]) & LAYOUT & ~TIME
        self._unsure_records = len(self._pattern) if is_stamp_alone else UNSURE_RECORDS + 1
        self._expected, self._pattern, self._broken = self._pattern, b"", True

    def _find_phase(
        self, data: NDArray[np.uint8], position: int, *, at_end: bool
    ) -> Literal["more", "end", "odd", "damaged"]:
        """Go on with the pattern from another phase.

        Returns
        -------
        {"more", "end", "odd", "damaged"}
            "odd": only the record at ``position`` differs, as a rare time stamp makes one differ.
        """
        if len(data) - position < RESUME_BYTES and not at_end:
            return "end"
        chain, ended = self._known.follow(data, position)
        phase = self._phase(chain) if ended != "illegal" else None
        if phase is None and self._is_odd_record(data, position):
            self._known.admit(int(data[position]))
            self._broken, self._pattern = False, self._expected[1:] + self._expected[:1]
            return "odd"
        if phase is None and not self._is_new_pattern(data, position):
            return "damaged"
        self._broken = False
        if phase is None:
            self._period = b""
        elif ended == "whole":
            self._pattern = self._period[phase:] + self._period[:phase]
        return "more"

    def _is_odd_record(self, data: NDArray[np.uint8], position: int) -> bool:
        """Tell whether behind the record at ``position`` the pattern goes on as if nothing was."""
        kind = int(data[position])
        behind = position + int(RECORD_BYTES[kind])
        if not is_possible(kind) or behind > len(data):
            return False
        chain, ended = self._known.follow(data, behind)
        repeated = self._expected * (2 + CHAIN_RECORDS // len(self._expected))
        return ended != "illegal" and len(chain) > 0 and repeated.startswith(chain, 1)

    def _is_new_pattern(self, data: NDArray[np.uint8], position: int) -> bool:
        """Tell whether sound records go on here, and the old pattern does not soon after."""
        near = data[position : position + RESUME_BYTES]
        if possible_chain(near.tobytes(), 0) == "damaged":
            return False
        for candidate in self._known.candidates(near, 0, len(near)):
            chain, ended = self._known.follow(near, candidate)
            if ended == "whole" and self._phase(chain) is not None:
                return False
        return True

    def _phase(self, chain: bytes) -> int | None:
        """Return where in the period a chain of descriptors lies; 0 while there is no period."""
        if not self._period:
            return 0
        repeated = self._period * (2 + CHAIN_RECORDS // len(self._period))
        phase = repeated.find(chain)
        return phase % len(self._period) if phase >= 0 else None

    def _walk(
        self, data: NDArray[np.uint8], position: int, *, at_end: bool
    ) -> tuple[NDArray[np.int64], str]:
        """Follow records one by one until there are enough to learn their pattern.

        Returns
        -------
        offsets : ndarray of int64
        state : {"more", "end", "damaged"}
            "end": of the buffer.
        """
        wanted = WALK_RECORDS - len(self._walked)
        content = data[position : position + wanted * LONGEST_RECORD].tobytes()
        sizes, at, length = self._known.sizes, 0, len(content)
        offsets: list[int] = []
        state: str = "more"
        while len(offsets) < wanted:
            size = sizes[content[at]] if at < length else 0
            if at >= length or at + size > length:
                state = "end"
                break
            if not size:
                state = possible_chain(content, at)
                if state == "damaged" or (state == "end" and not at_end):
                    break
                self._known.admit(content[at])
                state = "more"
                continue
            offsets.append(position + at)
            at += size
        found = np.array(offsets, dtype=np.int64)
        self._walked += (data[found] & LAYOUT).tobytes()
        if len(self._walked) == WALK_RECORDS:
            self._learn(bytes(self._walked))
            self._walked.clear()
        return found, state

    def _learn(self, layout: bytes) -> None:
        """Take the shortest period of the descriptors that just went by as the pattern."""
        period = layout.find(layout[: len(layout) // 2], 1)
        if period > 0:
            phase = len(layout) % period
            self._period = layout[:period]
            self._pattern = self._period[phase:] + self._period[:phase]
