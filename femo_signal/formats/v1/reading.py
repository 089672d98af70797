"""Reads v1 recordings in bounded memory, stepping over damage."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import RecordingError
from femo_signal.formats.chunk import Chunk
from femo_signal.formats.clock_notices import clock_notices
from femo_signal.formats.timebase import Timebase
from femo_signal.formats.v1.buffer import FileBuffer
from femo_signal.formats.v1.chains import CHAIN_RECORDS, likely_start
from femo_signal.formats.v1.finding import (
    RESUME_BYTES,
    UNSURE_RECORDS,
    Found,
    PatternBreak,
    RecordFinder,
)
from femo_signal.formats.v1.held import HeldRecords
from femo_signal.formats.v1.layout import (
    HEADER_BYTES,
    LONGEST_RECORD,
    SAMPLE_BYTES,
    TIME,
    parse_header,
    samples_of,
    time_stamps,
)
from femo_signal.formats.v1.timeline import Timeline
from femo_signal.notices import Notice, NoticeCode
from femo_signal.recording import Clock, Gap
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["V1Reader"]

CHUNK_BYTES = 1 << 20
STAMP_RECORDS = 128  # of so many records, one time stamp is looked at
FEW_STAMPS_SECONDS = 10  # without two time stamps that is odd


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
        self._finder = RecordFinder()
        self._header_seconds = (self.header.end - self.header.start).total_seconds()
        self._timeline = Timeline(
            self.header.start, max(round(self._header_seconds * TICKS_PER_SECOND), 0)
        )
        self._timebase = Timebase()
        self._held: NDArray[np.int64] = np.zeros(0, dtype=np.int64)  # records not yet emitted
        self._first_held = 0  # number in the file of the first of them
        self._known_to_timeline = 0  # of them
        self._last_slot = -1  # of the last time stamp
        self._new_breaks: list[PatternBreak] = []  # that the timeline does not know
        self._sound_bytes = self._sound_records = 0  # for the mean length of a record
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
                yield from self._timebase.push(chunk, *self._settled_stamps(chunk.end_tick))
        yield from self._timebase.finish()
        self._summarise()

    def _settled_stamps(self, end_tick: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Take the settled time stamps before a counted tick."""
        stamps = self._timeline.settled
        count = bisect.bisect_left(stamps, (end_tick, -math.inf))
        taken, stamps[:count] = stamps[:count], []
        return (
            np.array([tick for tick, _ in taken], dtype=np.int64),
            np.array([time for _, time in taken], dtype=np.float64),
        )

    def _read(self, file: BufferedReader) -> Iterator[Chunk]:
        """Yield the samples of the records, their ticks counted."""
        buffer = FileBuffer(file, HEADER_BYTES)
        position = 0  # in the buffer: where the next record is looked for
        damaged_from: int | None = None  # in the file: end of the last sound record
        while not buffer.at_end:
            data = buffer.read(self._chunk_bytes)
            self.bytes_read = buffer.origin + len(data)
            while True:
                if damaged_from is not None:
                    start = self._finder.resynchronise(data, position, at_end=buffer.at_end)
                    if start is None:
                        keep = 0 if buffer.at_end else CHAIN_RECORDS * LONGEST_RECORD
                        position = max(len(data) - keep, position)
                        break
                    self._step_over(damaged_from, buffer.origin + start)
                    position, damaged_from = start, None
                found = self._finder.find(data[position:], at_end=buffer.at_end)
                yield from self._emit(buffer, position, found)
                position += found.stop
                if not found.damaged:
                    break
                damaged_from = buffer.origin + position
                position += 1
                if not self._sound_records:
                    position = self._first_start(data, position)
                    self._step_over(damaged_from, buffer.origin + position)
                    damaged_from = None
            if not buffer.at_end:
                first = int(self._held[0]) if len(self._held) else position
                buffer.forget(first)
                self._held = self._held - first
                position -= first
        self._notice_end(damaged_from, buffer.origin + position)

    def _emit(self, buffer: FileBuffer, position: int, found: Found) -> Iterator[Chunk]:
        """Yield what can be placed in time, and hold the rest until the next time stamp."""
        data, start = buffer.data, self._first_held
        final = found.damaged or buffer.at_end
        records = np.concatenate((self._held, found.offsets + position))
        self._new_breaks += [b.shifted(start + len(self._held)) for b in found.breaks]
        self._sound_records += len(found.offsets)
        self._sound_bytes += found.stop
        if found.damaged:
            self._dropped = min(UNSURE_RECORDS, len(records) - self._known_to_timeline)
            records = records[: len(records) - self._dropped]
        past = len(records)
        if not final:
            past = max(past - UNSURE_RECORDS, self._known_to_timeline)
        kinds = data[records]
        stamped = self._stamped(kinds, past)
        times = self._timeline.ticks(time_stamps(data, records[stamped], kinds[stamped]))
        breaks = [b for b in self._new_breaks if b.record < start + past]
        self._new_breaks = [] if final else self._new_breaks[len(breaks) :]
        stretches = self._timeline.place(
            start + past,
            list(zip((stamped + start).tolist(), times.tolist(), strict=True)),
            breaks,
            HeldRecords(data, records, start, buffer.origin, self.size, self._finder.period),
            final=final,
        )
        placed = min(self._timeline.first - start, past)
        self._held, self._first_held = records[placed:], start + placed
        self._known_to_timeline = past - placed
        for stretch in stretches:
            part = slice(stretch.first - start, stretch.past - start)
            yield samples_of(data, records[part], kinds[part], stretch.tick)

    def _stamped(self, kinds: NDArray[np.uint8], past: int) -> NDArray[np.int64]:
        """Return which held records, new to the timeline, have a stamp that is looked at."""
        known = self._known_to_timeline
        stamped = known + np.flatnonzero((kinds[known:past] & TIME) != 0)
        slots = (stamped + self._first_held) // STAMP_RECORDS
        stamped = stamped[np.diff(slots, prepend=self._last_slot) > 0]
        self._last_slot = int(slots[-1]) if len(slots) else self._last_slot
        return stamped

    def _step_over(self, damaged_from: int, resumed: int) -> None:
        """Put a gap where the file was damaged, at first as long as its bytes suggest."""
        lost = (resumed - damaged_from) / SAMPLE_BYTES
        if self._sound_records:
            lost = (resumed - damaged_from) * self._sound_records / self._sound_bytes
        reason = f"bytes {damaged_from} to {resumed - 1} are damaged"
        self._timeline.open_gap(self._dropped + round(lost), reason)
        self._damages.append((damaged_from, resumed))

    def _first_start(self, data: NDArray[np.uint8], position: int) -> int:
        """Return where the records start in a file whose first ones are damaged."""
        start = likely_start(data[position : position + RESUME_BYTES].tobytes())
        if start is None:
            raise RecordingError(
                f"no v1 record starts at byte {HEADER_BYTES}; give a recording of a FeMo belt",
                code="not_a_recording",
            )
        return position + start

    def _notice_end(self, damaged_from: int | None, end_of_records: int) -> None:
        if damaged_from is not None:
            text = (
                f"from byte {damaged_from} on the file holds no records; what is before was "
                "analysed"
            )
            self.notices.append(Notice(NoticeCode.DAMAGED, text))
        elif end_of_records < self.bytes_read:
            text = (
                f"the file ends inside the record at byte {end_of_records}; "
                "the last whole record before it is the last one used"
            )
            self.notices.append(Notice(NoticeCode.CUT_OFF, text))

    def _summarise(self) -> None:
        timeline, base = self._timeline, self._timebase
        self.gaps += base.moved(g for g in timeline.gaps if g.end_seconds > g.start_seconds)
        self.clock = base.clock(timeline.steps)
        self.notices += timeline.notices + clock_notices(self.clock, self.header.piezo_rate)
        if self._damages:
            lost = sum(past - first for first, past in self._damages)
            text = (
                f"{lost} bytes in {len(self._damages)} places, the first at byte "
                f"{self._damages[0][0]}, are not records and were stepped over"
            )
            self.notices.append(Notice(NoticeCode.DAMAGED, text))
        length = int(base.ticks(timeline.next_tick)) / TICKS_PER_SECOND
        if timeline.stamps < 2 and length > FEW_STAMPS_SECONDS:
            text = "the records carry no usable time stamps: times count the records, 1024 a second"
            self.notices.append(Notice(NoticeCode.CLOCK_UNUSABLE, text))
        if abs(self._header_seconds - length) > 1:
            text = (
                f"the header says {self._header_seconds:.1f} s, the records last {length:.1f} s; "
                "the records were analysed"
            )
            self.notices.append(Notice(NoticeCode.HEADER, text))
