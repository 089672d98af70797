"""The presses of a session of the first set, which two data cards saw by their own clocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from femo_signal.intervals import Intervals, clip, close_gaps, empty, from_mask, total
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["chosen", "clock_difference", "debounced", "without_stop_mark"]

# Presses closer together than this are one, whose contact bounced.
BOUNCE_SECONDS = 0.6
# The last press of a session of the first set ends it and is held for about three seconds; a
# felt movement is marked by a press of a fraction of a second.
STOP_MARK_SECONDS = 1.5
# The cards' clocks differ by about 20 ms. They are compared by presses that both cards saw: at
# least so many, which lie within the first of these times and agree within the second.
CLOCK_PRESSES = 3
CLOCK_REACH_SECONDS, CLOCK_TOLERANCE_SECONDS = 0.5, 0.010
CLOCK_AGREEMENT = 0.8  # share of the presses of the card that saw more


def debounced(button: NDArray[np.bool_]) -> Intervals:
    # A gap of whole ticks is shorter than the limit if it is at most the ticks before it.
    return close_gaps(from_mask(button), int(np.ceil(BOUNCE_SECONDS * TICKS_PER_SECOND)))


def clock_difference(first: Intervals, second: Intervals, notices: list[str]) -> int:
    """Return by how many ticks the second card's presses come later; 0 where that is not sure."""
    lag = _common_lag(first[:, 0], second[:, 0])
    milliseconds = 1000 * abs(lag or 0) / TICKS_PER_SECOND
    if lag is None:
        notices.append(
            "the clocks of the two data cards could not be compared (too few presses agree): the "
            "right acoustic sensor and the accelerometers may be off by some 20 ms"
        )
    elif lag:
        notices.append(
            f"the second data card's presses come {milliseconds:.0f} ms "
            f"{'later' if lag > 0 else 'earlier'} than the first one's: its channels (acoustic "
            "right, accelerometers) were moved by as much"
        )
    return lag or 0


def _common_lag(first: NDArray[np.int64], second: NDArray[np.int64]) -> int | None:
    """Return the lag on which most presses agree, in ticks, if they do."""
    if min(len(first), len(second)) < CLOCK_PRESSES:
        return None
    after = np.clip(np.searchsorted(second, first), 1, len(second) - 1)
    lags = second[np.stack((after - 1, after))] - first
    lags = np.take_along_axis(lags, np.abs(lags).argmin(axis=0)[None], axis=0)[0]
    lags = lags[np.abs(lags) <= CLOCK_REACH_SECONDS * TICKS_PER_SECOND]
    if not len(lags):
        return None
    near = np.abs(lags - np.median(lags)) <= CLOCK_TOLERANCE_SECONDS * TICKS_PER_SECOND
    wanted = max(CLOCK_PRESSES, CLOCK_AGREEMENT * max(len(first), len(second)))
    return round(float(np.median(lags[near]))) if near.sum() >= wanted else None


def chosen(presses: list[Intervals], lag: int, notices: list[str]) -> Intervals:
    """Return the first card's presses, the second one's where the first saw none."""
    first, second = presses
    if len(first) != len(second):
        notices.append(
            f"the first data card saw {len(first)} presses, the second {len(second)}: those of "
            f"the {'first' if len(first) else 'second'} were taken"
        )
    return first if len(first) else second - lag


def without_stop_mark(presses: Intervals, ticks: int, notices: list[str]) -> Intervals:
    """Leave out the press that ends a session, and tell."""
    presses = clip(presses, 0, ticks)
    if not len(presses):
        notices.append("nobody pressed the button: the session holds no label")
        return empty()
    last = presses[-1:]
    seconds = total(last) / TICKS_PER_SECOND
    when = f"the last press ({last[0, 0] / TICKS_PER_SECOND:.1f} s, {seconds:.1f} s long)"
    if seconds < STOP_MARK_SECONDS and last[0, 1] < ticks:
        notices.append(f"{when} is too short for a stop mark and was kept")
        return presses
    notices.append(f"{when} is the session's stop mark and was left out")
    return presses[:-1]
