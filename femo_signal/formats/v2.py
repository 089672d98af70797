"""Reads v2 recordings: packets of 64 samples, with a sequence number and a time stamp each."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
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
from femo_signal.formats.clock_notices import clock_notices
from femo_signal.formats.timebase import Timebase
from femo_signal.intervals import from_mask
from femo_signal.notices import Notice, NoticeCode
from femo_signal.recording import Clock, Gap
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["FILE_SIGNATURE", "SYNC_SIGNATURE", "V2Reader", "parse_header"]

SYNC_SIGNATURE = struct.pack("<H", 0xA55E)
FILE_SIGNATURE = struct.pack("<I", 0x48414148)
HEADER_END = struct.pack("<I", 0x485A5A48)
SIGNATURE = 0x504B
PACKET_SIGNATURE = struct.pack("<H", SIGNATURE)
FILE_END = struct.pack("<I", 0x445A5A44)
SYNC_BYTES, FILE_HEADER_BYTES = 15, 48

PACKET = np.dtype(
    [
        ("signature", "<u2"),
        ("sequence", "u1"),
        ("time", "<u4"),  # ms
        ("flags", "u1"),  # bit 0: the button is down
        ("piezo", "<u2", (64, 2)),
        ("imu", "<i2", (8, 10)),
    ]
)
PACKET_TICKS, IMU_TICKS = 64, 8
PACKET_MS = 1000 * PACKET_TICKS / TICKS_PER_SECOND
CLOCK_BYTES = 7  # signature, sequence and time stamp
LONGEST_PACKETS = LONGEST_RECORDING_SECONDS * TICKS_PER_SECOND // PACKET_TICKS
SEQUENCE_WRAP, TIME_WRAP = 1 << 8, 1 << 32
JITTER_PACKETS = 2.0  # how far time stamp and sequence may disagree,
CLOCK_ERROR = 0.002  # and this share of the time between two packets,
MOST_DISAGREEMENT = 32.0  # but no more
NEAR_PACKETS = 64  # a packet so near behind another confirms it
FOLLOWERS = 8  # signatures behind a doubtful packet that are compared with it
PERIOD_PACKETS = 256  # that tell how long one takes
WORST_PERIOD = 0.2  # of its nominal length: no clock is worse
WINDOW_PACKETS = 64  # 4 s: packets that come later than this are not put back in order
EMITTED_PACKETS = 1024  # are handed on at a time
LONGEST_PAUSE_PACKETS = 3600 * TICKS_PER_SECOND // PACKET_TICKS  # that any file may claim,
PAUSE_SHARE = 24  # or this many times what it holds

CHUNK_BYTES = 1 << 20
LOOK_AHEAD_BYTES = 1 << 16  # so far behind a doubtful packet the next one is looked for


def parse_header(content: bytes) -> tuple[Header, int, list[Notice]]:
    """Read the header or headers at the start of a v2 file.

    Returns
    -------
    header : Header
    size : int
        Bytes before the first packet.
    notices : list of Notice

    Raises
    ------
    RecordingError
        If the file header is missing or cut short.
    """
    at = SYNC_BYTES if content[:2] == SYNC_SIGNATURE else 0
    size = at + FILE_HEADER_BYTES
    if content[at : at + 4] != FILE_SIGNATURE[: max(len(content) - at, 0)]:
        raise RecordingError(
            f"there is no v2 file header at byte {at}; give a recording of a FeMo belt",
            code="not_a_recording",
        )
    if len(content) < size:
        raise RecordingError(
            f"the file ends inside the v2 header (byte {len(content)} of {size}); "
            "transfer the recording again",
            code="recording_without_data",
        )
    start_s, start_ms, end_s, end_ms, piezo_rate = struct.unpack(
        "<IHIHH", content[at + 4 : at + 18]
    )
    notices: list[Notice] = []
    if content[size - 4 : size] != HEADER_END:
        notices.append(
            Notice(
                NoticeCode.HEADER, f"the end mark of the file header at byte {size - 4} is damaged"
            )
        )
    if not plausible_time(start_s, start_ms):
        notices.append(
            Notice(
                NoticeCode.HEADER,
                "the start time in the header is implausible: times of day are unreliable",
            )
        )
    start = unix_time(start_s, start_ms)
    header = Header(
        format="v2",
        start=start,
        end=unix_time(end_s, end_ms) if plausible_time(end_s, end_ms) else start,
        piezo_names=("sensor_3", "sensor_6"),
        accelerometer_names=(),
        piezo_rate=piezo_rate or TICKS_PER_SECOND,
    )
    return header, size, notices


@dataclass(frozen=True)
class _Place:
    """The packet that is furthest in time."""

    index: int  # packets since the start of the recording, missing ones included
    sequence: int  # as it must be by its index,
    stored: int  # as the packet says
    time: int  # ms, u32

    def steps(self, sequence: Any, time: Any, period: float) -> tuple[Any, Any]:
        """Return how many packets later others are by their sequence numbers, and by their times.

        The sequence number tells the exact place, the time stamp which of the places 256 apart.

        Parameters
        ----------
        sequence, time : int or ndarray of int64
        period : float
            ms a packet.
        """
        by_time = _signed(time - self.time) / period
        by_sequence = (sequence - self.sequence) % SEQUENCE_WRAP
        wraps = np.rint((by_time - by_sequence) / SEQUENCE_WRAP)
        return by_sequence + SEQUENCE_WRAP * wraps, by_time


def _signed(milliseconds: Any) -> Any:
    """Return differences of time stamps, which start anew after 49.7 days."""
    return (milliseconds + TIME_WRAP // 2) % TIME_WRAP - TIME_WRAP // 2


def _agree(steps: Any, by_time: Any) -> Any:
    """Tell whether sequence numbers and time stamps say the same; a clock may be off a little."""
    return np.abs(steps - by_time) <= np.minimum(
        JITTER_PACKETS + CLOCK_ERROR * np.abs(by_time), MOST_DISAGREEMENT
    )


@dataclass(frozen=True)
class _Run:
    """Packets that follow each other in time."""

    index: int  # of the first
    packets: NDArray[Any]
    times: NDArray[np.float64]  # ms, from the first packet on; steps of the clock taken out


class _Order:
    """Puts packets in order, each once, and remembers which there were.

    A packet may come up to `WINDOW_PACKETS` late. What is known of older ones is a fingerprint.
    """

    def __init__(self) -> None:
        self._waiting: list[_Run] = []
        self._held = 0  # packets in them
        self._prints = np.zeros(1 << 12, dtype=np.uint64)  # by index; 0: none
        self._end = 0  # index behind the last one that was handed on
        self.gaps: list[Gap] = []  # in counted time

    def add(self, run: _Run) -> None:
        """Take packets whose places are free."""
        past = run.index + len(run.packets)
        if past > len(self._prints):
            more = np.zeros(max(past, 2 * len(self._prints)) - len(self._prints), dtype=np.uint64)
            self._prints = np.concatenate((self._prints, more))
        self._prints[run.index : past] = _fingerprints(run.packets)
        self._waiting.append(run)
        self._held += len(run.packets)

    def has(self, index: int) -> bool:
        """Tell whether there was a packet in this place."""
        return 0 <= index < len(self._prints) and self._prints[index] > 0

    def may_be(self, index: int, data: bytes, position: int) -> bool:
        """Tell whether this place is free, or was taken by what is at a position of ``data``."""
        if not self.has(index):
            return index >= 0
        return self.repeated(index, np.frombuffer(data, PACKET, 1, position)) > 0

    def repeated(self, index: int, packets: NDArray[Any]) -> int:
        """Return how many packets are the same as those from ``index`` on."""
        if index < 0:
            return 0
        for most in (1, NEAR_PACKETS, len(packets)):
            known = self._prints[index : index + min(most, len(packets))]
            same = _fingerprints(packets[: len(known)]) == known
            if not same.all():
                return int(same.argmin())
        return len(same)

    def hand_on(self, settled: int, *, least: int = 1) -> Iterator[_Run]:
        """Yield the runs before index ``settled``, if that may be as many packets as told."""
        if self._held < least:
            return
        self._waiting.sort(key=lambda run: run.index)
        ready: list[_Run] = []
        later: list[_Run] = []
        for run in self._waiting:
            count = min(max(settled - run.index, 0), len(run.packets))
            if count:
                ready.append(_Run(run.index, run.packets[:count], run.times[:count]))
            if count < len(run.packets):
                later.append(_Run(run.index + count, run.packets[count:], run.times[count:]))
        self._waiting = later
        self._held = sum(len(run.packets) for run in later)
        for run in _joined(ready):
            self._note_gap(run.index)
            self._end = run.index + len(run.packets)
            yield run

    def _note_gap(self, index: int) -> None:
        if index > self._end:
            seconds = PACKET_TICKS / TICKS_PER_SECOND
            reason = f"{index - self._end} packets are missing or damaged"
            self.gaps.append(Gap(self._end * seconds, index * seconds, reason))


def _joined(runs: list[_Run]) -> Iterator[_Run]:
    """Join runs, in order, that follow each other without a gap."""
    first = 0
    for number in range(1, len(runs) + 1):
        before = runs[number - 1]
        if number < len(runs) and runs[number].index == before.index + len(before.packets):
            continue
        group = runs[first:number]
        first = number
        if len(group) == 1:
            yield group[0]
        else:
            yield _Run(
                group[0].index,
                np.concatenate([run.packets for run in group]),
                np.concatenate([run.times for run in group]),
            )


def _fingerprints(packets: NDArray[Any]) -> NDArray[np.uint64]:
    """Return numbers, none 0, that tell packets apart by their first and last samples."""
    piezo = packets["piezo"][:, :2].reshape(len(packets), 4).view(np.uint64).ravel()
    imu = np.ascontiguousarray(packets["imu"][:, -1, -4:]).view(np.uint64).ravel()
    return (piezo ^ (imu << np.uint64(1))) | np.uint64(1)


@dataclass
class _Tally:
    """How many packets met a fate, and where the first one is."""

    count: int = 0
    first_byte: int = 0
    first_seconds: float = 0.0
    latest: int = 0  # packets by which one was late

    def add(self, count: int, at: int, index: int, late: int = 0) -> None:
        if not self.count:
            self.first_byte, self.first_seconds = at, max(index, 0) * PACKET_MS / 1000
        self.count += count
        self.latest = max(self.latest, late)

    def __str__(self) -> str:
        place = "it is" if self.count == 1 else "the first is"
        return f"({place} at byte {self.first_byte}, {self.first_seconds:.0f} s after the start)"


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
        self._seconds = (self.header.end - self.header.start).total_seconds()
        self._last: _Place | None = None
        self._behind = 0  # byte in the file behind the packet that was read last
        self._anchor = (0, 0.0)  # an early packet that tells the period: index, ms
        self._now = 0.0  # ms, of the last place, from the first packet on
        self._has_angles = False  # the last packet's quaternion is not 0
        self._stuck = False  # the sequence number stands still
        self._searched: _Place | None = None  # the last place when it was searched up to a byte,
        self._searched_to = 0
        self._promised: deque[int] = deque()  # and what was found: bytes in the file
        self._order = _Order()
        self._timebase = Timebase()
        self._steps: list[tuple[int, int]] = []  # of the clock: counted tick, ticks
        self._repeats, self._swapped, self._too_late = _Tally(), _Tally(), _Tally()
        self._same_sequence = _Tally()
        self._stepped_over = 0  # bytes
        self._first_stepped_over = 0
        self._finished = False

    def chunks(self) -> Iterator[Chunk]:
        """Yield the samples in order of time."""
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
                    settled = self._last.index - WINDOW_PACKETS + 1 if self._last else 0
                    yield from self._hand_on(settled, least=EMITTED_PACKETS)
                origin += position
                data = data[position:]
        if self._last is not None:
            yield from self._hand_on(self._last.index + 1)
        yield from self._timebase.finish()
        self._summarise(origin + len(data))

    def _hand_on(self, settled: int, *, least: int = 1) -> Iterator[Chunk]:
        for run in self._order.hand_on(settled, least=least):
            ticks = (run.index + np.arange(len(run.packets))) * PACKET_TICKS
            times = run.times * (TICKS_PER_SECOND / 1000)
            yield from self._timebase.push(_chunk(run), ticks, times)

    def _next(self, data: bytes, position: int, origin: int, *, at_end: bool) -> tuple[int, bool]:
        """Take the packets at ``position``, or step over what is none; tell if more is wanted."""
        if self._last is not None:
            packets = self._following(data, position, self._last)
            if len(packets):
                self._take(packets, 1, origin + position)
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
            taken = self._judge(data, position, origin)
            if taken:
                return position + taken, False
        following = self._search(data, position, origin, at_end=at_end)
        self._step_over(origin + position, following - position)
        return following, False

    def _following(self, data: bytes, position: int, last: _Place) -> NDArray[Any]:
        """Return the packets that follow without a gap and without anything between them."""
        few = self._following_of(data, position, last, most=NEAR_PACKETS)
        if len(few) < NEAR_PACKETS - 1:
            return few
        return self._following_of(data, position, last, most=len(data))

    def _following_of(self, data: bytes, position: int, last: _Place, *, most: int) -> NDArray[Any]:
        count = min((len(data) - position) // PACKET.itemsize, most)
        packets = np.frombuffer(data, dtype=PACKET, count=count, offset=position)
        if not count or packets["signature"][0] != SIGNATURE:
            return packets[:0]
        step = np.arange(1, count + 1)
        expected = last.stored if self._stuck else (last.sequence + step) & 0xFF
        times = np.concatenate(([last.time], packets["time"].astype(np.int64)))
        good = (
            (packets["signature"] == SIGNATURE)
            & (packets["sequence"] == expected)
            & (np.abs(_signed(np.diff(times)) - PACKET_MS) <= JITTER_PACKETS * PACKET_MS)
        )
        count = count if good.all() else int(good.argmin())
        behind = position + count * PACKET.itemsize
        if not data.startswith((PACKET_SIGNATURE, FILE_END), behind):
            count = max(count - 1, 0)  # the last one may be cut short: it is judged on its own
        return packets[:count]

    def _judge(self, data: bytes, position: int, origin: int) -> int:
        """Take the packet at ``position`` if it is one; return the bytes that are done with."""
        sequence, time = _clocks(data, position)
        packet = np.frombuffer(data, dtype=PACKET, count=1, offset=position)
        at = origin + position
        if self._last is None:
            if not _confirmed(data, position, PACKET_MS):
                return 0
            self._take(packet, self._first_steps(sequence, time), at)
            return PACKET.itemsize
        steps, by_time = self._last.steps(sequence, time, self._period)
        stuck = sequence == self._last.stored and abs(by_time - 1) < 0.5 and at == self._behind
        if stuck or (_agree(steps, by_time) and 1 <= steps <= NEAR_PACKETS):
            if not self._is_whole(data, position):
                return 0
            if stuck and steps != 1:
                self._same_sequence.add(1, at, self._last.index + 1)
            self._stuck = bool(stuck and steps != 1)
            return self._forward(packet, 1 if stuck else int(steps), by_time, at)
        if _agree(steps, by_time) and steps < 1:
            taken = self._back(data, position, packet, int(steps), at)
            index = self._last.index + int(steps)
            if taken or steps > -WINDOW_PACKETS or (index >= 0 and not self._order.has(index)):
                return taken  # else the clock may have been set back, or have started anew
        # One time stamp alone is not believed that much is missing, or that the clock was set.
        if not _confirmed(data, position, self._period):
            return 0
        if _agree(steps, by_time) and steps >= 1:
            return self._forward(packet, int(steps), by_time, at)
        return self._resume(packet, sequence, by_time, at)

    @property
    def _period(self) -> float:
        """How many ms a packet takes, by the stamps so far."""
        index, now = self._anchor
        count = self._last.index - index if self._last else 0
        if count < PERIOD_PACKETS:
            return PACKET_MS
        period = (self._now - now) / count
        return period if abs(period / PACKET_MS - 1) < WORST_PERIOD else PACKET_MS

    def _first_steps(self, sequence: int, time: int) -> int:
        """Return the place of the first packet: later ones are missing if both clocks say so."""
        if not 0 <= time <= self._seconds * 1000:
            return 1
        steps, by_time = _Place(0, 0, 0, 0).steps(sequence, time, PACKET_MS)
        plausible = _agree(steps, by_time) and steps >= 0 and self._admits(int(steps) + 1)
        return int(steps) + 1 if plausible else 1

    def _is_whole(self, data: bytes, position: int) -> bool:
        """Tell whether a packet whose clocks fit has all its bytes, as far as can be told."""
        behind = position + PACKET.itemsize
        if data.startswith((PACKET_SIGNATURE, FILE_END), behind) or len(data) == behind:
            return True
        inside = _signatures(data, position + 1, behind)
        place = _Place(0, *2 * _clocks(data, position)[:1], _clocks(data, position)[1])
        steps, by_time = place.steps(*_all_clocks(data, inside), self._period)
        if (_agree(steps, by_time) & (steps >= 1) & (steps <= NEAR_PACKETS)).any():
            return False  # the next one starts inside it
        quaternion = np.frombuffer(data, "<i2", 4, behind - 20).astype(np.float64)
        return not self._has_angles or abs(float(np.linalg.norm(quaternion)) / 10000 - 1) < 0.1

    def _forward(self, packet: NDArray[Any], steps: int, by_time: float, at: int) -> int:
        """Take a packet that its clocks put behind the last one."""
        if steps > 1 and not self._admits(steps):
            reason = "the file holds too little for so long a pause"
            self._set_clock(by_time, 1, reason)
            steps = 1
        elif steps > NEAR_PACKETS and at == self._behind and steps % SEQUENCE_WRAP == 1:
            known = (self._last.index if self._last else 0) + self.size / PACKET.itemsize
            if self._seconds > 0 and self._seconds * 1000 / PACKET_MS < known + steps / 2 - (
                at / PACKET.itemsize
            ):
                self._set_clock(by_time, 1, "the header leaves no room for missing packets")
                steps = 1
        self._take(packet, steps, at)
        return PACKET.itemsize

    def _admits(self, steps: int) -> bool:
        """Tell whether so many packets may be missing from a file of this size."""
        longest = max(LONGEST_PAUSE_PACKETS, PAUSE_SHARE * self.size / PACKET.itemsize)
        before = self._last.index if self._last else 0
        return steps <= longest and before + steps < LONGEST_PACKETS

    def _back(self, data: bytes, position: int, packet: NDArray[Any], steps: int, at: int) -> int:
        """Drop a repeat, put a late packet in its place; 0: it is neither."""
        assert self._last is not None
        index = self._last.index + steps
        if self._order.has(index):
            count = (len(data) - position) // PACKET.itemsize
            packets = np.frombuffer(data, dtype=PACKET, count=count, offset=position)
            count = self._order.repeated(index, packets)
            if not count and steps > -WINDOW_PACKETS:
                count = 1  # its place is taken by another: one of them is damaged
            if count:
                self._repeats.add(count, at, index)
                self._behind = at + count * PACKET.itemsize
            return count * PACKET.itemsize
        if index < 0 or not self._is_whole(data, position):
            return 0
        if steps <= -WINDOW_PACKETS:
            self._too_late.add(1, at, index, -steps)
        else:
            self._swapped.add(1, at, index, -steps)
            behind = _signed(int(packet["time"][0]) - self._last.time)
            self._order.add(_Run(index, packet, np.array([self._now + behind], dtype=np.float64)))
        self._behind = at + PACKET.itemsize
        return PACKET.itemsize

    def _resume(self, packet: NDArray[Any], sequence: int, by_time: float, at: int) -> int:
        """Take a packet that only one after it agrees with: the clock or the belt started anew."""
        assert self._last is not None
        by_sequence = (sequence - self._last.sequence) % SEQUENCE_WRAP or SEQUENCE_WRAP
        room = (at - self._behind) // PACKET.itemsize + NEAR_PACKETS
        steps = round(by_time)
        if at == self._behind and by_sequence == 1:
            self._set_clock(by_time, 1, "the sequence numbers were followed instead")
            steps = 1
        elif steps < 1 or not self._admits(steps):
            steps = by_sequence if by_sequence <= room else 1
            self._set_clock(by_time, steps, "the sequence numbers were followed instead")
        self._take(packet, steps, at)
        return PACKET.itemsize

    def _set_clock(self, by_time: float, steps: int, reason: str) -> None:
        """Note that the time stamps jump though no packets are missing."""
        assert self._last is not None
        jump = (by_time - steps) * self._period
        ticks = round(jump * TICKS_PER_SECOND / 1000)
        self._steps.append(((self._last.index + 1) * PACKET_TICKS, ticks))
        self._now -= jump
        self.notices.append(
            Notice(
                NoticeCode.CLOCK_SET,
                f"the time stamps jump by {jump / 1000:.1f} s about "
                f"{(self._last.index + 1) * PACKET_MS / 1000:.0f} s after the start, as if the "
                f"clock had been set; {reason}",
            )
        )

    def _take(self, packets: NDArray[Any], steps: int, at: int) -> None:
        """Put packets behind the last one, ``steps`` packets later."""
        before = self._last or _Place(-1, 0xFF, 0xFF, int(packets["time"][0]))
        index = before.index + steps
        last = index + len(packets) - 1
        if last >= LONGEST_PACKETS:
            raise RecordingError(
                f"the recording is longer than {LONGEST_RECORDING_SECONDS // 3600} hours; "
                "split it into shorter ones",
                code="recording_too_long",
            )
        stored = np.concatenate(([before.time], packets["time"].astype(np.int64)))
        times = self._now + np.cumsum(_signed(np.diff(stored))).astype(np.float64)
        self._now = float(times[-1])
        if self._last is None:
            self._anchor = (index, float(times[0]))
        self._order.add(_Run(index, packets, times))
        final = packets[-1]
        sequence = int(final["sequence"])
        if self._stuck:
            sequence = (before.sequence + steps + len(packets) - 1) % SEQUENCE_WRAP
        self._last = _Place(last, sequence, int(final["sequence"]), int(final["time"]))
        self._behind = at + packets.nbytes
        self._has_angles = bool(final["imu"][-1, :4].any())

    def _search(self, data: bytes, position: int, origin: int, *, at_end: bool) -> int:
        """Return where the next packet may start, behind ``position``."""
        first, width = position + 1, PACKET.itemsize * 4
        end = len(data) if at_end else len(data) - LOOK_AHEAD_BYTES
        if self._searched is self._last and self._searched_to > origin + first:
            while self._promised and self._promised[0] < origin + first:
                self._promised.popleft()
            if self._promised:
                return self._promised[0] - origin
            first = self._searched_to - origin
        while first < end:
            past = min(first + width, end)
            found = _signatures(data, first, past)
            promising = found[self._promising(data, found)]
            self._searched, self._searched_to = self._last, origin + past
            self._promised = deque((promising + origin).tolist())
            if len(promising):
                return int(promising[0])
            first, width = past, min(width * 8, LOOK_AHEAD_BYTES)
        last = data.find(FILE_END, max(len(data) - 4, position + 1)) if at_end else -1
        return last if last >= 0 else max(end, position + 1)

    def _promising(self, data: bytes, found: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which signatures may start packets: their clocks fit, or agree with later ones."""
        sequences, times = _all_clocks(data, found)
        good = _have_followers(data, found, sequences, times, self._period)
        if self._last is not None:
            steps, by_time = self._last.steps(sequences, times, self._period)
            fits = _agree(steps, by_time) & (steps <= NEAR_PACKETS)
            # Where another packet was, only the same one again can be.
            old = np.flatnonzero(fits & (steps <= -WINDOW_PACKETS))
            whole = old[found[old] + PACKET.itemsize <= len(data)]
            fits[old] = False
            fits[whole] = [
                self._order.may_be(self._last.index + int(steps[k]), data, int(found[k]))
                for k in whole
            ]
            good |= fits
        return good

    def _step_over(self, at: int, count: int) -> None:
        if not self._stepped_over:
            self._first_stepped_over = at
        self._stepped_over += count

    def _summarise(self, size: int) -> None:
        if self._last is None:
            raise RecordingError(
                f"no packet follows the v2 header (bytes {self._data_start} to {size}); "
                "transfer the recording again",
                code="recording_without_data",
            )
        base = self._timebase
        self.gaps += base.moved(self._order.gaps)
        self.clock = base.clock(self._steps)
        self.notices += clock_notices(self.clock, self.header.piezo_rate) + self._order_notices()
        if self._stepped_over:
            self.notices.append(
                Notice(
                    NoticeCode.DAMAGED,
                    f"{self._stepped_over} bytes, the first at byte {self._first_stepped_over}, "
                    "belong to no sound packet and were stepped over",
                )
            )
        if not self._finished:
            self.notices.append(
                Notice(
                    NoticeCode.CUT_OFF,
                    f"the end mark is missing after byte {size - 1}: the file was cut off",
                )
            )
        length = int(base.ticks((self._last.index + 1) * PACKET_TICKS)) / TICKS_PER_SECOND
        if abs(self._seconds - length) > 1:
            self.notices.append(
                Notice(
                    NoticeCode.HEADER,
                    f"the header says {self._seconds:.1f} s, the packets last {length:.1f} s; "
                    "the packets were analysed",
                )
            )

    def _order_notices(self) -> list[Notice]:
        late = PACKET_MS / 1000
        told = (
            (NoticeCode.REPEATED, self._repeats, "packets stored again, dropped: {0} {1}"),
            (
                NoticeCode.OUT_OF_ORDER,
                self._swapped,
                "packets up to {2:.1f} s late, put back in order: {0} {1}",
            ),
            (
                NoticeCode.OUT_OF_ORDER,
                self._too_late,
                "packets up to {2:.0f} s late, dropped: {0} {1}",
            ),
            (
                NoticeCode.OUT_OF_ORDER,
                self._same_sequence,
                "the sequence number stands still, time stamps rule: {0} {1}",
            ),
        )
        return [
            Notice(code, text.format(tally.count, tally, tally.latest * late))
            for code, tally, text in told
            if tally.count
        ]


