"""When each sensor could be judged: what was off, since when, why, and how it is told."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from femo_signal.formats.chunk import VOLTS_PER_COUNT
from femo_signal.intervals import (
    Intervals,
    as_intervals,
    close_gaps,
    difference,
    empty,
    intersection,
    to_mask,
)
from femo_signal.notices import Notice, NoticeCode
from femo_signal.preprocessing.filters import LOW_RATE
from femo_signal.preprocessing.mending import OffRun
from femo_signal.recording import SensorOff
from femo_signal.settings import TICKS_PER_SECOND, UsableSettings

__all__ = [
    "MotionWatch",
    "axes_at_rail",
    "clock",
    "exclusive",
    "missing",
    "notice_of_lost",
    "notice_of_motion_off",
    "notice_of_sensor_off",
    "notice_of_steps",
    "silent",
]

MOTION_COLUMNS = (0, 1, 2, 3, 7, 8, 9)  # quaternion and acceleration


def clock(tick: int) -> str:
    """Return a tick as hours, minutes and seconds from the start of the recording."""
    seconds = tick // TICKS_PER_SECOND
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def missing(
    stretches: Iterable[tuple[int, int]], gaps: Intervals, ticks: int, *, longer_than: int
) -> list[OffRun]:
    """Return where a sensor had no blocks although the recording went on.

    Parameters
    ----------
    stretches : iterable of (start, end)
        Ticks for which the sensor had samples.
    gaps : Intervals
        Ticks for which the file has nothing at all.
    ticks : int
        Length of the recording.
    longer_than : int
        Ticks; shorter holes between blocks are interpolated.
    """
    whole = np.array([[0, ticks]], dtype=np.int64)
    without = difference(difference(whole, as_intervals(list(stretches))), gaps)
    long = without[without[:, 1] - without[:, 0] > longer_than]
    return [OffRun(start, end, "no blocks") for start, end in long.tolist()]


def silent(
    samples: NDArray[np.float32], known: Intervals, *, settings: UsableSettings
) -> list[OffRun]:
    """Return where a band-passed sensor shows next to nothing, though elsewhere it never does.

    That is a sensor that rests against a stop of its own, with the noise of the converter alone.
    One that is quiet by nature has seconds of every loudness and is left alone.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        V, at 128 Hz.
    known : Intervals
        Ticks that are off or missing for another reason; they take no part.
    settings : UsableSettings
    """
    count = len(samples) // LOW_RATE
    seconds = samples[: count * LOW_RATE].reshape(count, LOW_RATE)
    level = np.sqrt(np.einsum("ij,ij->i", seconds, seconds) / LOW_RATE) / VOLTS_PER_COUNT
    touched = np.column_stack(
        (known[:, 0] // TICKS_PER_SECOND, -(-known[:, 1] // TICKS_PER_SECOND))
    ).astype(np.int64)
    usable = ~to_mask(as_intervals(touched), count)
    loud = level[usable & (level >= settings.silent_counts)]
    if len(loud) < settings.loud_share * np.count_nonzero(usable) or not len(loud):
        return []
    if np.quantile(loud, settings.loud_quantile) < settings.loud_ratio * settings.silent_counts:
        return []
    quiet = np.flatnonzero(usable & (level < settings.silent_counts))
    runs = as_intervals(np.column_stack((quiet, quiet + 1)))
    lasting = runs[:, 1] - runs[:, 0] >= settings.shortest_silent_seconds
    runs = runs[lasting] * TICKS_PER_SECOND
    return [OffRun(start, end, "constant") for start, end in runs.tolist()]


def axes_at_rail(ticks: list[int], step: int, *, least_ticks: int) -> list[OffRun]:
    """Return where an axis of an accelerometer rests against a rail for long.

    Parameters
    ----------
    ticks : list of int
        At which that was so, of those looked at.
    step : int
        Ticks between two looks.
    least_ticks : int
    """
    at = np.array(ticks, dtype=np.int64)
    runs = as_intervals(np.column_stack((at, at + step)))
    long = runs[runs[:, 1] - runs[:, 0] >= least_ticks]
    return [OffRun(start, end, "railed") for start, end in long.tolist()]


def exclusive(runs: Iterable[OffRun], gaps: Intervals) -> list[OffRun]:
    """Bring off runs in order, and take from each what the ones before and the gaps hold."""
    ordered = sorted(runs, key=lambda run: (run.start, -run.end))
    if not ordered:
        return []
    rows = np.array([[run.start, run.end] for run in ordered], dtype=np.int64)
    # None of the ones before starts later: together they hold all up to the furthest of their ends.
    reach = np.maximum.accumulate(rows[:, 1])
    rows[1:, 0] = np.maximum(rows[1:, 0], reach[:-1])
    kept = np.flatnonzero(rows[:, 1] > rows[:, 0])
    left = difference(rows[kept], gaps)
    of = kept[np.searchsorted(rows[kept, 0], left[:, 0], side="right") - 1]
    return [
        OffRun(start, end, ordered[number].reason)
        for (start, end), number in zip(left.tolist(), of.tolist(), strict=True)
    ]


class MotionWatch:
    """Leaves out the IMU's lost samples, and remembers where it was off."""

    def __init__(self, settings: UsableSettings) -> None:
        self._still_ticks = settings.still_seconds * TICKS_PER_SECOND
        self._hole = settings.longest_motion_hole_ticks
        self._seen: list[Intervals] = []  # ticks with samples, holes that are too long apart
        self._seconds: list[NDArray[np.int64]] = []  # ticks of the first sample in each second
        self._values: list[NDArray[np.int16]] = []  # and its values
        self._last_second = -1
        self._lost: dict[str, list[Intervals]] = {"constant": [], "railed": []}

    def sound(
        self, ticks: NDArray[np.int64], values: NDArray[np.int16]
    ) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
        """Return the samples that were measured: neither all zeros nor against a stop.

        Parameters
        ----------
        ticks : ndarray of int64, shape (m,)
        values : ndarray of int16, shape (m, 10)
        """
        if not len(ticks):
            return ticks, values
        railed, zero = _lost(values)
        for reason, lost in (("constant", zero), ("railed", railed)):
            if len(lost):
                self._lost[reason].append(_stretches(ticks[lost], self._hole))
        if len(railed) or len(zero):
            kept = np.delete(np.arange(len(ticks)), np.concatenate((railed, zero)))
            ticks, values = ticks[kept], values[kept]
        if len(ticks):
            self._seen.append(_stretches(ticks, self._hole))
            seconds = ticks // TICKS_PER_SECOND
            first = np.flatnonzero(np.diff(seconds, prepend=self._last_second))
            self._seconds.append(ticks[first])
            self._values.append(values[first][:, MOTION_COLUMNS])
            self._last_second = int(seconds[-1])
        return ticks, values

    def off(self, gaps: Intervals, ticks: int) -> list[OffRun]:
        """Return where a recording of ``ticks`` has no IMU, or one that stands still."""
        whole = np.array([[0, ticks]], dtype=np.int64)
        without = difference(difference(whole, _joined(self._seen, self._hole)), gaps)
        runs = []
        for reason, lost in self._lost.items():
            stuck = intersection(without, _joined(lost, self._hole))
            runs += _off_runs(stuck, reason, self._hole)
        told = as_intervals([[run.start, run.end] for run in runs])
        runs += _off_runs(difference(without, told), "no blocks", self._hole)
        if not self._seen:
            return exclusive(runs, gaps)
        at = np.concatenate(self._seconds)
        values = np.concatenate(self._values)
        changes = np.flatnonzero((values[1:] != values[:-1]).any(axis=1)) + 1
        first = np.concatenate(([0], changes))
        last = np.concatenate((changes, [len(at)])) - 1
        still = np.column_stack((at[first], at[last]))
        still = still[still[:, 1] - still[:, 0] >= self._still_ticks]
        runs += [OffRun(start, end, "constant") for start, end in still.tolist()]
        return exclusive(runs, gaps)


