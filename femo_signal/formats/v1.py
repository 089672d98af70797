"""Reads v1 recordings: one record per sample instant, each announced by a descriptor byte."""

from __future__ import annotations

import bisect
import itertools
import math
import statistics
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import RecordingError
from femo_signal.formats.chunk import (
    LONGEST_RECORDING_SECONDS,
    Chunk,
    Header,
    plausible_time,
    unix_time,
)
from femo_signal.formats.clock_notices import clock_notices
from femo_signal.formats.timebase import Timebase
from femo_signal.intervals import from_mask
from femo_signal.notices import Notice, NoticeCode
from femo_signal.recording import Clock, Gap
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["HEADER_BYTES", "V1Reader", "parse_header"]

HEADER_BYTES = 20
BLOCKS = ((0x80, 8), (0x40, 12), (0x20, 20), (0x10, 2), (0x08, 6))  # descriptor bit, bytes
PIEZO, ACCELEROMETER, IMU, TIME = 0x80, 0x40, 0x20, 0x08
BUTTON, RESERVED, LAYOUT = 0x01, 0x06, 0xFE
SIZES = np.array([1 + sum(size for bit, size in BLOCKS if d & bit) for d in range(256)])
LONGEST_RECORD = int(SIZES.max())

CHUNK_BYTES = 1 << 20
MOST_HELD_RECORDS = 1 << 17  # while waiting for a time stamp
WALK_RECORDS = 4096  # followed one by one to learn a pattern of up to half as many
CHAIN_RECORDS = 64  # so many sound records in a row are no accident (a random byte passes at 1/4)
RESUME_BYTES = 16384  # so far behind a break of the pattern its sound rest is looked for
UNSURE_RECORDS = 8  # left out on either side of damage: they may have been read out of step
HOLE_TICKS = TICKS_PER_SECOND // 2  # a clock that jumps by less only jitters,
STAMP_RECORDS = 128  # of so many records, one time stamp is looked at
FEW_STAMPS_SECONDS = 10  # without two time stamps that is odd
SAMPLE_BYTES = 21  # descriptor, piezo and accelerometers
PRIMING_STAMPS = 8  # that tell the rate of the belt's clock before any of them is judged by it
RATE_STAMPS = 15  # that tell it later
WORST_RATE = 0.2  # of a tick a record: no clock is worse
MULTIPLE_TICKS = 16  # how far missing records may seem to be from whole periods of their kinds
LONGEST_PAUSE = 3600 * TICKS_PER_SECOND  # that any file may claim,
PAUSE_SHARE = 24  # or this many times what it holds
HOLE_TICKS_AT_BREAK = 10  # unless the pattern of the records broke since the last time stamp


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


@dataclass(frozen=True)
class _Break:
    """Where the pattern broke: the hole before lies after ``earliest`` and up to ``record``."""

    earliest: int
    record: int

    def shifted(self, records: int) -> _Break:
        return _Break(self.earliest + records, self.record + records)


@dataclass(frozen=True)
class _Found:
    """Records found in a buffer, and why the search ended."""

    offsets: NDArray[np.int64]  # of the descriptor bytes
    breaks: list[_Break]  # of the repeating pattern
    stop: int  # where the next record starts
    damaged: bool  # no record can start there


