"""Finds in one sensor's counts what no movement can be: lost samples, jumps, time without signal.

A movement has its energy below 30 Hz, so at 1024 Hz it changes slowly from sample to sample. What
leaves in one sample and is back within ten is a lost or false sample; what leaves and stays is a
jump of the baseline; what does not change at all, or rests against a rail, is no signal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from femo_signal.intervals import Intervals, difference, from_mask
from femo_signal.settings import MendingSettings

__all__ = ["Mender", "OffRun", "at_rail", "usual_size"]

BLOCK_TICKS = 1 << 15
COARSE_TICKS = 64  # no run of ``off_ticks`` is missed when every so many ticks are compared
SCALE_STRIDE = 61  # of the changes that tell the usual one; prime, as v2 packets have 64 samples
BATCH_JUMPS = 2048

Piece: TypeAlias = tuple[int, NDArray[np.float32]]  # first tick, samples


@dataclass(frozen=True)
class OffRun:
    """A stretch of ticks in which a sensor gave no signal."""

    start: int
    end: int
    reason: str


class Mender:
    """Takes a sensor's counts in order and gives them back repaired, without what is off.

    Everything is decided in blocks at fixed places of the recording, with the same context, so
    nothing depends on the pieces in which the counts arrive.

    Parameters
    ----------
    rails : bool
        Whether counts near 0 and 65535 are the ends of the scale.
    settings : MendingSettings
    """

    def __init__(self, *, rails: bool, settings: MendingSettings) -> None:
        self._settings = settings
        self._behind = settings.wide_ticks + settings.near_ticks
        self._ahead = settings.off_ticks + self._behind
        self._coarse_run = settings.off_ticks // COARSE_TICKS - 1
        self.off: list[OffRun] = []
        self.stretches: list[tuple[int, int]] = []  # ticks for which there were samples
        self.lost: list[tuple[int, int]] = []  # ticks that were interpolated
        self.jumps: list[int] = []  # last ticks before a jump from which there is no way back
        self._rails = rails
        self._buffer = np.empty(self._behind + BLOCK_TICKS + self._ahead, dtype=np.float32)
        self._filled = 0
        self._start = 0  # tick of the buffer's first sample
        self._done = 0  # ticks before are given back
        self._open = ""  # the reason of an off run that goes on

    def push(self, start_tick: int, samples: NDArray[Any]) -> Iterator[Piece]:
        """Take samples of consecutive ticks; yield the usable pieces that are ready.

        A piece is a view, good until the next one is asked for.
        """
        if self._filled and start_tick != self._start + self._filled:
            yield from self.flush()
        if not self._filled:
            self._start = self._done = start_tick
            self.stretches.append((start_tick, start_tick))
            self._open = ""
        taken = 0
        while taken < len(samples):
            block_end = self._block_end()
            wanted = min(block_end + self._ahead - self._start, len(self._buffer))
            count = min(wanted - self._filled, len(samples) - taken)
            self._buffer[self._filled : self._filled + count] = samples[taken : taken + count]
            self._filled += count
            taken += count
            if self._filled == wanted:
                yield from self._process(block_end)
        self.stretches[-1] = (self.stretches[-1][0], start_tick + len(samples))

    def flush(self) -> Iterator[Piece]:
        """Yield what is left: nothing follows directly."""
        end = self._start + self._filled
        while self._done < end:
            yield from self._process(min(self._block_end(), end))
        self._filled = 0

    def _block_end(self) -> int:
        return (self._done // BLOCK_TICKS + 1) * BLOCK_TICKS

    def _process(self, end: int) -> Iterator[Piece]:
        """Mend the ticks up to ``end``, yield them, and keep only context."""
        start = self._start
        known = self._buffer[: self._filled]
        first, last = self._done - start, end - start
        runs = self._off_runs(known, first, last)
        runs = sorted(runs + self._mend(known, first, last, runs))
        position = first
        for run_start, run_end, reason in runs:
            self._note(run_start + start, run_end + start, reason)
            if run_start > position:
                yield position + start, known[position:run_start]
            position = max(position, min(run_end, last))
        if last > position:
            yield position + start, known[position:last]
        self._open = runs[-1][2] if runs and runs[-1][1] > last else ""
        self._done = end
        kept = max(last - self._behind, 0)
        self._buffer[: len(known) - kept] = known[kept:].copy()
        self._start, self._filled = start + kept, len(known) - kept

    def _note(self, start: int, end: int, reason: str) -> None:
        if self.off and self.off[-1].end >= start and self.off[-1].reason == reason:
            start = self.off.pop().start
        self.off.append(OffRun(start, end, reason))

    def _off_runs(
        self, known: NDArray[np.float32], first: int, last: int
    ) -> list[tuple[int, int, str]]:
        """Return the off runs that reach into the block, as far as they are known."""
        runs = []
        if self._open:
            stays = self._at_rail(known[first:])
            if self._open == "constant":
                stays = known[first:] == known[first - 1]
            end = len(known) if stays.all() else first + int(stays.argmin())
            if end > first:
                runs.append((first, end, self._open))
        position = runs[-1][1] if runs else first
        coarse = known[position::COARSE_TICKS]
        if self._rails and self._holds_long_run(self._at_rail(coarse)):
            long = self._long_runs(self._at_rail(known[position:])) + position
            runs += [(a, b, "railed") for a, b in long.tolist() if a < last]
        if self._holds_long_run(coarse[1:] == coarse[:-1]):
            long = self._long_runs(known[position + 1 :] == known[position:-1], extra=1) + position
            covered = np.array([(a, b) for a, b, _ in runs], dtype=np.int64).reshape(-1, 2)
            left = difference(long, covered)
            left = left[left[:, 1] - left[:, 0] >= self._settings.off_ticks]
            runs += [(a, b, "constant") for a, b in left.tolist() if a < last]
        return sorted(runs)

    def _mend(
        self,
        known: NDArray[np.float32],
        first: int,
        last: int,
        runs: list[tuple[int, int, str]],
    ) -> list[tuple[int, int, str]]:
        """Interpolate lost samples in place, note jumps, and return short drop-outs."""
        changes = known[1:] - known[:-1]
        block = changes[
            first : last + self._settings.longest_lost_ticks
        ]  # what is lost may begin in the next
        if not len(block):
            return []
        usual = usual_size(block[:: _stride(len(block))])
        level = max(self._settings.jump_counts, self._settings.jump_scales * usual)
        if block.max() <= level and block.min() >= -level:
            return []
        candidates = np.flatnonzero(np.abs(block) > level) + first
        for start, end, _ in runs:  # into an off run and out of it
            candidates = candidates[(candidates < start - 1) | (candidates >= end)]
        where, slopes, levels = _abrupt(changes, candidates, self._settings)
        return self._follow(known, last, where.tolist(), slopes.tolist(), levels.tolist())

    def _follow(
        self,
        known: NDArray[np.float32],
        last: int,
        jumps: list[int],
        slopes: list[float],
        levels: list[float],
    ) -> list[tuple[int, int, str]]:
        """Tell for each jump, in order, whether the signal comes back, is off, or stays.

        From ``last`` on nothing but the way back is looked for.
        """
        dropped: list[tuple[int, int, str]] = []
        free = 0
        for jump, slope, level in zip(jumps, slopes, levels, strict=True):
            if jump < free:
                continue
            lost = _lost(known, jump, slope, level, self._settings)
            if lost:
                start, end = lost
                ends = known[start - 1], known[end]
                known[start:end] = np.linspace(*ends, end - start + 2)[1:-1]
                self.lost.append((start + self._start, end + self._start))
                free = end
                continue
            if jump >= last:
                break
            end, reason = self._drop_out(known, jump + 1)
            if end - jump - 1 > self._settings.longest_lost_ticks:
                dropped.append((jump + 1, end, reason))
                free = end
            elif _stays(known, jump, self._settings):
                self.jumps.append(jump + self._start)
                free = jump + 2
        return dropped

    def _drop_out(self, known: NDArray[np.float32], start: int) -> tuple[int, str]:
        """Return where the samples from ``start`` on leave the value, or the rail, they are at."""
        after = known[start : start + self._settings.off_ticks]
        if self._rails and self._at_rail(after[:1])[0]:
            stays, reason = self._at_rail(after), "railed"
        else:
            stays, reason = after == after[0], "constant"
        return start + (len(after) if stays.all() else int(stays.argmin())), reason

    def _at_rail(self, samples: NDArray[np.float32]) -> NDArray[np.bool_]:
        return at_rail(samples, self._settings.rail_counts)

    def _holds_long_run(self, flags: NDArray[np.bool_]) -> bool:
        """Tell whether a run of set flags, one every `COARSE_TICKS`, may last ``off_ticks``."""
        if np.count_nonzero(flags) < self._coarse_run:
            return False
        unset = np.flatnonzero(~flags)
        longest = int(np.diff(unset, prepend=-1, append=len(flags)).max()) - 1
        return longest >= self._coarse_run

    def _long_runs(self, flags: NDArray[np.bool_], *, extra: int = 0) -> Intervals:
        """Return the runs of set flags that last, with ``extra`` samples each, ``off_ticks``."""
        runs = from_mask(flags)
        runs[:, 1] += extra
        return runs[runs[:, 1] - runs[:, 0] >= self._settings.off_ticks]


def usual_size(values: NDArray[np.float32]) -> float:
    """Return the median magnitude of those values that are not 0; 0 if all are."""
    sizes = np.abs(values)
    sizes = sizes[sizes > 0]
    if not len(sizes):
        return 0.0
    middle = len(sizes) // 2
    sizes.partition(middle)
    return float(sizes[middle])


def at_rail(samples: NDArray[Any], within: float) -> NDArray[np.bool_]:
    """Tell which counts are at an end of the scale, or as near as ``within`` counts."""
    near: NDArray[np.bool_] = (samples < within) | (samples >= 65536 - within)
    return near


def _abrupt(
    changes: NDArray[np.float32], candidates: NDArray[np.int64], settings: MendingSettings
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Keep the changes that stand out from the slope and from the usual change around them.

    Parameters
    ----------
    changes : ndarray of float32, shape (n,)
        From each sample to the next, counts.
    candidates : ndarray of int64, shape (k,)
    settings : MendingSettings

    Returns
    -------
    where, slopes, levels : ndarray, shape (m,)
        Of what is kept: its place, the slope around it, and what it had to exceed.
    """
    last = len(changes) - 1

    def around(at: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.float32]:
        near: NDArray[np.float32] = changes[np.clip(at[:, None] + offsets, 0, last)]
        return near

    close, wide = (np.arange(1, ticks + 1) for ticks in (settings.near_ticks, settings.wide_ticks))
    where, slopes, levels = [candidates[:0]], [changes[:0]], [changes[:0]]
    for start in range(0, len(candidates), BATCH_JUMPS):
        at = candidates[start : start + BATCH_JUMPS]
        sides = np.array([np.median(around(at, side), axis=1) for side in (-close, close)])
        # A signal that meets a rail has a slope on one side alone.
        rest = np.abs(changes[at] - sides).min(axis=0)
        steep = settings.slope_factor * np.abs(sides).max(axis=0)
        sure = rest > np.maximum(steep, settings.jump_counts)
        at, rest, slope = at[sure], rest[sure], sides[:, sure].mean(axis=0)
        usual = [np.median(np.abs(around(at, side)), axis=1) for side in (-wide, wide)]
        level = np.maximum(settings.jump_counts, settings.jump_scales * np.maximum(*usual))
        sure = rest > level
        where.append(at[sure])
        slopes.append(slope[sure])
        levels.append(level[sure])
    return np.concatenate(where), np.concatenate(slopes), np.concatenate(levels)


