"""Reads v2 recordings: packets of 64 samples, with a sequence number and a time stamp each."""

from __future__ import annotations

import struct
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
from femo_signal.intervals import from_mask
from femo_signal.recording import Gap
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["FILE_SIGNATURE", "SYNC_SIGNATURE", "V2Reader", "parse_header"]

SYNC_SIGNATURE = struct.pack("<H", 0xA55E)
FILE_SIGNATURE = struct.pack("<I", 0x48414148)
HEADER_END = struct.pack("<I", 0x485A5A48)
PACKET_SIGNATURE = struct.pack("<H", 0x504B)
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
SEQUENCE_WRAP = 256
JITTER_PACKETS = 2.0  # how far time stamp and sequence may disagree

CHUNK_BYTES = 1 << 20
LOOK_AHEAD_BYTES = 1 << 16  # so far behind a doubtful packet the next one is looked for


def parse_header(content: bytes) -> tuple[Header, int, list[str]]:
    """Read the header or headers at the start of a v2 file.

    Returns
    -------
    header : Header
    size : int
        Bytes before the first packet.
    notices : list of str

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
    start_s, start_ms, end_s, end_ms = struct.unpack("<IHIH", content[at + 4 : at + 16])
    notices = []
    if content[size - 4 : size] != HEADER_END:
        notices.append(f"the end mark of the file header at byte {size - 4} is damaged")
    if not plausible_time(start_s, start_ms):
        notices.append("the start time in the header is implausible: times of day are unreliable")
    start = unix_time(start_s, start_ms)
    header = Header(
        format="v2",
        start=start,
        end=unix_time(end_s, end_ms) if plausible_time(end_s, end_ms) else start,
        piezo_names=("sensor_3", "sensor_6"),
        accelerometer_names=(),
    )
    return header, size, notices


@dataclass
class _Place:
    """The last packet that was placed in time."""

    index: int  # packets since the start of the recording
    sequence: int
    time: int  # ms

    def steps(self, sequence: int, time: int) -> int | None:
        """Return how many packets later a packet is, if its two clocks agree on it."""
        by_time = (time - self.time) / PACKET_MS
        by_sequence = (sequence - self.sequence) % SEQUENCE_WRAP
        steps = by_sequence + SEQUENCE_WRAP * round((by_time - by_sequence) / SEQUENCE_WRAP)
        agree = abs(steps - by_time) <= JITTER_PACKETS and 1 <= steps <= LONGEST_PACKETS
        return steps if agree else None


class V2Reader:
    """Reads a v2 file once, in chunks.

    A packet counts if its sequence number and time stamp agree with the packet before, or with
    the packet after; anything else is stepped over byte by byte to the next packet signature.
    Sequence and time stamps keep the time base over what is missing, which is in ``gaps``.

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
        self.bytes_read = 0
        self._path = path
        self._chunk_bytes = max(chunk_bytes, 2 * LOOK_AHEAD_BYTES)
        self._last: _Place | None = None
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
                while True:
                    position, runs, wants_more = self._next(data, position, origin, at_end=at_end)
                    yield from runs
                    if wants_more:
                        break
                origin += position
                data = data[position:]
        self._summarise(origin + len(data))

    def _next(
        self, data: bytes, position: int, origin: int, *, at_end: bool
    ) -> tuple[int, list[Chunk], bool]:
        """Take the packets at ``position``, or step over one byte or packet."""
        if self._last is not None:
            packets = self._following(data, position, self._last)
            if len(packets):
                chunk = self._place(packets, 1)
                return position + packets.nbytes, [chunk], False
        left = len(data) - position
        if left < LOOK_AHEAD_BYTES and not at_end:
            return position, [], True
        if data[position : position + 4] == FILE_END and left < PACKET.itemsize:
            self._finished = True
            return len(data), [], True
        if left < PACKET.itemsize:
            return len(data), [], True
        if data[position : position + 2] != PACKET_SIGNATURE:
            following = data.find(PACKET_SIGNATURE, position)
            if following < 0:
                following = len(data) - (0 if at_end else 1)
            self._step_over(origin + position, following - position)
            return following, [], False
        steps, skip = self._judge(data, position)
        if steps is None:
            self._step_over(origin + position, skip)
            return position + skip, [], False
        packets = np.frombuffer(data, dtype=PACKET, count=1, offset=position)
        return position + PACKET.itemsize, [self._place(packets, steps)], False

    def _following(self, data: bytes, position: int, last: _Place) -> NDArray[Any]:
        """Return the packets that follow without a gap and without anything between them."""
        count = (len(data) - position) // PACKET.itemsize
        packets = np.frombuffer(data, dtype=PACKET, count=count, offset=position)
        step = np.arange(1, count + 1)
        times = np.concatenate(([last.time], packets["time"].astype(np.int64)))
        good = (
            (packets["signature"] == 0x504B)
            & (packets["sequence"] == ((last.sequence + step) & 0xFF))
            & (np.abs(np.diff(times) - PACKET_MS) <= JITTER_PACKETS * PACKET_MS)
        )
        count = count if good.all() else int(good.argmin())
        behind = position + count * PACKET.itemsize
        if not data.startswith((PACKET_SIGNATURE, FILE_END), behind):
            count = max(count - 1, 0)  # the last one may be cut short: it is judged on its own
        return packets[:count]

    def _judge(self, data: bytes, position: int) -> tuple[int | None, int]:
        """Tell how many packets after the last one this one is, else how many bytes to skip."""
        sequence, time = _clocks(data, position)
        behind = position + PACKET.itemsize
        place = _Place(0, sequence, time)
        following = _find_following(data, position, place)
        if following is None:
            # Nothing confirms it. Behind it are its file's last bytes, or garbage.
            sound = len(data) - behind < PACKET.itemsize and self._last is not None
        elif following < behind:
            return None, following - position  # cut short: the next one starts inside it
        else:
            # Bytes put in behind a packet leave it whole; bytes written over it may not.
            sound = place.steps(*_clocks(data, following)) == 1
        steps = self._steps(sequence, time)
        if steps is not None:
            return (steps, 0) if sound else (None, PACKET.itemsize)
        if following == behind:
            return self._resumed(sequence, time), 0
        at_packet = data.startswith(PACKET_SIGNATURE, behind)
        return None, PACKET.itemsize if at_packet else 1

    def _steps(self, sequence: int, time: int) -> int | None:
        if self._last is not None:
            return self._last.steps(sequence, time)
        # The first packet: packets before it are missing if both clocks say so.
        length = (self.header.end - self.header.start).total_seconds() * 1000
        if 0 <= time <= length:
            steps = _Place(0, 0, 0).steps(sequence, time)
            return 1 if steps is None else steps + 1
        return 1

    def _resumed(self, sequence: int, time: int) -> int:
        """Return the steps to a packet that only the one after it agrees with."""
        assert self._last is not None
        by_time = round((time - self._last.time) / PACKET_MS)
        by_sequence = (sequence - self._last.sequence) % SEQUENCE_WRAP or SEQUENCE_WRAP
        if by_time >= 1 and self._last.index + by_time < LONGEST_PACKETS:
            return by_time
        self.notices.append(
            f"the time stamps jump about {self._last.index * PACKET_MS / 1000:.0f} s after the "
            "start; the sequence numbers were followed instead"
        )
        return by_sequence

    def _step_over(self, at: int, count: int) -> None:
        if not self._stepped_over:
            self._first_stepped_over = at
        self._stepped_over += count

    def _place(self, packets: NDArray[Any], steps: int) -> Chunk:
        """Put packets behind the last one, ``steps`` packets later, and leave a gap between."""
        before = self._last.index if self._last is not None else -1
        index = before + steps
        if index + len(packets) > LONGEST_PACKETS:
            raise RecordingError(
                f"the recording is longer than {LONGEST_RECORDING_SECONDS // 3600} hours; "
                "split it into shorter ones",
                code="recording_too_long",
            )
        if steps > 1:
            seconds = PACKET_MS / 1000
            self.gaps.append(
                Gap(
                    (before + 1) * seconds,
                    index * seconds,
                    f"{steps - 1} packets are missing or damaged",
                )
            )
        final = packets[-1]
        self._last = _Place(index + len(packets) - 1, int(final["sequence"]), int(final["time"]))
        start = index * PACKET_TICKS
        imu = packets["imu"].reshape(-1, 10)
        presses = from_mask((packets["flags"] & 1) > 0) * PACKET_TICKS + start
        return Chunk(
            start_tick=start,
            length=len(packets) * PACKET_TICKS,
            piezo=packets["piezo"].reshape(-1, 2),
            accelerometer=np.zeros((0, 0), dtype=np.uint16),
            accelerometer_ticks=np.zeros(0, dtype=np.int64),
            imu=imu,
            imu_ticks=np.arange(len(imu), dtype=np.int64) * IMU_TICKS + start,
            presses=presses,
        )

    def _summarise(self, size: int) -> None:
        if self._last is None:
            raise RecordingError(
                f"no packet follows the v2 header (bytes {self._data_start} to {size}); "
                "transfer the recording again",
                code="recording_without_data",
            )
        if self._stepped_over:
            self.notices.append(
                f"{self._stepped_over} bytes, the first at byte {self._first_stepped_over}, "
                "belong to no sound packet and were stepped over"
            )
        if not self._finished:
            self.notices.append(
                f"the end mark is missing after byte {size - 1}: the file was cut off"
            )
        stored = (self.header.end - self.header.start).total_seconds()
        length = (self._last.index + 1) * PACKET_MS / 1000
        if abs(stored - length) > 1:
            self.notices.append(
                f"the header says {stored:.1f} s, the packets last {length:.1f} s; "
                "the packets were analysed"
            )


def _find_following(data: bytes, position: int, place: _Place) -> int | None:
    """Return where the next packet after the one at ``position`` starts, as its clocks tell."""
    behind = position + PACKET.itemsize
    candidate = behind if data.startswith(PACKET_SIGNATURE, behind) else position
    end = min(len(data) - CLOCK_BYTES, position + LOOK_AHEAD_BYTES)
    while 0 <= candidate <= end:
        if candidate > position and place.steps(*_clocks(data, candidate)) is not None:
            return candidate
        candidate = data.find(PACKET_SIGNATURE, candidate + 1, end + 2)
    return None


def _clocks(data: bytes, position: int) -> tuple[int, int]:
    """Return the sequence number and time stamp of the packet at ``position``."""
    sequence, time = struct.unpack("<xxBI", data[position : position + CLOCK_BYTES])
    return sequence, time
