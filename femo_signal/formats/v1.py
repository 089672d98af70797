"""Reads v1 recordings: one record per sample instant, each announced by a descriptor byte."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Any

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
from femo_signal.intervals import from_mask
from femo_signal.recording import Gap
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
        if self._is_odd_record(data, position):
            self._admit(int(data[position]))
            self._broken, self._pattern = False, self._expected[1:] + self._expected[:1]
            return "odd"
        chain, ended = self._follow(data, position)
        phase = self._phase(chain) if ended != "illegal" else None
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


class _Timeline:
    """Places records in time: one tick each, and more where the time stamps show a hole."""

    def __init__(self, start: datetime) -> None:
        self.next_tick = 0
        self.gaps: list[Gap] = []
        self.notices: list[str] = []
        self._start_ms = round(start.timestamp() * 1000)
        self._clock: int | None = None  # time stamp less tick, at the last time stamp
        self._breaks: list[_Break] = []  # among the records not yet placed
        self._slack = 0  # ticks by which the gap before the next record may still shrink
        self._damaged = False  # that gap is there

    def ticks(self, milliseconds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Turn stored times into ticks from the start of the recording."""
        ticks = np.rint((milliseconds - self._start_ms) * (TICKS_PER_SECOND / 1000))
        return np.asarray(ticks, dtype=np.int64)

    def open_gap(self, ticks: int, reason: str) -> None:
        """Leave out time before the next record; its time stamp will correct how much."""
        self.gaps.append(_gap(self.next_tick, self.next_tick + ticks, reason))
        self.next_tick += ticks
        self._slack = ticks
        self._damaged = True
        self._breaks = [_Break(0, 0)]

    def place(
        self,
        count: int,
        stamped: NDArray[np.int64],
        times: NDArray[np.int64],
        breaks: list[_Break],
        locate: Callable[[int, int], int],
        *,
        final: bool,
    ) -> tuple[list[tuple[int, int, int]], int]:
        """Place records as far as the time stamps can tell.

        Parameters
        ----------
        count : int
            Records at hand, the ones not yet placed first.
        stamped, times : ndarray of int64, shape (n,)
            Records with a time stamp, and the tick that it stands for.
        breaks : list of _Break
            New breaks of the pattern.
        locate : callable
            Tells, of the records after the first argument and up to the second, which is the
            likeliest to follow a hole.
        final : bool
            No record follows directly: place all.

        Returns
        -------
        runs : list of (first, past, tick)
            Consecutive records and the tick of their first.
        placed : int
            How many records the runs hold.
        """
        runs: list[tuple[int, int, int]] = []
        breaks = self._breaks + breaks
        first, tick = 0, self.next_tick
        settled = -1
        pairs = list(zip(stamped.tolist(), times.tolist(), strict=True))
        for number, (record, time) in enumerate(pairs):
            following = pairs[number + 1] if number + 1 < len(pairs) else None
            clock = time - (tick + record - first)
            jump = clock - self._clock if self._clock is not None else 0
            broken = [b for b in breaks if settled < b.record <= record]
            if abs(jump) >= (HOLE_TICKS_AT_BREAK if broken else HOLE_TICKS):
                if following is None and not final:
                    break
                agrees = (
                    abs(following[1] - time - (following[0] - record)) < HOLE_TICKS
                    if following
                    else bool(broken)
                )
                if not agrees:
                    continue  # one time stamp against all others
                where = broken[0] if broken else _Break(settled, record)
                at = where.record
                if at:
                    at = locate(max(settled, where.earliest, 0), at)
                if self._admits(jump, at):
                    if at > first:
                        runs.append((first, at, tick))
                    tick, first = self._shift(tick + at - first, jump, at), at
                    clock -= jump
            self._clock = clock
            self._slack, self._damaged = 0, False
            settled = record
        placed = count if final else settled + 1
        if count - placed > MOST_HELD_RECORDS:
            placed = count
        if placed > first:
            runs.append((first, placed, tick))
        self.next_tick = tick + placed - first
        self._breaks = [b.shifted(-placed) for b in breaks if b.record >= placed]
        if self.next_tick > LONGEST_RECORDING_SECONDS * TICKS_PER_SECOND:
            raise RecordingError(
                f"the recording is longer than {LONGEST_RECORDING_SECONDS // 3600} hours; "
                "split it into shorter ones",
                code="recording_too_long",
            )
        return runs, placed

    def _admits(self, jump: int, at: int) -> bool:
        """Tell whether a jump of the clock can be a hole; say so where it cannot."""
        longest = LONGEST_RECORDING_SECONDS * TICKS_PER_SECOND
        lowest = -self._slack if at == 0 else 0
        if lowest <= jump <= longest:
            return True
        seconds = self.next_tick / TICKS_PER_SECOND
        self.notices.append(
            f"the time stamps jump by {jump / TICKS_PER_SECOND:.1f} s about {seconds:.0f} s after "
            "the start; the records were counted instead"
        )
        return False

    def _shift(self, tick: int, jump: int, at: int) -> int:
        """Record a hole of ``jump`` ticks at ``tick`` and return the tick after it."""
        if at == 0 and self._damaged:
            gap = self.gaps.pop()
            start = round(gap.start_seconds * TICKS_PER_SECOND)
            self.gaps.append(_gap(start, tick + jump, gap.reason))
        else:
            self.gaps.append(_gap(tick, tick + jump, "the time stamps jump: records are missing"))
        return tick + jump


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