def _lost(
    known: NDArray[np.float32], jump: int, slope: float, level: float, settings: MendingSettings
) -> tuple[int, int] | None:
    """Return the samples that are not where the signal is before and after them.

    They begin behind the jump, or, where only their end stood out, end before it. A click that
    rises over several samples is none.
    """
    gone = abs(float(known[jump + 1] - known[jump]))
    tolerance = max(level / 2, settings.back_share * gone)
    sharp_start, sharp_end = _sharp(known, jump, settings.sharp_share)
    for count in range(1, settings.longest_lost_ticks + 1):
        for before, after, sharp in (
            (jump, jump + count + 1, sharp_start),
            (jump - count, jump + 1, sharp_end),
        ):
            if not sharp or before < 0 or after >= len(known):
                continue
            change = float(known[after] - known[before]) - slope * (after - before)
            if abs(change) <= tolerance:
                return before + 1, after
    return None


def _sharp(known: NDArray[np.float32], jump: int, share: float) -> tuple[bool, bool]:
    """Tell whether a change is far larger than the one before it, and than the one after it."""
    changes = np.abs(np.diff(known[max(jump - 1, 0) : jump + 3]))
    here = min(jump, 1)
    before = changes[:here].max(initial=0) < share * changes[here]
    after = changes[here + 1 :].max(initial=0) < share * changes[here]
    return bool(before), bool(after)


def _stays(known: NDArray[np.float32], jump: int, settings: MendingSettings) -> bool:
    """Tell whether a sharp change parts two levels, and is not the front of a click."""
    if not all(_sharp(known, jump, settings.sharp_share)):
        return False
    before = known[max(jump + 1 - settings.stay_ticks, 0) : jump + 1].mean()
    after = known[jump + 1 : jump + 1 + settings.stay_ticks].mean()
    return bool((after - before) / (known[jump + 1] - known[jump]) >= settings.stay_share)


def _stride(changes: int) -> int:
    """Return which changes tell the usual one: few of many, and enough of few."""
    return max(1, min(SCALE_STRIDE, changes // SCALE_STRIDE))