def _lost(values: NDArray[np.int16]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the samples with an acceleration at its stop, and those that are all zeros."""
    limits = np.iinfo(np.int16)
    acceleration = values[:, 7:]
    railed = np.zeros(0, dtype=np.int64)
    if acceleration.max() == limits.max or acceleration.min() == limits.min:
        stop = (acceleration == limits.max) | (acceleration == limits.min)
        railed = np.flatnonzero(stop.any(axis=1))
    zero = np.flatnonzero(values[:, -1] == 0)
    return railed, zero[~values[zero].any(axis=1)]


def _stretches(ticks: NDArray[np.int64], longest_hole: int) -> Intervals:
    """Return the stretches of samples without long holes between them."""
    holes = np.flatnonzero(np.diff(ticks) > longest_hole)
    starts = np.concatenate((ticks[:1], ticks[holes + 1]))
    ends = np.concatenate((ticks[holes], ticks[-1:])) + 1
    return np.column_stack((starts, ends))


def _joined(stretches: list[Intervals], longest_hole: int) -> Intervals:
    return close_gaps(as_intervals(np.concatenate((empty(), *stretches))), longest_hole)


def _off_runs(intervals: Intervals, reason: str, least_ticks: int) -> list[OffRun]:
    long = intervals[intervals[:, 1] - intervals[:, 0] >= least_ticks]
    return [OffRun(start, end, reason) for start, end in long.tolist()]


def notice_of_sensor_off(name: str, runs: list[SensorOff], duration_seconds: float) -> Notice:
    """Say in a sentence when a sensor was off."""
    total = sum(run.end_seconds - run.start_seconds for run in runs)
    reasons = ", ".join(sorted({run.reason for run in runs}))
    if total >= duration_seconds - 1:
        return Notice(
            NoticeCode.SENSOR_OFF,
            f"{name} was off for the whole recording ({reasons}): nothing is judged on it",
        )
    first = clock(round(runs[0].start_seconds * TICKS_PER_SECOND))
    return Notice(
        NoticeCode.SENSOR_OFF,
        f"{name} was off for {_seconds(total)} in all ({reasons}), first from {first} on: "
        "that time is not judged on it",
    )


def notice_of_motion_off(runs: list[SensorOff], duration_seconds: float) -> Notice:
    """Say in a sentence when body movement cannot be judged."""
    why = " and ".join(
        {"no blocks": "is absent", "constant": "does not change", "railed": "is at its stop"}[
            reason
        ]
        for reason in sorted({run.reason for run in runs})
    )
    total = sum(run.end_seconds - run.start_seconds for run in runs)
    start = runs[0].start_seconds
    if total >= duration_seconds - 1:
        return Notice(
            NoticeCode.MOTION_UNSEEN,
            f"body movement cannot be judged: the IMU {why} in this recording",
        )
    if len(runs) == 1 and runs[0].end_seconds >= duration_seconds - 1:
        return Notice(
            NoticeCode.MOTION_UNSEEN,
            f"body movement cannot be judged from {_seconds(start)} on: the IMU {why} there",
        )
    first = clock(round(start * TICKS_PER_SECOND))
    return Notice(
        NoticeCode.MOTION_UNSEEN,
        f"body movement cannot be judged for {_seconds(total)} in all, first from {first} on: "
        f"the IMU {why} there",
    )


def notice_of_lost(name: str, runs: list[tuple[int, int]]) -> Notice:
    """Say in a sentence how many samples of a sensor were interpolated."""
    count = sum(end - start for start, end in runs)
    return Notice(
        NoticeCode.SAMPLES_MENDED,
        f"{name}: {count} lost or false sample{'s' * (count > 1)} in {len(runs)} "
        f"place{'s' * (len(runs) > 1)}, first at {clock(runs[0][0])}, "
        f"{'were' if count > 1 else 'was'} interpolated",
    )


def notice_of_steps(name: str, ticks: list[int]) -> Notice:
    """Say in a sentence how often the baseline of a sensor was levelled."""
    times = f"{len(ticks)} times" if len(ticks) > 1 else "once"
    return Notice(
        NoticeCode.BASELINE_LEVELLED,
        f"{name}: the baseline stepped {times}, first at {clock(ticks[0])}: it was levelled",
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"
