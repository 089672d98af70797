"""Puts samples that a belt took by its own clock onto the grid of 1024 ticks a second.

A reader counts samples; the time stamps say when they were taken. Where both agree, samples pass
untouched. Where they drift apart, time is stretched between knots a minute apart, and the samples
are interpolated. What comes out depends on counts and stamps alone, not on how a file was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femo_signal.formats.chunk import Chunk
from femo_signal.intervals import clip, from_mask, union
from femo_signal.notices import Notice, NoticeCode
from femo_signal.recording import Clock, ClockStep, Gap
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["Timebase", "clock_notices", "robust_line"]

BLOCK_TICKS = 1 << 16  # between knots
MOST_STAMPS = 64  # of a block that are looked at
HOLD_TICKS = 20.0  # so far samples may be from their time before they are moved
SURE = 4.0  # standard errors by which a deviation must exceed the jitter of the stamps
STEEPEST = 0.25  # of a tick a tick: no clock is worse
LINK_TICKS = 128  # samples of a kind further apart than this have nothing between them
IMU_STEP = 8  # ticks
FALSE_COUNTS = 4096  # by which a signal must leap to a stop of its converter to be false there,
FALSE_FACTOR = 3  # and so many times its change just before: a wave meets a stop by its own slope
HEADER_TOLERANCE = 0.005  # 50 times what a poor crystal is off by


@dataclass(frozen=True)
class _Node:
    """How far the stamps of a block are from the count of its samples."""

    at: float  # counted ticks
    offset: float  # ticks
    error: float  # its standard error, ticks
    stamps: int


def robust_line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """Fit a line that less than 29 % of outliers cannot bend (Theil 1950, Sen 1968).

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,), n >= 2
        Not all x the same.

    Returns
    -------
    slope, level : float
        Level at ``x = 0``.
    slope_error : float
        Standard error of the slope, from the median deviation.
    """
    first, second = np.triu_indices(len(x), 1)
    run = x[second] - x[first]
    slope = float(np.median((y[second] - y[first])[run != 0] / run[run != 0]))
    rest = y - slope * x
    level = float(np.median(rest))
    return slope, level, _median_error(rest - level) / max(float(np.std(x)), 1e-9)


def _median_error(rest: NDArray[np.float64]) -> float:
    """Return the standard error of a median: 1.4826 MAD is the deviation of a normal sample."""
    return 1.2533 * 1.4826 * float(np.median(np.abs(rest))) / float(np.sqrt(len(rest)))


class Timebase:
    """Takes chunks whose ticks count samples; gives chunks whose ticks are time.

    The offset of the stamps from the count is measured in each block of 64 s, by a median. At the
    knots between blocks the samples' offset stays as it is while the measured one is within 20 ms
    of it or within its own error, else moves there. Between knots it is linear.
    """

    def __init__(self) -> None:
        self._held: list[Chunk] = []  # counted ticks
        self._counted = 0  # end of what was pushed
        self._done = 0  # counted ticks: end of what was handed on
        self._stamps: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []  # not yet used
        self._nodes: list[_Node] = []
        self._slope = 0.0  # of the last nodes, ticks a tick
        self._base: float | None = None  # offset of the stamps at the first sample
        self._refused = 0  # blocks with stamps that cannot be those of a clock
        self._measured = 0  # blocks
        self._knots = [0]  # offset at each knot, ticks

    def push(
        self, chunk: Chunk, stamped: NDArray[np.int64], times: NDArray[np.float64]
    ) -> Iterator[Chunk]:
        """Take the next chunk, and the stamps among its samples; yield what is settled.

        Parameters
        ----------
        chunk : Chunk
            Its ticks count samples, missing ones included.
        stamped : ndarray of int64, shape (n,)
            Counted ticks with a time stamp.
        times : ndarray of float64, shape (n,)
            Ticks from the start that the stamps stand for; steps of the clock taken out.
        """
        self._held.append(chunk)
        if len(stamped):
            self._stamps.append((stamped, times))
        self._counted = chunk.start_tick + chunk.length
        while self._counted >= (len(self._knots) + 1) * BLOCK_TICKS:
            self._measure()
            self._set_knot()
            yield from self._hand_on()

    def finish(self) -> Iterator[Chunk]:
        """Yield the rest."""
        while (len(self._knots) - 1) * BLOCK_TICKS < self._counted:
            self._measure()
            self._set_knot()
        yield from self._hand_on(final=True)

    def ticks(self, counted: ArrayLike) -> NDArray[np.int64]:
        """Return the ticks of the samples with these counts, once all is read; shape (n,)."""
        return np.ceil(self._time(np.asarray(counted) - 0.5)).astype(np.int64)

    def moved(self, gaps: Iterable[Gap]) -> list[Gap]:
        """Return gaps between counted samples where they lie in time, once all is read."""
        known = list(gaps)
        edges = [(gap.start_seconds, gap.end_seconds) for gap in known]
        counted = np.rint(np.array(edges).reshape(-1, 2) * TICKS_PER_SECOND)
        times = (self.ticks(counted) / TICKS_PER_SECOND).tolist()
        return [
            Gap(start, end, gap.reason)
            for gap, (start, end) in zip(known, times, strict=True)
            if start < end
        ]

    def clock(self, steps: Sequence[tuple[int, int]] = ()) -> Clock:
        """Tell what the stamps say about the belt's clock, once all is read.

        Parameters
        ----------
        steps : sequence of (counted tick, ticks)
            Where the clock was set, and by how much.
        """
        stamps = sum(node.stamps for node in self._nodes)
        rate = None
        if len(self._nodes) > 1:
            first, last = self._nodes[0], self._nodes[-1]
            slope = (last.offset - first.offset) / (last.at - first.at)
            rate = TICKS_PER_SECOND / (1 + slope)
        elif stamps > 2 and not self._refused:
            rate = TICKS_PER_SECOND / (1 + self._slope)
        counted = np.array([tick for tick, _ in steps], dtype=np.int64)
        at = (self.ticks(counted) / TICKS_PER_SECOND).tolist()
        return Clock(
            stamps,
            self._refused >= max(len(self._nodes), 1),
            rate,
            self._moved() / TICKS_PER_SECOND,
            tuple(
                ClockStep(seconds, ticks / TICKS_PER_SECOND)
                for seconds, (_, ticks) in zip(at, steps, strict=True)
            ),
        )

    def _moved(self) -> float:
        """Return by how many ticks the samples were moved at most."""
        knots = np.arange(len(self._knots)) * BLOCK_TICKS - 0.5
        places = np.append(knots[knots < self._counted], self._counted)
        return float(np.abs(self._time(places) - places).max())

    def _time(self, counted: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        edges = np.arange(len(self._knots)) * BLOCK_TICKS - 0.5
        return np.asarray(counted + np.interp(counted, edges, self._knots), dtype=np.float64)

    def _measure(self) -> None:
        """Measure the offset in the blocks of which all stamps are known."""
        wanted = min(len(self._knots) + 1, -(-self._counted // BLOCK_TICKS))
        while self._measured < wanted:
            self._measured += 1
            stamped, times = self._take_stamps(self._measured * BLOCK_TICKS)
            if len(stamped):
                self._add_node(stamped.astype(np.float64), times - stamped)

    def _take_stamps(self, past: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        taken_at, taken_times = [], []
        while self._stamps and self._stamps[0][0][0] < past:
            stamped, times = self._stamps.pop(0)
            inside = int(np.searchsorted(stamped, past))
            if inside < len(stamped):
                self._stamps.insert(0, (stamped[inside:], times[inside:]))
            taken_at.append(stamped[:inside])
            taken_times.append(times[:inside])
        if not taken_at:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        stamped, times = np.concatenate(taken_at), np.concatenate(taken_times)
        if len(stamped) <= MOST_STAMPS:
            return stamped, times
        few = np.linspace(0, len(stamped) - 1, MOST_STAMPS).astype(int)
        return stamped[few], times[few]

    def _add_node(self, at: NDArray[np.float64], offsets: NDArray[np.float64]) -> None:
        if self._base is None and len(at) > 2:
            slope, level, error = robust_line(at, offsets)
            if abs(slope) > STEEPEST:
                self._refused += 1  # stamps that stand still, or that are of no clock at all
                return
            if abs(slope) > max(SURE * error, 1e-6):
                self._slope = slope
                self._base = level
            else:
                self._base = float(np.median(offsets))
        middle = float(np.median(at))
        rest = offsets - self._slope * (at - middle)
        offset = float(np.median(rest))
        node = _Node(middle, offset, _median_error(rest - offset), len(at))
        if self._nodes:
            before = self._nodes[-1]
            slope = (offset - before.offset) / (middle - before.at)
            if abs(slope) > STEEPEST:
                self._refused += 1
                return
            error = float(np.hypot(node.error, before.error)) / (middle - before.at)
            if abs(slope - self._slope) > SURE * error:
                self._slope = slope
            if self._base is None:
                self._base = before.offset - self._slope * before.at
        self._nodes.append(node)

    def _set_knot(self) -> None:
        """Decide on the offset at the end of the block that is next."""
        at = len(self._knots) * BLOCK_TICKS
        offset = self._knots[-1]
        before = [node for node in self._nodes[-3:] if node.at <= at]
        after = [node for node in self._nodes[-3:] if node.at > at]
        if before and self._base is not None:
            left = before[-1]
            slope, error = self._slope, left.error
            if after:
                right = after[0]
                slope = (right.offset - left.offset) / (right.at - left.at)
                error = max(left.error, right.error)
            wanted = left.offset + slope * (at - left.at) - self._base
            steepest = STEEPEST * BLOCK_TICKS
            beyond = slope * max(at - self._counted, 0)  # where there are no samples
            if abs(wanted - beyond - offset) > max(HOLD_TICKS, SURE * error):
                offset += round(float(np.clip(wanted - offset, -steepest, steepest)))
        self._knots.append(offset)

    def _hand_on(self, *, final: bool = False) -> Iterator[Chunk]:
        """Yield the samples up to the last knot."""
        end = min((len(self._knots) - 1) * BLOCK_TICKS, self._counted)
        while self._done < end:
            block = self._done // BLOCK_TICKS
            offset = self._knots[block]
            stretched = block + 1
            while stretched < len(self._knots) and self._knots[stretched] == offset:
                stretched += 1
            past = min((stretched - 1) * BLOCK_TICKS, end)
            if past > self._done:
                yield from self._pass(past, offset, whole=past == end and not final)
                if self._done < past:
                    return  # the rest of the chunk that is held passes with what follows
            else:
                past = min((block + 1) * BLOCK_TICKS, end)
                yield from self._stretch(block * BLOCK_TICKS, past)
                self._done = past
            self._forget()

    def _forget(self) -> None:
        oldest = self._done - LINK_TICKS
        while self._held and self._held[0].start_tick + self._held[0].length <= oldest:
            self._held.pop(0)

    def _pass(self, past: int, offset: int, *, whole: bool) -> Iterator[Chunk]:
        """Yield samples as they are, up to ``past``; only whole chunks if told so."""
        for chunk in self._held:
            end = chunk.start_tick + chunk.length
            if end <= self._done:
                continue
            if chunk.start_tick >= past or (end > past and whole):
                break
            part = _cut(chunk, max(self._done, chunk.start_tick), min(end, past))
            self._done = part.start_tick + part.length
            yield _shifted(part, offset)
        else:
            self._done = past
            return
        if chunk.start_tick >= past:
            self._done = past

    def _stretch(self, start: int, past: int) -> Iterator[Chunk]:
        """Yield the samples counted from ``start`` on, interpolated where they belong in time."""
        parts = [
            _cut(chunk, max(chunk.start_tick, start - LINK_TICKS), min(end, past + LINK_TICKS))
            for chunk in self._held
            if (end := chunk.start_tick + chunk.length) > start - LINK_TICKS
            and chunk.start_tick < past + LINK_TICKS
        ]
        for run in _runs(parts):
            first = max(run[0].start_tick, start)
            last = min(run[-1].start_tick + run[-1].length, past)
            if first < last:
                low, high = self.ticks([first, last]).tolist()
                if low < high:
                    yield self._resample(run, low, high)

    def _resample(self, run: list[Chunk], low: int, high: int) -> Chunk:
        grid = np.arange(low, high)
        edges = np.arange(len(self._knots)) * BLOCK_TICKS - 0.5
        counted = np.interp(grid, edges + self._knots, edges)
        kept, piezo = _interpolate(*_joined(run, "piezo"), counted)
        piezo_ticks = None if len(kept) == len(grid) else grid[kept]
        kept, accelerometer = _interpolate(*_joined(run, "accelerometer"), counted)
        accelerometer_ticks = None if len(kept) == len(grid) else grid[kept]
        first = -low % IMU_STEP
        imu_grid = grid[first::IMU_STEP]
        kept, imu = _interpolate(*_joined(run, "imu"), counted[first::IMU_STEP])
        presses = union(*(chunk.presses for chunk in run))
        return Chunk(
            start_tick=low,
            length=high - low,
            piezo=piezo,
            accelerometer=accelerometer,
            accelerometer_ticks=accelerometer_ticks,
            imu=imu,
            imu_ticks=imu_grid[kept],
            presses=clip(self.ticks(presses).reshape(-1, 2), low, high),
            piezo_ticks=piezo_ticks,
        )


def clock_notices(clock: Clock, header_rate: int) -> list[Notice]:
    """Tell where samples were moved because the time stamps said so, or where stamps are none.

    Parameters
    ----------
    clock : Clock
    header_rate : int
        Hz: what the file's header names.
    """
    if clock.unusable:
        return [
            Notice(
                NoticeCode.CLOCK_UNUSABLE,
                "the time stamps do not go on with the samples: times count the samples, "
                f"{TICKS_PER_SECOND} a second",
            )
        ]
    notices: list[Notice] = []
    if clock.sample_rate is not None and header_rate != TICKS_PER_SECOND:
        notices += _header_notices(clock.sample_rate, header_rate)
    if not clock.moved_seconds or clock.sample_rate is None:
        return notices
    return [
        *notices,
        Notice(
            NoticeCode.CLOCK_RATE,
            f"the time stamps tell of {clock.sample_rate:.2f} samples a second where "
            f"{TICKS_PER_SECOND} were expected: times follow the stamps, which moves samples by "
            f"up to {clock.moved_seconds:.2f} s",
        ),
    ]


def _header_notices(rate: float, header_rate: int) -> list[Notice]:
    """Tell where a header names another rate than the time stamps.

    A header that names 1024 Hz names what is expected, which `clock_notices` compares already.
    """
    if abs(rate / header_rate - 1) <= HEADER_TOLERANCE:
        return []
    return [
        Notice(
            NoticeCode.CLOCK_RATE,
            f"the header names {header_rate} samples a second, the time stamps tell of "
            f"{rate:.2f}: times follow the stamps",
        )
    ]


def _runs(parts: Sequence[Chunk]) -> Iterator[list[Chunk]]:
    """Group chunks that follow each other without a gap."""
    run: list[Chunk] = []
    for part in parts:
        if run and part.start_tick > run[-1].start_tick + run[-1].length:
            yield run
            run = []
        run.append(part)
    if run:
        yield run


def _joined(run: Sequence[Chunk], name: str) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the ticks and values of one kind of sample; shapes (n,) and (n, columns)."""
    ticks = [
        np.arange(chunk.start_tick, chunk.start_tick + chunk.length)
        if getattr(chunk, f"{name}_ticks") is None
        else getattr(chunk, f"{name}_ticks")
        for chunk in run
    ]
    values = [getattr(chunk, name) for chunk in run]
    return np.concatenate(ticks), np.concatenate(values)