def _likeliest_hole(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], first: int, last: int
) -> int:
    """Return the record, after ``first`` and up to ``last``, before which the signals jump most."""
    near = offsets[first : last + 1]
    if len(near) < 3 or not (data[near] & PIEZO).all():
        return last
    values = _gather(data, near + 1, 8, "<u2").astype(np.int64)
    steps = np.abs(np.diff(values, axis=0))
    usual = np.median(steps, axis=0) + 1
    return first + 1 + int((steps / usual).sum(axis=1).argmax())


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
        self.notices: list[str] = []
        self.bytes_read = 0
        self._path = path
        self._chunk_bytes = max(chunk_bytes, RESUME_BYTES)
        self._finder = _RecordFinder()
        self._timeline = _Timeline(self.header.start)
        self._held: NDArray[np.int64] = np.zeros(0, dtype=np.int64)  # records not yet emitted
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
            yield from self._read(file)
        self.gaps += [g for g in self._timeline.gaps if g.end_seconds > g.start_seconds]
        self.notices += self._timeline.notices
        if self._damages:
            lost = sum(past - first for first, past in self._damages)
            self.notices.append(
                f"{lost} bytes in {len(self._damages)} places, the first at byte "
                f"{self._damages[0][0]}, are not records and were stepped over"
            )
        stored = (self.header.end - self.header.start).total_seconds()
        length = self._timeline.next_tick / TICKS_PER_SECOND
        if abs(stored - length) > 1:
            self.notices.append(
                f"the header says {stored:.1f} s, the records last {length:.1f} s; "
                "the records were analysed"
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
                yield from self._emit(data, position, found, final=final)
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
                f"from byte {damage} on the file holds no records; what is before was analysed"
            )
        elif end_of_records < end_of_file:
            self.notices.append(
                f"the file ends inside the record at byte {end_of_records}; "
                "the last whole record before it is the last one used"
            )

    def _step_over(self, damage: int, resumed: int) -> None:
        """Put a gap where the file was damaged, at first as long as its bytes suggest."""
        lost = self._dropped + round((resumed - damage) * self._records / self._record_bytes)
        self._timeline.open_gap(lost, f"bytes {damage} to {resumed - 1} are damaged")
        self._damages.append((damage, resumed))

    def _emit(
        self, data: NDArray[np.uint8], position: int, found: _Found, *, final: bool
    ) -> Iterator[Chunk]:
        """Yield what can be placed in time, and hold the rest until the next time stamp."""
        held = len(self._held)
        records = np.concatenate((self._held, found.offsets + position))
        self._records += len(found.offsets)
        self._record_bytes += found.stop
        if found.damaged:
            self._dropped = min(UNSURE_RECORDS, len(records))
            records = records[: len(records) - self._dropped]
        kinds = data[records]
        stamped = np.flatnonzero((kinds & TIME) > 0)
        runs, placed = self._timeline.place(
            len(records),
            stamped,
            self._timeline.ticks(_time_stamps(data, records[stamped], kinds[stamped])),
            [b.shifted(held) for b in found.breaks],
            lambda first, last: _likeliest_hole(data, records, first, last),
            final=final,
        )
        self._held = records[placed:]
        for first, past, tick in runs:
            yield _chunk(data, records[first:past], kinds[first:past], tick)