class _RecordFinder:
    """Finds where records start: by their repeating pattern, else by following them one by one.

    The descriptors of a recording repeat (a piezo block each tick, an IMU block each eighth...).
    Once a period is known, the starts of many records are predicted at once and only checked.
    Where the pattern breaks, what follows must be the pattern again from another phase on;
    bytes before such a place are damaged. The button bit changes no size and takes no part.
    """

    def __init__(self) -> None:
        self._sizes = [0] * 256  # of the descriptors that were met in sound records
        self._period = b""  # descriptors of one period, once it is known
        self._pattern = b""  # the same from the next record on; empty while out of step
        self._walked = bytearray()  # descriptors since the records are followed one by one
        self._broken = False  # the pattern just broke,
        self._expected = b""  # where this was to come
        self._unsure = 0  # records before the break among which the hole may lie

    @property
    def period(self) -> int:
        """After how many records their kinds repeat; 0: unknown."""
        return len(self._period)

    def find(self, data: NDArray[np.uint8], *, at_end: bool) -> _Found:
        """Return the whole records from the start of ``data`` to its end, or to damage."""
        found: list[NDArray[np.int64]] = []
        breaks: list[_Break] = []
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
                    count, position = count + 1, position + self._sizes[data[position]]
                    state = "more"
                elif state != "end":
                    breaks.append(_Break(count - self._unsure, count))
                continue
            else:
                offsets, state = self._walk(data, position, at_end=at_end)
            if len(offsets):
                found.append(offsets)
                count += len(offsets)
                position = int(offsets[-1]) + self._sizes[data[offsets[-1]]]
        return _Found(
            np.concatenate(found) if found else np.zeros(0, dtype=np.int64),
            breaks,
            position,
            state == "damaged",
        )

    def resynchronise(self, data: NDArray[np.uint8], start: int, *, at_end: bool) -> int | None:
        """Return the first position from which the records run on, if there is one."""
        self._broken, self._pattern = False, b""
        self._walked.clear()
        for first in range(start, len(data), RESUME_BYTES):
            for candidate in self._candidates(data, first, first + RESUME_BYTES):
                chain, ended = self._follow(data, candidate)
                if ended == "buffer" and not at_end:
                    return None
                if ended == "whole" and self._phase(chain) is not None:
                    return candidate
        return None

    def _candidates(self, data: NDArray[np.uint8], first: int, past: int) -> list[int]:
        """Return the positions from which a few known records seem to follow each other."""
        sizes = np.array(self._sizes)
        starts = ends = first + np.flatnonzero(sizes[data[first:past]])
        for _ in range(3):
            inside = ends < len(data)
            kinds = data[np.minimum(ends, len(data) - 1)]
            likely = ~inside | (sizes[kinds] > 0)
            starts, ends = starts[likely], (ends + inside * sizes[kinds])[likely]
        return [int(start) for start in starts]

    def _predict(self, data: NDArray[np.uint8], position: int) -> NDArray[np.int64]:
        pattern = np.frombuffer(self._pattern, dtype=np.uint8)
        size = SIZES[pattern]
        ends = np.cumsum(size)
        period = int(ends[-1])
        repeats = (len(data) - position) // period + 1
        starts = np.arange(repeats)[:, None] * period + (position + ends - size)
        whole = int(np.searchsorted((starts + size).ravel(), len(data), side="right"))
        offsets: NDArray[np.int64] = starts.ravel()[:whole]
        differs = (data[offsets] & LAYOUT) != np.tile(pattern, repeats)[:whole]
        count = int(differs.argmax()) if differs.any() else whole
        phase = count % len(pattern)
        self._pattern = self._pattern[phase:] + self._pattern[:phase]
        if count < whole:
            # A time stamp out of turn tells of a hole since the last one, any other block of one
            # since the last IMU block.
            other = int(data[offsets[count]]) ^ self._pattern[0]
            self._unsure = UNSURE_RECORDS + 1 if other & LAYOUT & ~TIME else len(pattern)
            self._expected, self._pattern, self._broken = self._pattern, b"", True
        return offsets[:count]

    def _find_phase(self, data: NDArray[np.uint8], position: int, *, at_end: bool) -> str:
        """Go on with the pattern from another phase; tell "more", "end", "odd" or "damaged".

        "odd": only the record at ``position`` differs, as a rare time stamp makes one differ.
        """
        if len(data) - position < RESUME_BYTES and not at_end:
            return "end"
        chain, ended = self._follow(data, position)
        phase = self._phase(chain) if ended != "illegal" else None
        if phase is None and self._is_odd_record(data, position):
            self._admit(int(data[position]))
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
        behind = position + int(SIZES[kind])
        if kind & RESERVED or not kind & ~BUTTON or behind > len(data):
            return False
        chain, ended = self._follow(data, behind)
        repeated = self._expected * (2 + CHAIN_RECORDS // len(self._expected))
        return ended != "illegal" and len(chain) > 0 and repeated.startswith(chain, 1)

    def _is_new_pattern(self, data: NDArray[np.uint8], position: int) -> bool:
        """Tell whether sound records go on here, and the old pattern does not soon after."""
        if self._chain(data[position : position + RESUME_BYTES].tobytes(), 0) == "damaged":
            return False
        near = data[position : position + RESUME_BYTES]
        for candidate in self._candidates(near, 0, len(near)):
            chain, ended = self._follow(near, candidate)
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

    def _follow(self, data: NDArray[np.uint8], position: int) -> tuple[bytes, str]:
        """Follow a chain of known records; tell if it is whole or ended by buffer or by damage."""
        kinds = bytearray()
        while len(kinds) < CHAIN_RECORDS:
            if position >= len(data):
                return bytes(kinds), "buffer"
            kind = int(data[position])
            if not self._sizes[kind]:
                return bytes(kinds), "illegal"
            position += self._sizes[kind]
            if position > len(data):
                return bytes(kinds), "buffer"
            kinds.append(kind & LAYOUT)
        return bytes(kinds), "whole"

    def _walk(
        self, data: NDArray[np.uint8], position: int, *, at_end: bool
    ) -> tuple[NDArray[np.int64], str]:
        """Follow records one by one until there are enough to learn their pattern.

        Returns
        -------
        offsets : ndarray of int64
        state : str
            "more", "end" (of the buffer) or "damaged".
        """
        wanted = WALK_RECORDS - len(self._walked)
        content = data[position : position + wanted * LONGEST_RECORD].tobytes()
        sizes, at, length = self._sizes, 0, len(content)
        offsets: list[int] = []
        state = "more"
        while len(offsets) < wanted:
            if at >= length:
                state = "end"
                break
            size = sizes[content[at]]
            if not size:
                state = self._chain(content, at)
                if state == "damaged" or (state == "end" and not at_end):
                    break
                self._admit(content[at])
                state = "more"
                continue
            if at + size > length:
                state = "end"
                break
            offsets.append(position + at)
            at += size
        found = np.array(offsets, dtype=np.int64)
        self._walked += (data[found] & LAYOUT).tobytes()
        if len(self._walked) == WALK_RECORDS:
            self._learn(bytes(self._walked))
            self._walked.clear()
        return found, state

    def _chain(self, content: bytes, position: int) -> str:
        """Tell whether a chain of possible records starts here: "sound", "end" or "damaged"."""
        for _ in range(CHAIN_RECORDS):
            if position >= len(content):
                return "end"
            kind = content[position]
            if kind & RESERVED or not kind & ~BUTTON:
                return "damaged"
            position += int(SIZES[kind])
        return "sound"

    def _admit(self, kind: int) -> None:
        for variant in (kind & LAYOUT, kind | BUTTON):
            self._sizes[variant] = int(SIZES[variant])

    def _learn(self, layout: bytes) -> None:
        """Take the shortest period of the descriptors that just went by as the pattern."""
        period = layout.find(layout[: len(layout) // 2], 1)
        if period > 0:
            phase = len(layout) % period
            self._period = layout[:period]
            self._pattern = self._period[phase:] + self._period[:phase]


@dataclass(frozen=True)
class _Stretch:
    """Consecutive records and the counted tick of their first."""

    first: int
    past: int
    tick: int


class _Records(Protocol):
    """Answers what the timeline asks about records that are held."""

    def likeliest_hole(self, first: int, last: int) -> int:
        """Return the record after ``first``, up to ``last``, that likeliest follows a hole."""
        ...

    def expected(self, record: int) -> float:
        """Return how many records the file holds in all, by the bytes up to this one."""
        ...

    def period(self) -> int:
        """Return after how many records their kinds repeat; 0: unknown."""
        ...

    def samples(self, record: int) -> bytes:
        """Return the start of a record, by which it is known again."""
        ...


class _Timeline:
    """Counts records, and more where the time stamps show that some are missing.

    A record counts one tick. Records carry numbers from the start of the file on, so that what is
    decided depends on them alone and not on how many are at hand. A stamp that disagrees with the
    one before is believed once the next one agrees with it.
    """

    def __init__(self, start: datetime, length_ticks: int) -> None:
        self.first = 0  # number of the first record that was neither placed nor dropped,
        self.next_tick = 0  # and its tick
        self.gaps: list[Gap] = []  # counted ticks
        self.steps: list[tuple[int, int]] = []  # counted tick, ticks by which the clock was set
        self.notices: list[Notice] = []
        self.settled: list[tuple[int, float]] = []  # stamps: counted tick, tick that they say
        self.stamps = 0
        self._start_ms = round(start.timestamp() * 1000)
        self._length = length_ticks  # as the header says; 0: it does not
        self._waiting: deque[tuple[int, float]] = deque()  # stamps: record, tick that it says
        self._breaks: list[_Break] = []
        self._stamp = -1  # record of the last stamp that was settled
        self._mark: tuple[int, float] | None = None  # its counted tick, and what it says
        self._rates: deque[float] = deque(maxlen=RATE_STAMPS)  # ticks a record, by stamps
        self._rate = 1.0  # of them
        self._spread = 0.0
        self._primed = False
        self._seen: dict[float, bytes] = {}  # records by their stamp, to know repeats
        self._set = 0.0  # ticks by which the clock was set so far
        self._damage = -1  # record behind the last damage, until a stamp settles its time
        self._slack = 0  # ticks by which the gap before it may still shrink

    def ticks(self, milliseconds: NDArray[np.int64]) -> NDArray[np.float64]:
        """Turn stored times into ticks from the start of the recording."""
        ticks = (milliseconds - self._start_ms) * (TICKS_PER_SECOND / 1000)
        return np.asarray(ticks, dtype=np.float64)

    def open_gap(self, ticks: int, reason: str) -> None:
        """Leave out time before the next record; its time stamp will correct how much."""
        self.gaps.append(_gap(self.next_tick, self.next_tick + ticks, reason))
        self.next_tick += ticks
        self._slack, self._damage = ticks, self.first
        self._breaks = [_Break(self.first, self.first)]

    def place(
        self,
        past: int,
        stamps: list[tuple[int, float]],
        breaks: list[_Break],
        records: _Records,
        *,
        final: bool,
    ) -> list[_Stretch]:
        """Place records as far as the time stamps can tell.

        Parameters
        ----------
        past : int
            Number of the record behind the last one that is known.
        stamps : list of (record, tick)
            New time stamps.
        breaks : list of _Break
            New breaks of the pattern.
        records : _Records
        final : bool
            No record follows directly: place all.
        """
        self._waiting.extend(stamps)
        self._breaks += breaks
        self._drop_repeated_stamps()
        placed: list[_Stretch] = []
        if not self._primed and not self._prime(past, final=final):
            return placed
        while self._waiting:
            record, time = self._waiting[0]
            following = self._waiting[1] if len(self._waiting) > 1 else None
            limit = self._stamp + MOST_HELD_RECORDS
            if following is not None and following[0] > limit:
                following = None
            jump = self._jump(record, time)
            if jump and following is None and not final and past <= limit:
                break
            if jump and not self._agrees(record, time, following):
                self._waiting.popleft()
                continue
            if jump:
                placed += self._leap(record, time, jump, records)
            self._settle(record, time, records)
            self._drop_repeated_stamps()
        placed += self._release(past, final=final)
        self._check_length()
        return placed

    def _learn_rate(self, rate: float) -> None:
        """Take what two stamps say a record lasts; the median rules, and only where it is sure."""
        self._rates.append(rate)
        if len(self._rates) < 2 or (self._primed and self.stamps % PRIMING_STAMPS):
            return
        middle = statistics.median(self._rates)
        self._spread = statistics.median(abs(rate - middle) for rate in self._rates)
        error = 1.2533 * 1.4826 * self._spread / math.sqrt(len(self._rates))  # of a median
        off = abs(middle - 1)
        self._rate = middle if max(4 * error, 1e-4) < off < WORST_RATE else 1.0

    def _prime(self, past: int, *, final: bool) -> bool:
        """Learn the rate from the first stamps, before any of them is judged by it."""
        early = [stamp for stamp in self._waiting if stamp[0] < self.first + MOST_HELD_RECORDS]
        enough = len(early) >= PRIMING_STAMPS or past - self.first >= MOST_HELD_RECORDS
        if not (enough or final):
            return False
        early = early[:PRIMING_STAMPS]
        for one, other in itertools.pairwise(early):
            self._learn_rate((other[1] - one[1]) / (other[0] - one[0]))
        self._primed = enough
        return True

    def _counted(self, record: int) -> int:
        return self.next_tick + record - self.first

    def _jump(self, record: int, time: float) -> int:
        """Return by how many ticks a stamp is off what is expected; 0: it only jitters."""
        counted, time = self._counted(record), time - self._set
        if self._mark is None:
            jump = time - counted * self._rate
        else:
            jump = time - self._mark[1] - (counted - self._mark[0]) * self._rate
        least = HOLE_TICKS_AT_BREAK if self._broken(record) else HOLE_TICKS
        return round(jump) if abs(jump) >= least else 0

    def _broken(self, record: int) -> list[_Break]:
        return [b for b in self._breaks if self._stamp < b.record <= record]

    def _agrees(self, record: int, time: float, following: tuple[int, float] | None) -> bool:
        if following is None:
            return bool(self._broken(record))
        off = following[1] - time - (following[0] - record) * self._rate
        return abs(off) < HOLE_TICKS

    def _drop_repeated_stamps(self) -> None:
        while self._waiting and self._waiting[0][0] < max(self.first, self._stamp + 1):
            self._waiting.popleft()

    def _settle(self, record: int, time: float, records: _Records) -> None:
        """Take a stamp as right; the one of a record that was dropped says nothing."""
        self._breaks = [b for b in self._breaks if b.record > record]
        self._slack, self._damage = 0, -1
        self._stamp = record
        if record < self.first:
            return
        self._seen[time] = records.samples(record)
        counted, time = self._counted(record), time - self._set
        if self._mark is not None and counted > self._mark[0]:
            self._learn_rate((time - self._mark[1]) / (counted - self._mark[0]))
        self._mark = counted, time
        self.settled.append(self._mark)
        self.stamps += 1

    def _leap(self, record: int, time: float, jump: int, records: _Records) -> list[_Stretch]:
        """Take a jump of the clock as missing records, or as a step of the clock."""
        broken = self._broken(record)
        where = broken[0] if broken else _Break(self._stamp + 1, record)
        at = max(where.record, self.first)
        if self._mark is None and not broken:
            at = self.first  # what is missing is missing before the first record
        elif at > self.first:
            at = records.likeliest_hole(max(where.earliest, self._stamp + 1, self.first), at)
        repaired = at == self._damage
        missing = round(jump / self._rate)
        if repaired and -self._slack <= missing <= 0:
            return self._shift(at, missing, repaired=True)
        again = self._seen.get(time) == records.samples(record)
        if jump < 0 and (broken or again):
            return self._drop(at, -missing)
        reason = self._no_hole(record, jump, broken, records)
        if reason:
            self._note_step(record, jump, reason)
            return []
        return self._shift(at, missing, repaired=repaired)

    def _no_hole(
        self, record: int, jump: int, broken: list[_Break], records: _Records
    ) -> str | None:
        """Tell why a jump of the clock cannot be missing records; None: it can."""
        if jump < 0:
            return "time cannot go back"
        held = records.expected(record)
        longest = max(LONGEST_PAUSE, PAUSE_SHARE * held)
        if self.next_tick + jump > LONGEST_RECORDING_SECONDS * TICKS_PER_SECOND or jump > longest:
            return "the file holds too little for so long a pause"
        if broken:
            return None
        known = held + sum(gap.end_seconds - gap.start_seconds for gap in self.gaps) * (
            TICKS_PER_SECOND
        )
        if self._length and self._length / self._rate - known < jump / 2:
            return "the header leaves no room for missing records"
        if self._mark is None:
            return None
        period = records.period()
        off = abs(jump / self._rate - period * round(jump / self._rate / max(period, 1)))
        if period >= 4 * MULTIPLE_TICKS and off > max(MULTIPLE_TICKS, 6 * self._jitter()):
            return "the records go on as if none was missing"
        return None

    def _jitter(self) -> float:
        """Return how far the stamps scatter, in ticks."""
        if self._mark is None or not self.stamps:
            return 0.0
        return self._spread * self._mark[0] / self.stamps

    def _note_step(self, record: int, jump: int, reason: str) -> None:
        counted = self._counted(record)
        self._set += jump
        self.steps.append((counted, jump))
        self.notices.append(
            Notice(
                NoticeCode.CLOCK_SET,
                f"the time stamps jump by {jump / TICKS_PER_SECOND:.1f} s about "
                f"{counted / TICKS_PER_SECOND:.0f} s after the start, and {reason}: "
                "the clock was set; the records were counted instead",
            )
        )

    def _shift(self, at: int, missing: int, *, repaired: bool) -> list[_Stretch]:
        """Leave out ``missing`` ticks before record ``at``."""
        stretch = self._take(at)
        if repaired:
            gap = self.gaps.pop()
            start = round(gap.start_seconds * TICKS_PER_SECOND)
            self.gaps.append(_gap(start, self.next_tick + missing, gap.reason))
        else:
            reason = "the time stamps jump: records are missing"
            self.gaps.append(_gap(self.next_tick, self.next_tick + missing, reason))
        self.next_tick += missing
        return stretch

    def _drop(self, at: int, count: int) -> list[_Stretch]:
        """Leave out records that the file holds twice; some of them may be still to come."""
        placed = self._take(at)
        self.notices.append(
            Notice(
                NoticeCode.REPEATED,
                f"{count} records about {self.next_tick / TICKS_PER_SECOND:.0f} s after the start "
                "are stored again; the repeats were dropped",
            )
        )
        self.first = at + count
        return placed

    def _take(self, past: int) -> list[_Stretch]:
        """Place the records before ``past``."""
        if past <= self.first:
            return []
        stretch = _Stretch(self.first, past, self.next_tick)
        self.next_tick += past - self.first
        self.first = past
        return [stretch]

    def _release(self, past: int, *, final: bool) -> list[_Stretch]:
        """Place what no stamp to come can move any more."""
        if final:
            return self._take(past)
        unsettled = max(past - self._stamp - 1, 0)
        return self._take(self._stamp + 1 + unsettled // MOST_HELD_RECORDS * MOST_HELD_RECORDS)

    def _check_length(self) -> None:
        if self.next_tick > LONGEST_RECORDING_SECONDS * TICKS_PER_SECOND:
            raise RecordingError(
                f"the recording is longer than {LONGEST_RECORDING_SECONDS // 3600} hours; "
                "split it into shorter ones",
                code="recording_too_long",
            )


def _gap(start: int, end: int, reason: str) -> Gap:
    return Gap(start / TICKS_PER_SECOND, end / TICKS_PER_SECOND, reason)


def _gather(
    data: NDArray[np.uint8], positions: NDArray[np.int64], width: int, dtype: str
) -> NDArray[Any]:
    """Copy ``width`` bytes from each position; shape (n, width / item size)."""
    if not len(positions):
        return np.zeros((0, width // np.dtype(dtype).itemsize), dtype=dtype)
    windows = np.ndarray((len(data) - width + 1,), dtype=f"V{width}", buffer=data, strides=(1,))
    return windows[positions].view(dtype).reshape(len(positions), -1)


def _time_stamps(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], kinds: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Read the time stamps, the last block of their records; ms, shape (n,)."""
    if not len(offsets):
        return np.zeros(0, dtype=np.int64)
    words = _gather(data, offsets + SIZES[kinds] - 6, 6, "<u2").astype(np.int64)
    seconds: NDArray[np.int64] = words[:, 0] + (words[:, 1] << 16)
    return seconds * 1000 + words[:, 2]


class _Held:
    """Records that are in the buffer, by their numbers in the file."""

    def __init__(
        self,
        data: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        number: int,
        origin: int,
        size: int,
        period: int,
    ) -> None:
        self._data, self._offsets, self._number = data, offsets, number
        self._origin, self._size, self._period = origin, size, period

    def likeliest_hole(self, first: int, last: int) -> int:
        """Return the record, after ``first`` and up to ``last``, where the signals jump most."""
        near = self._offsets[first - self._number : last + 1 - self._number]
        if len(near) < 3 or not (self._data[near] & PIEZO).all():
            return last
        values = _gather(self._data, near + 1, 8, "<u2").astype(np.int64)
        steps = np.abs(np.diff(values, axis=0))
        usual = np.median(steps, axis=0) + 1
        return first + 1 + int((steps / usual).sum(axis=1).argmax())

    def expected(self, record: int) -> float:
        """Return how many records the file holds in all, by the bytes up to this one."""
        before = self._origin + int(self._offsets[record - self._number]) - HEADER_BYTES
        if not before:
            return (self._size - HEADER_BYTES) / LONGEST_RECORD
        return (self._size - HEADER_BYTES) * record / before

    def period(self) -> int:
        """Return after how many records their kinds repeat; 0: unknown."""
        return self._period

    def samples(self, record: int) -> bytes:
        """Return the start of a record, by which it is known again."""
        at = int(self._offsets[record - self._number])
        return self._data[at : at + SAMPLE_BYTES].tobytes()


def _chunk(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], kinds: NDArray[np.uint8], tick: int
) -> Chunk:
    """Copy the samples of consecutive records out of the buffer."""
    count = len(offsets)
    blocks = kinds & (PIEZO | ACCELEROMETER)
    with_imu = np.flatnonzero(kinds & IMU)
    before_imu = SIZES[kinds[with_imu] & (PIEZO | ACCELEROMETER)]
    piezo_ticks: NDArray[np.int64] | None = None
    accelerometer_ticks: NDArray[np.int64] | None = None
    if (blocks == PIEZO | ACCELEROMETER).all():
        both = _gather(data, offsets + 1, 20, "<u2")
        piezo, accelerometer = both[:, :4], both[:, 4:]
    else:
        having = np.flatnonzero(blocks & PIEZO)
        piezo = _gather(data, offsets[having] + 1, 8, "<u2")
        piezo_ticks = having + tick if len(having) < count else None
        having = np.flatnonzero(blocks & ACCELEROMETER)
        before = SIZES[blocks[having] & PIEZO]
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
        presses=from_mask((kinds & BUTTON) > 0) + tick,
        piezo_ticks=piezo_ticks,
    )


class V1Reader:
    """Reads a v1 file once, in chunks.

    Damage is stepped over: reading goes on at the next chain of sound records. The time stamps in
    the records tell how much time a hole took. What is missing is in ``gaps`` and ``notices``.

    Parameters
    ----------
    path : Path
    chunk_bytes : int
        How much of the file is held at a time; the result does not depend on it.

    Raises
    ------
    RecordingError
        If the header is not that of a v1 recording, or no record follows it.
    """

    def __init__(self, path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.size = path.stat().st_size
        with path.open("rb") as file:
            self.header = parse_header(file.read(HEADER_BYTES))
        self.gaps: list[Gap] = []
        self.notices: list[Notice] = []
        self.clock = Clock(0, False, None, 0.0)
        self.bytes_read = 0
        self._path = path
        self._chunk_bytes = max(chunk_bytes, RESUME_BYTES)
        self._finder = _RecordFinder()
        self._seconds = (self.header.end - self.header.start).total_seconds()
        self._timeline = _Timeline(
            self.header.start, max(round(self._seconds * TICKS_PER_SECOND), 0)
        )
        self._timebase = Timebase()
        self._held: NDArray[np.int64] = np.zeros(0, dtype=np.int64)  # records not yet emitted
        self._number = 0  # in the file, of the first of them
        self._known = 0  # how many of them the timeline knows
        self._slot = -1  # of the last time stamp
        self._breaks: list[_Break] = []  # that it does not know
        self._record_bytes = self._records = 0  # for the mean length of a record
        self._dropped = 0  # records before the last damage
        self._damages: list[tuple[int, int]] = []  # bytes

    def chunks(self) -> Iterator[Chunk]:
        """Yield the samples in order of time."""
        if self.size == HEADER_BYTES:
            raise RecordingError(
                f"the file ends after the v1 header (byte {HEADER_BYTES}) and holds no samples; "
                "transfer the recording again",
                code="recording_without_data",
            )
        with self._path.open("rb") as file:
            file.seek(HEADER_BYTES)
            for chunk in self._read(file):
                yield from self._timebase.push(chunk, *self._settled(chunk))
        yield from self._timebase.finish()
        self._summarise()

    def _settled(self, chunk: Chunk) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Take the settled time stamps up to the end of a chunk."""
        end = chunk.start_tick + chunk.length
        stamps = self._timeline.settled
        count = bisect.bisect_left(stamps, (end, -math.inf))
        taken, stamps[:count] = stamps[:count], []
        return (
            np.array([tick for tick, _ in taken], dtype=np.int64),
            np.array([time for _, time in taken], dtype=np.float64),
        )

    def _summarise(self) -> None:
        timeline, base = self._timeline, self._timebase
        self.gaps += base.moved(g for g in timeline.gaps if g.end_seconds > g.start_seconds)
        self.clock = base.clock(timeline.steps)
        self.notices += timeline.notices + clock_notices(self.clock, self.header.piezo_rate)
        if self._damages:
            lost = sum(past - first for first, past in self._damages)
            self.notices.append(
                Notice(
                    NoticeCode.DAMAGED,
                    f"{lost} bytes in {len(self._damages)} places, the first at byte "
                    f"{self._damages[0][0]}, are not records and were stepped over",
                )
            )
        length = int(base.ticks(timeline.next_tick)) / TICKS_PER_SECOND
        if timeline.stamps < 2 and length > FEW_STAMPS_SECONDS:
            self.notices.append(
                Notice(
                    NoticeCode.CLOCK_UNUSABLE,
                    "the records carry no usable time stamps: times count the records, "
                    "1024 a second",
                )
            )
        if abs(self._seconds - length) > 1:
            self.notices.append(
                Notice(
                    NoticeCode.HEADER,
                    f"the header says {self._seconds:.1f} s, the records last {length:.1f} s; "
                    "the records were analysed",
                )
            )

    def _read(self, file: BufferedReader) -> Iterator[Chunk]:
        data = np.zeros(0, dtype=np.uint8)
        origin = HEADER_BYTES  # of data[0] in the file
        position = 0  # in data: where the next record is looked for
        damage: int | None = None  # in the file: end of the last sound record before damage
        at_end = False
        while not at_end:
            data = np.concatenate((data, np.empty(self._chunk_bytes, dtype=np.uint8)))
            kept = len(data) - self._chunk_bytes
            fresh = file.readinto(data[kept:].data)
            at_end = fresh < self._chunk_bytes
            data = data[: kept + fresh]
            self.bytes_read = origin + len(data)
            while True:
                if damage is not None:
                    start = self._finder.resynchronise(data, position, at_end=at_end)
                    if start is None:
                        keep = 0 if at_end else CHAIN_RECORDS * LONGEST_RECORD
                        position = max(len(data) - keep, position)
                        break
                    self._step_over(damage, origin + start)
                    position, damage = start, None
                found = self._finder.find(data[position:], at_end=at_end)
                final = found.damaged or at_end
                yield from self._emit(data, position, found, origin, final=final)
                position += found.stop
                if not found.damaged:
                    break
                if not self._records:
                    raise RecordingError(
                        f"no v1 record starts at byte {HEADER_BYTES}; "
                        "give a recording of a FeMo belt",
                        code="not_a_recording",
                    )
                damage = origin + position
                position += 1
            if not at_end:
                first = int(self._held[0]) if len(self._held) else position
                data = data[first:].copy()
                self._held = self._held - first
                origin += first
                position -= first
        self._notice_end(damage, origin + position, origin + len(data))

    def _notice_end(self, damage: int | None, end_of_records: int, end_of_file: int) -> None:
        if damage is not None:
            self.notices.append(
                Notice(
                    NoticeCode.DAMAGED,
                    f"from byte {damage} on the file holds no records; what is before was analysed",
                )
            )
        elif end_of_records < end_of_file:
            self.notices.append(
                Notice(
                    NoticeCode.CUT_OFF,
                    f"the file ends inside the record at byte {end_of_records}; "
                    "the last whole record before it is the last one used",
                )
            )

    def _step_over(self, damage: int, resumed: int) -> None:
        """Put a gap where the file was damaged, at first as long as its bytes suggest."""
        lost = self._dropped + round((resumed - damage) * self._records / self._record_bytes)
        self._timeline.open_gap(lost, f"bytes {damage} to {resumed - 1} are damaged")
        self._damages.append((damage, resumed))

    def _emit(
        self,
        data: NDArray[np.uint8],
        position: int,
        found: _Found,
        origin: int,
        *,
        final: bool,
    ) -> Iterator[Chunk]:
        """Yield what can be placed in time, and hold the rest until the next time stamp."""
        records = np.concatenate((self._held, found.offsets + position))
        self._breaks += [b.shifted(self._number + len(self._held)) for b in found.breaks]
        self._records += len(found.offsets)
        self._record_bytes += found.stop
        if found.damaged:
            self._dropped = min(UNSURE_RECORDS, len(records) - self._known)
            records = records[: len(records) - self._dropped]
        past = len(records) if final else max(len(records) - UNSURE_RECORDS, self._known)
        kinds = data[records]
        stamped = self._known + np.flatnonzero(kinds[self._known : past] & TIME)
        slots = (stamped + self._number) // STAMP_RECORDS
        stamped = stamped[np.diff(slots, prepend=self._slot) > 0]
        self._slot = int(slots[-1]) if len(slots) else self._slot
        times = self._timeline.ticks(_time_stamps(data, records[stamped], kinds[stamped]))
        known = [b for b in self._breaks if b.record < self._number + past]
        self._breaks = [] if final else self._breaks[len(known) :]
        stretches = self._timeline.place(
            self._number + past,
            list(zip((stamped + self._number).tolist(), times.tolist(), strict=True)),
            known,
            _Held(data, records, self._number, origin, self.size, self._finder.period),
            final=final,
        )
        start = self._number
        placed = min(self._timeline.first - start, past)
        self._held, self._number = records[placed:], start + placed
        self._known = past - placed
        for stretch in stretches:
            part = slice(stretch.first - start, stretch.past - start)
            yield _chunk(data, records[part], kinds[part], stretch.tick)