def _cut(chunk: Chunk, first: int, past: int) -> Chunk:
    """Return the samples of a chunk from tick ``first`` to before ``past``."""
    start = chunk.start_tick
    if first == start and past == start + chunk.length:
        return chunk

    def part(values: NDArray[Any], ticks: NDArray[np.int64] | None) -> tuple[Any, Any]:
        if ticks is None:
            return values[first - start : past - start], None
        inside = slice(*np.searchsorted(ticks, (first, past)).tolist())
        return values[inside], ticks[inside]

    piezo, piezo_ticks = part(chunk.piezo, chunk.piezo_ticks)
    accelerometer, accelerometer_ticks = part(chunk.accelerometer, chunk.accelerometer_ticks)
    imu, imu_ticks = part(chunk.imu, chunk.imu_ticks)
    return Chunk(
        start_tick=first,
        length=past - first,
        piezo=piezo,
        accelerometer=accelerometer,
        accelerometer_ticks=accelerometer_ticks,
        imu=imu,
        imu_ticks=imu_ticks,
        presses=clip(chunk.presses, first, past),
        piezo_ticks=piezo_ticks,
    )


def _shifted(chunk: Chunk, offset: int) -> Chunk:
    if not offset:
        return chunk
    return replace(
        chunk,
        start_tick=chunk.start_tick + offset,
        imu_ticks=chunk.imu_ticks + offset,
        presses=chunk.presses + offset,
        piezo_ticks=None if chunk.piezo_ticks is None else chunk.piezo_ticks + offset,
        accelerometer_ticks=None
        if chunk.accelerometer_ticks is None
        else chunk.accelerometer_ticks + offset,
    )


