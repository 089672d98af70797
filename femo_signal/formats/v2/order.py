"""Puts packets in order, each once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.formats.v2.agreement import NEAR_PACKETS
from femo_signal.formats.v2.layout import PACKET, PACKET_TICKS
from femo_signal.recording import Gap
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["WINDOW_PACKETS", "PacketOrder", "Run"]

WINDOW_PACKETS = 64  # 4 s: packets that come later than this are not put back in order


@dataclass(frozen=True)
class Run:
    """Packets that follow each other in time."""

    index: int  # of the first
    packets: NDArray[Any]
    times: NDArray[np.float64]  # ms, from the first packet on; steps of the clock taken out


class PacketOrder:
    """Puts packets in order, each once, and remembers which there were.

    A packet may come up to `WINDOW_PACKETS` late. What is known of older ones is a fingerprint.
    """

    def __init__(self) -> None:
        self._waiting: list[Run] = []
        self._held = 0  # packets in them
        self._prints = np.zeros(1 << 12, dtype=np.uint64)  # by index; 0: none
        self._end = 0  # index behind the last one that was handed on
        self.gaps: list[Gap] = []  # in counted time

    def add(self, run: Run) -> None:
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

    def hand_on(self, settled: int, *, least: int = 1) -> Iterator[Run]:
        """Yield the runs before index ``settled``, if that may be as many packets as told."""
        if self._held < least:
            return
        self._waiting.sort(key=lambda run: run.index)
        ready: list[Run] = []
        later: list[Run] = []
        for run in self._waiting:
            count = min(max(settled - run.index, 0), len(run.packets))
            if count:
                ready.append(Run(run.index, run.packets[:count], run.times[:count]))
            if count < len(run.packets):
                later.append(Run(run.index + count, run.packets[count:], run.times[count:]))
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


def _joined(runs: list[Run]) -> Iterator[Run]:
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
            yield Run(
                group[0].index,
                np.concatenate([run.packets for run in group]),
                np.concatenate([run.times for run in group]),
            )


def _fingerprints(packets: NDArray[Any]) -> NDArray[np.uint64]:
    """Return numbers, none 0, that tell packets apart by their first and last samples."""
    piezo = packets["piezo"][:, :2].reshape(len(packets), 4).view(np.uint64).ravel()
    imu = np.ascontiguousarray(packets["imu"][:, -1, -4:]).view(np.uint64).ravel()
    return (piezo ^ (imu << np.uint64(1))) | np.uint64(1)
