"""Reads v2 recordings in bounded memory, stepping over damage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from femo_signal.errors import RecordingError
from femo_signal.formats.chunk import Chunk
from femo_signal.formats.clock_notices import clock_notices
from femo_signal.formats.timebase import Timebase
from femo_signal.formats.v2.agreement import LOOK_AHEAD_BYTES
from femo_signal.formats.v2.layout import (
    FILE_END,
    FILE_HEADER_BYTES,
    PACKET,
    PACKET_SIGNATURE,
    PACKET_TICKS,
    SYNC_BYTES,
    parse_header,
    samples_of,
)
from femo_signal.formats.v2.order import WINDOW_PACKETS
from femo_signal.formats.v2.search import PacketSearch
from femo_signal.formats.v2.track import PacketTrack
from femo_signal.notices import Notice, NoticeCode
from femo_signal.recording import Clock, Gap
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["V2Reader"]

CHUNK_BYTES = 1 << 20
EMITTED_PACKETS = 1024  # are handed on at a time


class V2Reader:
    """Reads a v2 file once, in chunks.

    A packet counts if its sequence number and time stamp agree with the packets before, or with
    one after; anything else is stepped over to the next packet signature. Packets that are stored
    twice are dropped, late ones put back in order. Sequence and time stamps keep the time base
    over what is missing, which is in ``gaps``.

    Parameters
    ----------
    path : Path
    chunk_bytes : int
        How much of the file is held at a time; the result does not depend on it.

    Raises
    ------
    RecordingError
        If the header is not that of a v2 recording, or no packet follows it.
    """

    def __init__(self, path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.size = path.stat().st_size
        with path.open("rb") as file:
            content = file.read(SYNC_BYTES + FILE_HEADER_BYTES)
        self.header, self._data_start, self.notices = parse_header(content)
        self.gaps: list[Gap] = []
        self.clock = Clock(0, False, None, 0.0)
        self.bytes_read = 0
        self._path = path
        self._chunk_bytes = max(chunk_bytes, 2 * LOOK_AHEAD_BYTES)
        self._header_seconds = (self.header.end - self.header.start).total_seconds()
        self._track = PacketTrack(self.size, self._header_seconds)
        self._search = PacketSearch(self._track)
        self._timebase = Timebase()
        self._stepped_over = 0  # bytes
        self._first_stepped_over = 0
        self._finished = False  # the end mark was found

    def chunks(self) -> Iterator[Chunk]:
        """Yield the samples in order of time."""
        track = self._track
        origin = self._data_start  # of data[0] in the file
        with self._path.open("rb") as file:
            file.seek(origin)
            data = b""
            at_end = False
            while not at_end:
                fresh = file.read(self._chunk_bytes)
                at_end = len(fresh) < self._chunk_bytes
                data += fresh
                self.bytes_read = origin + len(data)
                position = 0
                wants_more = False
                while not wants_more:
                    position, wants_more = self._next(data, position, origin, at_end=at_end)
                    settled = track.last.index - WINDOW_PACKETS + 1 if track.last else 0
                    yield from self._hand_on(settled, least=EMITTED_PACKETS)
                origin += position
                data = data[position:]
        if track.last is not None:
            yield from self._hand_on(track.last.index + 1)
        yield from self._timebase.finish()
        self._summarise(origin + len(data))

    def _hand_on(self, settled: int, *, least: int = 1) -> Iterator[Chunk]:
        """Yield the samples of the packets before place ``settled``."""
        for run in self._track.order.hand_on(settled, least=least):
            ticks = (run.index + np.arange(len(run.packets))) * PACKET_TICKS
            times = run.times * (TICKS_PER_SECOND / 1000)
            chunk = samples_of(run.packets, run.index)
            yield from self._timebase.push(chunk, ticks, times)

    def _next(self, data: bytes, position: int, origin: int, *, at_end: bool) -> tuple[int, bool]:
        """Take the packets at ``position``, or step over what is none; tell if more is wanted."""
        packets = self._track.following(data, position)
        if len(packets):
            self._track.take(packets, 1, origin + position)
            return position + packets.nbytes, False
        left = len(data) - position
        if left < LOOK_AHEAD_BYTES and not at_end:
            return position, True
        if data[position : position + 4] == FILE_END and left < PACKET.itemsize:
            self._finished = True
            return len(data), True
        if left < PACKET.itemsize:
            return len(data), True
        if data.startswith(PACKET_SIGNATURE, position):
            taken = self._track.judge(data, position, origin)
            if taken:
                return position + taken, False
        following = self._search.next(data, position, origin, at_end=at_end)
        self._step_over(origin + position, following - position)
        return following, False

    def _step_over(self, at: int, count: int) -> None:
        if not self._stepped_over:
            self._first_stepped_over = at
        self._stepped_over += count

    def _summarise(self, size: int) -> None:
        track, base = self._track, self._timebase
        if track.last is None:
            raise RecordingError(
                f"no packet follows the v2 header (bytes {self._data_start} to {size}); "
                "transfer the recording again",
                code="recording_without_data",
            )
        self.gaps += base.moved(track.order.gaps)
        self.clock = base.clock(track.steps)
        self.notices += track.notices + clock_notices(self.clock, self.header.piezo_rate)
        self.notices += track.fates.notices()
        if self._stepped_over:
            text = (
                f"{self._stepped_over} bytes, the first at byte {self._first_stepped_over}, "
                "belong to no sound packet and were stepped over"
            )
            self.notices.append(Notice(NoticeCode.DAMAGED, text))
        if not self._finished:
            text = f"the end mark is missing after byte {size - 1}: the file was cut off"
            self.notices.append(Notice(NoticeCode.CUT_OFF, text))
        length = int(base.ticks((track.last.index + 1) * PACKET_TICKS)) / TICKS_PER_SECOND
        if abs(self._header_seconds - length) > 1:
            text = (
                f"the header says {self._header_seconds:.1f} s, the packets last {length:.1f} s; "
                "the packets were analysed"
            )
            self.notices.append(Notice(NoticeCode.HEADER, text))