def _chunk(run: _Run) -> Chunk:
    packets, start = run.packets, run.index * PACKET_TICKS
    imu = packets["imu"].reshape(-1, 10)
    return Chunk(
        start_tick=start,
        length=len(packets) * PACKET_TICKS,
        piezo=packets["piezo"].reshape(-1, 2),
        accelerometer=np.zeros((0, 0), dtype=np.uint16),
        accelerometer_ticks=np.zeros(0, dtype=np.int64),
        imu=imu,
        imu_ticks=np.arange(len(imu), dtype=np.int64) * IMU_TICKS + start,
        presses=from_mask((packets["flags"] & 1) > 0) * PACKET_TICKS + start,
    )


def _clocks(data: bytes, position: int) -> tuple[int, int]:
    """Return the sequence number and time stamp of the packet at ``position``."""
    sequence, time = struct.unpack_from("<xxBI", data, position)
    return sequence, time


def _signatures(data: bytes, first: int, past: int) -> NDArray[np.int64]:
    """Return where, from ``first`` to before ``past``, a packet may start by its signature."""
    past = min(past, len(data) - CLOCK_BYTES + 1)
    if past <= first:
        return np.zeros(0, dtype=np.int64)
    near = np.frombuffer(data, dtype=np.uint8, count=past - first + 1, offset=first)
    return np.flatnonzero((near[:-1] == SIGNATURE & 0xFF) & (near[1:] == SIGNATURE >> 8)) + first


