"""Follows the packets of a recording: which one is sound, and where in time it belongs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import RecordingError
from femo_signal.formats.chunk import LONGEST_RECORDING_SECONDS
from femo_signal.formats.v2.agreement import (
    JITTER_PACKETS,
    NEAR_PACKETS,
    Place,
    agree,
    is_confirmed,
    signed,
)
from femo_signal.formats.v2.fates import Fates
from femo_signal.formats.v2.layout import (
    FILE_END,
    PACKET,
    PACKET_MS,
    PACKET_SIGNATURE,
    PACKET_TICKS,
    SEQUENCE_WRAP,
    SIGNATURE,
    all_clocks_at,
    clocks_at,
    signatures_in,
)
from femo_signal.formats.v2.order import WINDOW_PACKETS, PacketOrder, Run
from femo_signal.notices import Notice, NoticeCode
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["PacketTrack"]

LONGEST_PACKETS = LONGEST_RECORDING_SECONDS * TICKS_PER_SECOND // PACKET_TICKS
PERIOD_PACKETS = 256  # that tell how long one takes
WORST_PERIOD = 0.2  # of its nominal length: no clock is worse
LONGEST_PAUSE_PACKETS = 3600 * TICKS_PER_SECOND // PACKET_TICKS  # that any file may claim,
PAUSE_SHARE = 24  # or this many times what it holds


class PacketTrack:
    """Takes packets that agree with those before or with one after, and puts them in order.

    Parameters
    ----------
    file_bytes : int
    header_seconds : float
        How long the recording is by its header.
    """

    def __init__(self, file_bytes: int, header_seconds: float) -> None:
        self.last: Place | None = None  # the packet that is furthest in time
        self.order = PacketOrder()
        self.fates = Fates()
        self.notices: list[Notice] = []
        self.steps: list[tuple[int, int]] = []  # of the clock: counted tick, ticks
        self._file_bytes, self._header_seconds = file_bytes, header_seconds
        self._read_to = 0  # byte in the file behind the packet that was read last
        self._early = (0, 0.0)  # an early packet that tells the period: index, ms
        self._last_ms = 0.0  # of the last place, from the first packet on
        self._has_angles = False  # the last packet's quaternion is not 0
        self._stuck = False  # the sequence number stands still

    def following(self, data: bytes, position: int) -> NDArray[Any]:
        """Return the packets that follow without a gap and without anything between them."""
        if self.last is None:
            return np.zeros(0, dtype=PACKET)
        few = self._following_of(data, position, self.last, most=NEAR_PACKETS)
        if len(few) < NEAR_PACKETS - 1:
            return few
        return self._following_of(data, position, self.last, most=len(data))

    def _following_of(self, data: bytes, position: int, last: Place, *, most: int) -> NDArray[Any]:
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
            & (np.abs(signed(np.diff(times)) - PACKET_MS) <= JITTER_PACKETS * PACKET_MS)
        )
        count = count if good.all() else int(good.argmin())
        behind = position + count * PACKET.itemsize
        if not data.startswith((PACKET_SIGNATURE, FILE_END), behind):
            count = max(count - 1, 0)  # the last one may be cut short: it is judged on its own
        return packets[:count]

    def judge(self, data: bytes, position: int, origin: int) -> int:
        """Take the packet at ``position`` if it is one; return the bytes that are done with."""
        sequence, time = clocks_at(data, position)
        packet = np.frombuffer(data, dtype=PACKET, count=1, offset=position)
        at = origin + position
        if self.last is None:
            if not is_confirmed(data, position, PACKET_MS):
                return 0
            self.take(packet, self._first_steps(sequence, time), at)
            return PACKET.itemsize
        steps, by_time = self.last.steps(sequence, time, self.period)
        stuck = sequence == self.last.stored and abs(by_time - 1) < 0.5 and at == self._read_to
        if stuck or (agree(steps, by_time) and 1 <= steps <= NEAR_PACKETS):
            if not self._is_whole(data, position):
                return 0
            if stuck and steps != 1:
                self.fates.same_sequence.add(1, at, self.last.index + 1)
            self._stuck = bool(stuck and steps != 1)
            return self._forward(packet, 1 if stuck else int(steps), by_time, at)
        if agree(steps, by_time) and steps < 1:
            taken = self._back(data, position, packet, int(steps), at)
            index = self.last.index + int(steps)
            if taken or steps > -WINDOW_PACKETS or (index >= 0 and not self.order.has(index)):
                return taken  # else the clock may have been set back, or have started anew
        # One time stamp alone is not believed that much is missing, or that the clock was set.
        if not is_confirmed(data, position, self.period):
            return 0
        if agree(steps, by_time) and steps >= 1:
            return self._forward(packet, int(steps), by_time, at)
        return self._resume(packet, sequence, by_time, at)

    @property
    def period(self) -> float:
        """How many ms a packet takes, by the stamps so far."""
        index, now = self._early
        count = self.last.index - index if self.last else 0
        if count < PERIOD_PACKETS:
            return PACKET_MS
        period = (self._last_ms - now) / count
        return period if abs(period / PACKET_MS - 1) < WORST_PERIOD else PACKET_MS

    def _first_steps(self, sequence: int, time: int) -> int:
        """Return the place of the first packet: later ones are missing if both clocks say so."""
        if not 0 <= time <= self._header_seconds * 1000:
            return 1
        steps, by_time = Place(0, 0, 0, 0).steps(sequence, time, PACKET_MS)
        plausible = agree(steps, by_time) and steps >= 0 and self._admits(int(steps) + 1)
        return int(steps) + 1 if plausible else 1

    def _is_whole(self, data: bytes, position: int) -> bool:
        """Tell whether a packet whose clocks fit has all its bytes, as far as can be told."""
        behind = position + PACKET.itemsize
        if data.startswith((PACKET_SIGNATURE, FILE_END), behind) or len(data) == behind:
            return True
        inside = signatures_in(data, position + 1, behind)
        place = Place(0, *2 * clocks_at(data, position)[:1], clocks_at(data, position)[1])
        steps, by_time = place.steps(*all_clocks_at(data, inside), self.period)
        if (agree(steps, by_time) & (steps >= 1) & (steps <= NEAR_PACKETS)).any():
            return False  # the next one starts inside it
        quaternion = np.frombuffer(data, "<i2", 4, behind - 20).astype(np.float64)
        return not self._has_angles or abs(float(np.linalg.norm(quaternion)) / 10000 - 1) < 0.1

    def _forward(self, packet: NDArray[Any], steps: int, by_time: float, at: int) -> int:
        """Take a packet that its clocks put behind the last one."""
        if steps > 1 and not self._admits(steps):
            reason = "the file holds too little for so long a pause"
            self._set_clock(by_time, 1, reason)
            steps = 1
        elif steps > NEAR_PACKETS and at == self._read_to and steps % SEQUENCE_WRAP == 1:
            known = (self.last.index if self.last else 0) + self._file_bytes / PACKET.itemsize
            if (
                self._header_seconds > 0
                and self._header_seconds * 1000 / PACKET_MS
                < known + steps / 2 - (at / PACKET.itemsize)
            ):
                self._set_clock(by_time, 1, "the header leaves no room for missing packets")
                steps = 1
        self.take(packet, steps, at)
        return PACKET.itemsize

    def _admits(self, steps: int) -> bool:
        """Tell whether so many packets may be missing from a file of this size."""
        longest = max(LONGEST_PAUSE_PACKETS, PAUSE_SHARE * self._file_bytes / PACKET.itemsize)
        before = self.last.index if self.last else 0
        return steps <= longest and before + steps < LONGEST_PACKETS

    def _back(self, data: bytes, position: int, packet: NDArray[Any], steps: int, at: int) -> int:
        """Drop a repeat, put a late packet in its place; 0: it is neither."""
        assert self.last is not None
        index = self.last.index + steps
        if self.order.has(index):
            count = (len(data) - position) // PACKET.itemsize
            packets = np.frombuffer(data, dtype=PACKET, count=count, offset=position)
            count = self.order.repeated(index, packets)
            if not count and steps > -WINDOW_PACKETS:
                count = 1  # its place is taken by another: one of them is damaged
            if count:
                self.fates.repeated.add(count, at, index)
                self._read_to = at + count * PACKET.itemsize
            return count * PACKET.itemsize
        if index < 0 or not self._is_whole(data, position):
            return 0
        if steps <= -WINDOW_PACKETS:
            self.fates.too_late.add(1, at, index, -steps)
        else:
            self.fates.put_back.add(1, at, index, -steps)
            behind = signed(int(packet["time"][0]) - self.last.time)
            self.order.add(Run(index, packet, np.array([self._last_ms + behind], dtype=np.float64)))
        self._read_to = at + PACKET.itemsize
        return PACKET.itemsize

    def _resume(self, packet: NDArray[Any], sequence: int, by_time: float, at: int) -> int:
        """Take a packet that only one after it agrees with: the clock or the belt started anew."""
        assert self.last is not None
        by_sequence = (sequence - self.last.sequence) % SEQUENCE_WRAP or SEQUENCE_WRAP
        room = (at - self._read_to) // PACKET.itemsize + NEAR_PACKETS
        steps = round(by_time)
        if at == self._read_to and by_sequence == 1:
            self._set_clock(by_time, 1, "the sequence numbers were followed instead")
            steps = 1
        elif steps < 1 or not self._admits(steps):
            steps = by_sequence if by_sequence <= room else 1
            self._set_clock(by_time, steps, "the sequence numbers were followed instead")
        self.take(packet, steps, at)
        return PACKET.itemsize

    def _set_clock(self, by_time: float, steps: int, reason: str) -> None:
        """Note that the time stamps jump though no packets are missing."""
        assert self.last is not None
        jump = (by_time - steps) * self.period
        ticks = round(jump * TICKS_PER_SECOND / 1000)
        self.steps.append(((self.last.index + 1) * PACKET_TICKS, ticks))
        self._last_ms -= jump
        self.notices.append(
            Notice(
                NoticeCode.CLOCK_SET,
                f"the time stamps jump by {jump / 1000:.1f} s about "
                f"{(self.last.index + 1) * PACKET_MS / 1000:.0f} s after the start, as if the "
                f"clock had been set; {reason}",
            )
        )

    def take(self, packets: NDArray[Any], steps: int, at: int) -> None:
        """Put packets behind the last one, ``steps`` packets later."""
        before = self.last or Place(-1, 0xFF, 0xFF, int(packets["time"][0]))
        index = before.index + steps
        last = index + len(packets) - 1
        if last >= LONGEST_PACKETS:
            raise RecordingError(
                f"the recording is longer than {LONGEST_RECORDING_SECONDS // 3600} hours; "
                "split it into shorter ones",
                code="recording_too_long",
            )
        stored = np.concatenate(([before.time], packets["time"].astype(np.int64)))
        times = self._last_ms + np.cumsum(signed(np.diff(stored))).astype(np.float64)
        self._last_ms = float(times[-1])
        if self.last is None:
            self._early = (index, float(times[0]))
        self.order.add(Run(index, packets, times))
        final = packets[-1]
        sequence = int(final["sequence"])
        if self._stuck:
            sequence = (before.sequence + steps + len(packets) - 1) % SEQUENCE_WRAP
        self.last = Place(last, sequence, int(final["sequence"]), int(final["time"]))
        self._read_to = at + packets.nbytes
        self._has_angles = bool(final["imu"][-1, :4].any())