def _interpolate(
    ticks: NDArray[np.int64], values: NDArray[Any], wanted: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Interpolate counts at ``wanted`` ticks.

    By the cubic through the four samples around where samples follow each other tick by tick: at
    1000 Hz that is off by less than 1e-4 of the amplitude up to 30 Hz. Else by a line, up to
    `LINK_TICKS`. A sample that leapt to a stop of its converter is no measurement and spreads into
    nothing beside it: the nearest sample is taken there.

    Returns
    -------
    kept : ndarray of int64, shape (k,)
        Which of ``wanted`` have a value.
    values : ndarray, shape (k, columns)
        The type of the input's.
    """
    if not len(ticks) or not len(wanted):
        return np.zeros(0, dtype=np.int64), values[:0]
    left = np.searchsorted(ticks, wanted, side="right") - 1
    inside = (left >= 0) & (left + 1 < len(ticks))
    left = np.clip(left, 0, max(len(ticks) - 2, 0))
    right = np.minimum(left + 1, len(ticks) - 1)
    span = ticks[right] - ticks[left]
    share = (wanted - ticks[left]) / np.maximum(span, 1)
    nearest = np.where(share < 0.5, left, right)
    close = np.abs(wanted - ticks[nearest]) <= 0.5
    linked = inside & (span <= LINK_TICKS)
    kept = np.flatnonzero(linked | close)
    if not len(kept):
        return kept, values[:0]
    left, right, span, share = left[kept], right[kept], span[kept], share[kept]
    cubic = linked[kept] & (span == 1) & (left > 0) & (right + 1 < len(ticks))
    before, after = np.maximum(left - 1, 0), np.minimum(right + 1, len(ticks) - 1)
    cubic &= (ticks[after] - ticks[before]) == 3
    weights = np.where(cubic, _lagrange(share), np.stack((0 * share, 1 - share, share, 0 * share)))
    weights[:, ~linked[kept]] = 0
    result = np.empty((len(kept), values.shape[1]), dtype=values.dtype)
    limits = np.iinfo(values.dtype)
    around = (before, left, right, after)
    for column, counts in enumerate(values.T):
        taps = [counts[tap] for tap in around]
        mixed = sum(w * tap for w, tap in zip(weights, taps, strict=True))
        exact = ~linked[kept]
        false = _leapt_to_stop(counts) if limits.min == 0 else None
        if false is not None:
            exact = exact | np.any([false[tap] for tap in around], axis=0)
        mixed = np.where(exact, counts[nearest[kept]], np.rint(mixed))
        result[:, column] = np.clip(mixed, limits.min, limits.max)
    return kept, result


def _leapt_to_stop(counts: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Tell which samples lie at a stop of the converter next to a leap to it, or from it.

    What a wave leaves at a stop that it meets is measured as well as it can be, and taking the
    nearest sample there would make stairs of its flanks.

    Parameters
    ----------
    counts : ndarray of uint16, shape (n,)

    Returns
    -------
    ndarray of bool, shape (n,), or None
        None where no sample is.
    """
    stopped = (counts == 0) | (counts == np.iinfo(counts.dtype).max)
    if not stopped.any():
        return None
    runs = from_mask(stopped)
    false = np.zeros(len(counts), dtype=bool)
    last = len(counts) - 1
    for edge, outward in ((runs[:, 0], -1), (runs[:, 1] - 1, 1)):
        near, far = (np.clip(edge + k * outward, 0, last) for k in (1, 2))
        leap = np.abs(counts[edge].astype(np.int64) - counts[near])
        usual = np.abs(counts[near].astype(np.int64) - counts[far])
        leapt = edge[leap > np.maximum(FALSE_COUNTS, FALSE_FACTOR * usual)]
        for k in (0, 1):  # four samples tell one between them: two of them beyond an edge
            false[np.clip(leapt - k * outward, 0, last)] = True
    return false & stopped if false.any() else None


def _lagrange(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of four samples at -1, 0, 1 and 2 for a place in 0 to 1; shape (4, n)."""
    s = share
    return np.stack(
        (
            -s * (s - 1) * (s - 2) / 6,
            (s + 1) * (s - 1) * (s - 2) / 2,
            -(s + 1) * s * (s - 2) / 2,
            (s + 1) * s * (s - 1) / 6,
        )
    )