def _all_clocks(
    data: bytes, positions: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sequence numbers and time stamps at all positions."""
    content = np.frombuffer(data, dtype=np.uint8)
    taken = content[positions[:, None] + np.arange(2, CLOCK_BYTES)].astype(np.int64)
    return taken[:, 0], taken[:, 1:] @ (1 << np.arange(0, 32, 8))


def _have_followers(
    data: bytes,
    found: NDArray[np.int64],
    sequences: NDArray[np.int64],
    times: NDArray[np.int64],
    period: float,
) -> NDArray[np.bool_]:
    """Tell which signatures have another behind them, a packet or more away, that agrees.

    Looked at are the place right behind the packet, and the next few signatures.
    """
    good = np.zeros(len(found), dtype=bool)
    reach = len(data) - CLOCK_BYTES
    content = np.frombuffer(data, dtype=np.uint8)
    every = (
        _signatures(data, int(found[0]), int(found[-1]) + LOOK_AHEAD_BYTES) if len(found) else found
    )
    beyond = np.searchsorted(every, found + PACKET.itemsize)
    for number in range(FOLLOWERS):
        if number:
            inside = beyond + number - 1 < len(every)
            other = every[np.minimum(beyond + number - 1, max(len(every) - 1, 0))]
        else:
            other = found + PACKET.itemsize
            inside = other <= reach
            other = np.minimum(other, max(reach, 0))
            inside &= (content[other] == SIGNATURE & 0xFF) & (content[other + 1] == SIGNATURE >> 8)
        later, at = _all_clocks(data, other)
        place_steps = (later - sequences) % SEQUENCE_WRAP
        by_time = _signed(at - times) / period
        near = (place_steps >= 1) & (place_steps <= NEAR_PACKETS)
        agree = near & (np.abs(place_steps - by_time) <= JITTER_PACKETS)
        if not number:  # the sequence number may stand still
            agree |= (place_steps == 0) & (np.abs(by_time - 1) < 0.5)
        good |= inside & agree
    return good


def _confirmed(data: bytes, position: int, period: float) -> bool:
    """Tell whether a packet behind the one at ``position`` agrees with it."""
    found = np.array([position], dtype=np.int64)
    return bool(_have_followers(data, found, *_all_clocks(data, found), period)[0])
