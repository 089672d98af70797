"""Looks behind damage for the next place in a v2 file at which a packet may start."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from femo_signal.formats.v2.agreement import (
    LOOK_AHEAD_BYTES,
    NEAR_PACKETS,
    Place,
    agree,
    have_followers,
)
from femo_signal.formats.v2.layout import FILE_END, PACKET, all_clocks_at, signatures_in
from femo_signal.formats.v2.order import WINDOW_PACKETS
from femo_signal.formats.v2.track import PacketTrack

__all__ = ["PacketSearch"]


class PacketSearch:
    """Remembers what it found, so that no byte is looked at again and again."""

    def __init__(self, track: PacketTrack) -> None:
        self._track = track
        self._searched_with: Place | None = None  # the last place when it was searched
        self._searched_to = 0  # up to this byte in the file,
        self._promised: deque[int] = deque()  # and what was found: bytes in the file

    def next(self, data: bytes, position: int, origin: int, *, at_end: bool) -> int:
        """Return where the next packet may start, behind ``position``."""
        first, width = position + 1, PACKET.itemsize * 4
        end = len(data) if at_end else len(data) - LOOK_AHEAD_BYTES
        if self._searched_with is self._track.last and self._searched_to > origin + first:
            while self._promised and self._promised[0] < origin + first:
                self._promised.popleft()
            if self._promised:
                return self._promised[0] - origin
            first = self._searched_to - origin
        while first < end:
            past = min(first + width, end)
            found = signatures_in(data, first, past)
            promising = found[self._promising(data, found)]
            self._searched_with, self._searched_to = self._track.last, origin + past
            self._promised = deque((promising + origin).tolist())
            if len(promising):
                return int(promising[0])
            first, width = past, min(width * 8, LOOK_AHEAD_BYTES)
        last = data.find(FILE_END, max(len(data) - 4, position + 1)) if at_end else -1
        return last if last >= 0 else max(end, position + 1)

    def _promising(self, data: bytes, found: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which signatures may start packets: their clocks fit, or agree with later ones."""
        last = self._track.last
        sequences, times = all_clocks_at(data, found)
        good = have_followers(data, found, sequences, times, self._track.period)
        if last is not None:
            steps, by_time = last.steps(sequences, times, self._track.period)
            fits = agree(steps, by_time) & (steps <= NEAR_PACKETS)
            # Where another packet was, only the same one again can be.
            old = np.flatnonzero(fits & (steps <= -WINDOW_PACKETS))
            whole = old[found[old] + PACKET.itemsize <= len(data)]
            fits[old] = False
            fits[whole] = [
                self._track.order.may_be(last.index + int(steps[k]), data, int(found[k]))
                for k in whole
            ]
            good |= fits
        return good
