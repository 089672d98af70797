"""Gives v1 records their places in time: counts them, and what the time stamps show as missing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import RecordingError
from femo_signal.formats.chunk import LONGEST_RECORDING_SECONDS
from femo_signal.formats.v1.finding import PatternBreak
from femo_signal.formats.v1.held import HeldRecords
from femo_signal.formats.v1.stamp_rate import PRIMING_STAMPS, StampRate
from femo_signal.notices import Notice, NoticeCode
from femo_signal.recording import Gap
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["Stretch", "Timeline"]

MOST_HELD_RECORDS = 1 << 17  # while waiting for a time stamp
HOLE_TICKS = TICKS_PER_SECOND // 2  # a clock that jumps by less only jitters,
HOLE_TICKS_AT_BREAK = 10  # unless the pattern of the records broke since the last time stamp
MULTIPLE_TICKS = 16  # how far missing records may seem to be from whole periods of their kinds
LONGEST_PAUSE = 3600 * TICKS_PER_SECOND  # that any file may claim,
PAUSE_SHARE = 24  # or this many times what it holds

Stamp = tuple[int, float]  # record, tick that it says


@dataclass(frozen=True)
class Stretch:
    """Consecutive records and the counted tick of their first."""

    first: int
    past: int
    tick: int


class Timeline:
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
        self.stamps = 0  # that were settled
        self._start_ms = round(start.timestamp() * 1000)
        self._header_ticks = length_ticks  # 0: the header does not tell
        self._waiting: deque[Stamp] = deque()
        self._breaks: list[PatternBreak] = []
        self._last_stamped = -1  # record of the last stamp that was settled
        self._last_stamp: tuple[int, float] | None = None  # its counted tick, and what it says
        self._rate = StampRate()
        self._starts: dict[float, bytes] = {}  # of records by their stamp, to know repeats
        self._dropped = 0  # records that the file holds twice
        self._clock_set = 0.0  # ticks by which the clock was set so far
        self._behind_damage = -1  # record behind the last damage, until a stamp settles its time
        self._gap_may_shrink = 0  # ticks by which the gap before it is too long at most

    def ticks(self, milliseconds: NDArray[np.int64]) -> NDArray[np.float64]:
        """Turn stored times into ticks from the start of the recording."""
        ticks = (milliseconds - self._start_ms) * (TICKS_PER_SECOND / 1000)
        return np.asarray(ticks, dtype=np.float64)

    def open_gap(self, ticks: int, reason: str) -> None:
        """Leave out time before the next record; its time stamp will correct how much."""
        self.gaps.append(_gap(self.next_tick, self.next_tick + ticks, reason))
        self.next_tick += ticks
        self._gap_may_shrink, self._behind_damage = ticks, self.first
        self._breaks = [PatternBreak(self.first, self.first)]

    def place(
        self,
        past: int,
        stamps: list[Stamp],
        breaks: list[PatternBreak],
        records: HeldRecords,
        *,
        final: bool,
    ) -> list[Stretch]:
        """Place records as far as the time stamps can tell.

        Parameters
        ----------
        past : int
            Number of the record behind the last one that is known.
        stamps, breaks : list
            What is new of them.
        records : HeldRecords
        final : bool
            No record follows directly: place all.
        """
        self._waiting.extend(stamps)
        self._breaks += breaks
        self._drop_repeated_stamps()
        if not self._rate.primed and not self._prime(past, final=final):
            return []
        placed: list[Stretch] = []
        while self._waiting:
            stretches = self._place_to_next_stamp(past, records, final=final)
            if stretches is None:
                break
            placed += stretches
        placed += self._release(past, final=final)
        self._check_length()
        return placed

    def _place_to_next_stamp(
        self, past: int, records: HeldRecords, *, final: bool
    ) -> list[Stretch] | None:
        """Judge the stamp that is next; None: only one to come can tell what it means."""
        record, time = self._waiting[0]
        following = self._waiting[1] if len(self._waiting) > 1 else None
        limit = self._last_stamped + MOST_HELD_RECORDS
        if following is not None and following[0] > limit:
            following = None
        jump = self._jump(record, time)
        if jump and following is None and not final and past <= limit:
            return None
        if jump and not self._agrees(record, time, following):
            self._waiting.popleft()
            return []
        placed = self._leap(record, time, jump, records) if jump else []
        self._settle(record, time, records)
        self._drop_repeated_stamps()
        return placed

    def _prime(self, past: int, *, final: bool) -> bool:
        """Learn the rate from the first stamps, if there are enough or no more to come."""
        early = [stamp for stamp in self._waiting if stamp[0] < self.first + MOST_HELD_RECORDS]
        enough = len(early) >= PRIMING_STAMPS or past - self.first >= MOST_HELD_RECORDS
        if not (enough or final):
            return False
        self._rate.prime(early, enough=enough)
        return True

    def _counted(self, record: int) -> int:
        return self.next_tick + record - self.first

    def _jump(self, record: int, time: float) -> int:
        """Return by how many ticks a stamp is off what is expected; 0: it only jitters."""
        counted, time = self._counted(record), time - self._clock_set
        before = (0, 0.0) if self._last_stamp is None else self._last_stamp
        jump = time - before[1] - (counted - before[0]) * self._rate.ticks_per_record
        least = HOLE_TICKS_AT_BREAK if self._breaks_before(record) else HOLE_TICKS
        return round(jump) if abs(jump) >= least else 0

    def _breaks_before(self, record: int) -> list[PatternBreak]:
        """Return the breaks of the pattern since the last stamp."""
        return [b for b in self._breaks if self._last_stamped < b.record <= record]

    def _agrees(self, record: int, time: float, following: Stamp | None) -> bool:
        if following is None:
            return bool(self._breaks_before(record))
        off = following[1] - time - (following[0] - record) * self._rate.ticks_per_record
        return abs(off) < HOLE_TICKS

    def _drop_repeated_stamps(self) -> None:
        while self._waiting and self._waiting[0][0] < max(self.first, self._last_stamped + 1):
            self._waiting.popleft()

    def _settle(self, record: int, time: float, records: HeldRecords) -> None:
        """Take a stamp as right; the one of a record that was dropped says nothing."""
        if self._breaks:
            self._breaks = [b for b in self._breaks if b.record > record]
        self._gap_may_shrink, self._behind_damage = 0, -1
        self._last_stamped = record
        if record < self.first:
            return
        self._starts[time] = records.samples(record)
        counted, time = self._counted(record), time - self._clock_set
        before = self._last_stamp
        if before is not None and counted > before[0]:
            rate = (time - before[1]) / (counted - before[0])
            self._rate.learn(rate, stamps=self.stamps)
        self._last_stamp = counted, time
        self.settled.append(self._last_stamp)
        self.stamps += 1

    def _leap(self, record: int, time: float, jump: int, records: HeldRecords) -> list[Stretch]:
        """Take a jump of the clock as missing records, or as a step of the clock."""
        broken = self._breaks_before(record)
        where = broken[0] if broken else PatternBreak(self._last_stamped + 1, record)
        at = max(where.record, self.first)
        if self._last_stamp is None and not broken:
            at = self.first  # what is missing is missing before the first record
        elif at > self.first:
            first = max(where.earliest, self._last_stamped + 1, self.first)
            at = records.likeliest_hole(first, at)
        repaired = at == self._behind_damage
        missing = round(jump / self._rate.ticks_per_record)
        if repaired and -self._gap_may_shrink <= missing <= 0:
            return self._shift(at, missing, repaired=True)
        again = self._starts.get(time) == records.samples(record)
        if jump < 0 and (broken or again):
            return self._drop(at, -missing)
        reason = self._why_no_hole(record, jump, broken, records)
        if reason:
            self._note_step(record, jump, reason)
            return []
        return self._shift(at, missing, repaired=repaired)

    def _why_no_hole(
        self, record: int, jump: int, broken: list[PatternBreak], records: HeldRecords
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
        gap_seconds = sum(gap.end_seconds - gap.start_seconds for gap in self.gaps)
        known = held - self._dropped + gap_seconds * TICKS_PER_SECOND
        rate = self._rate.ticks_per_record
        if self._header_ticks and self._header_ticks / rate - known < jump / 2:
            return "the header leaves no room for missing records"
        if self._last_stamp is None:
            return None
        off = abs(jump / rate - records.period * round(jump / rate / max(records.period, 1)))
        jitter = self._rate.spread * self._last_stamp[0] / self.stamps if self.stamps else 0.0
        if records.period >= 4 * MULTIPLE_TICKS and off > max(MULTIPLE_TICKS, 6 * jitter):
            return "the records go on as if none was missing"
        return None

    def _note_step(self, record: int, jump: int, reason: str) -> None:
        counted = self._counted(record)
        self._clock_set += jump
        self.steps.append((counted, jump))
        self.notices.append(
            Notice(
                NoticeCode.CLOCK_SET,
                f"the time stamps jump by {jump / TICKS_PER_SECOND:.1f} s about "
                f"{counted / TICKS_PER_SECOND:.0f} s after the start, and {reason}: "
                "the clock was set; the records were counted instead",
            )
        )

    def _shift(self, at: int, missing: int, *, repaired: bool) -> list[Stretch]:
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

    def _drop(self, at: int, count: int) -> list[Stretch]:
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
        self._dropped += count
        return placed

    def _take(self, past: int) -> list[Stretch]:
        """Place the records before ``past``."""
        if past <= self.first:
            return []
        stretch = Stretch(self.first, past, self.next_tick)
        self.next_tick += past - self.first
        self.first = past
        return [stretch]

    def _release(self, past: int, *, final: bool) -> list[Stretch]:
        """Place what no stamp to come can move any more."""
        if final:
            return self._take(past)
        unsettled = max(past - self._last_stamped - 1, 0)
        settled = self._last_stamped + 1
        return self._take(settled + unsettled // MOST_HELD_RECORDS * MOST_HELD_RECORDS)

    def _check_length(self) -> None:
        if self.next_tick > LONGEST_RECORDING_SECONDS * TICKS_PER_SECOND:
            raise RecordingError(
                f"the recording is longer than {LONGEST_RECORDING_SECONDS // 3600} hours; "
                "split it into shorter ones",
                code="recording_too_long",
            )


def _gap(start: int, end: int, reason: str) -> Gap:
    return Gap(start / TICKS_PER_SECOND, end / TICKS_PER_SECOND, reason)
