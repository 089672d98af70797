"""Whether the sequence numbers and time stamps of packets agree, and on which distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.formats.v2.layout import (
    CLOCK_BYTES,
    PACKET,
    SEQUENCE_WRAP,
    SIGNATURE,
    TIME_WRAP,
    all_clocks_at,
    signatures_in,
)

__all__ = [
    "JITTER_PACKETS",
    "LOOK_AHEAD_BYTES",
    "NEAR_PACKETS",
    "Place",
    "agree",
    "have_followers",
    "is_confirmed",
    "signed",
]

JITTER_PACKETS = 2.0  # how far time stamp and sequence may disagree,
CLOCK_ERROR = 0.002  # and this share of the time between two packets,
MOST_DISAGREEMENT = 32.0  # but no more
NEAR_PACKETS = 64  # a packet so near behind another confirms it
FOLLOWERS = 8  # signatures behind a doubtful packet that are compared with it
LOOK_AHEAD_BYTES = 1 << 16  # so far behind a doubtful packet the next one is looked for


@dataclass(frozen=True)
class Place:
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
        by_time = signed(time - self.time) / period
        by_sequence = (sequence - self.sequence) % SEQUENCE_WRAP
        wraps = np.rint((by_time - by_sequence) / SEQUENCE_WRAP)
        return by_sequence + SEQUENCE_WRAP * wraps, by_time


def signed(milliseconds: Any) -> Any:
    """Return differences of time stamps, which start anew after 49.7 days."""
    return (milliseconds + TIME_WRAP // 2) % TIME_WRAP - TIME_WRAP // 2


def agree(steps: Any, by_time: Any) -> Any:
    """Tell whether sequence numbers and time stamps say the same; a clock may be off a little."""
    return np.abs(steps - by_time) <= np.minimum(
        JITTER_PACKETS + CLOCK_ERROR * np.abs(by_time), MOST_DISAGREEMENT
    )


def have_followers(
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
        signatures_in(data, int(found[0]), int(found[-1]) + LOOK_AHEAD_BYTES)
        if len(found)
        else found
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
        later, at = all_clocks_at(data, other)
        place_steps = (later - sequences) % SEQUENCE_WRAP
        by_time = signed(at - times) / period
        near = (place_steps >= 1) & (place_steps <= NEAR_PACKETS)
        agree = near & (np.abs(place_steps - by_time) <= JITTER_PACKETS)
        if not number:  # the sequence number may stand still
            agree |= (place_steps == 0) & (np.abs(by_time - 1) < 0.5)
        good |= inside & agree
    return good


def is_confirmed(data: bytes, position: int, period: float) -> bool:
    """Tell whether a packet behind the one at ``position`` agrees with it."""
    found = np.array([position], dtype=np.int64)
    return bool(have_followers(data, found, *all_clocks_at(data, found), period)[0])
