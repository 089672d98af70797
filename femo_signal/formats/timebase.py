"""Puts samples that a belt took by its own clock onto the grid of 1024 ticks a second.

A reader counts samples; the time stamps say when they were taken. Where both agree, samples pass
untouched. Where they drift apart, time is stretched between knots a minute apart, and the samples
are interpolated. What comes out depends on counts and stamps alone, not on how a file was read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femo_signal.formats.chunk import Chunk
from femo_signal.formats.clock_offset import BLOCK_TICKS, ClockOffset
from femo_signal.formats.resampling import LINK_TICKS, resample, runs_of
from femo_signal.intervals import clip
from femo_signal.recording import Clock, Gap
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["Timebase"]


class Timebase:
    """Takes chunks whose ticks count samples; gives chunks whose ticks are time.

    Held are the chunks up to the knot at which the offset is not yet set, two to three minutes.
    """

    def __init__(self) -> None:
        self._held: deque[Chunk] = deque()  # counted ticks
        self._counted = 0  # end of what was pushed
        self._done = 0  # counted ticks: end of what was handed on
        self._offset = ClockOffset()

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
        self._offset.add_stamps(stamped, times)
        self._counted = chunk.end_tick
        while self._counted >= self._offset.last_knot + 2 * BLOCK_TICKS:
            self._offset.set_next_knot(self._counted)
            yield from self._hand_on()

    def finish(self) -> Iterator[Chunk]:
        """Yield the rest."""
        while self._offset.last_knot < self._counted:
            self._offset.set_next_knot(self._counted)
        yield from self._hand_on(final=True)

    def ticks(self, counted: ArrayLike) -> NDArray[np.int64]:
        """Return the ticks of the samples with these counts, once all is read; shape (n,)."""
        return self._offset.ticks(counted)

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
        return self._offset.clock(self._counted, steps)

    def _hand_on(self, *, final: bool = False) -> Iterator[Chunk]:
        """Yield the samples up to the last knot."""
        knots = self._offset.knots
        end = min(self._offset.last_knot, self._counted)
        while self._done < end:
            block = self._done // BLOCK_TICKS
            offset = knots[block]
            stretched = block + 1
            while stretched < len(knots) and knots[stretched] == offset:
                stretched += 1
            past = min((stretched - 1) * BLOCK_TICKS, end)
            if past > self._done:
                yield from self._pass(past, offset, whole=past == end and not final)
            else:
                past = min((block + 1) * BLOCK_TICKS, end)
                yield from self._stretch(block * BLOCK_TICKS, past)
                self._done = past
            self._forget()
            if self._done < past:
                return  # the rest of the chunk that is held passes with what follows

    def _forget(self) -> None:
        """Let go of the chunks that nothing to come is interpolated from."""
        while self._held and self._held[0].end_tick <= self._done - LINK_TICKS:
            self._held.popleft()

    def _pass(self, past: int, offset: int, *, whole: bool) -> Iterator[Chunk]:
        """Yield samples as they are, up to ``past``; only whole chunks if told so."""
        for chunk in self._held:
            if chunk.end_tick <= self._done:
                continue
            if chunk.start_tick >= past or (chunk.end_tick > past and whole):
                break
            part = chunk.part(max(self._done, chunk.start_tick), min(chunk.end_tick, past))
            self._done = part.end_tick
            yield part.shifted(offset)
        else:
            self._done = past
            return
        if chunk.start_tick >= past:
            self._done = past

    def _stretch(self, start: int, past: int) -> Iterator[Chunk]:
        """Yield the samples counted from ``start`` on, interpolated where they belong in time."""
        from_tick, to_tick = start - LINK_TICKS, past + LINK_TICKS
        parts = [
            chunk.part(max(chunk.start_tick, from_tick), min(chunk.end_tick, to_tick))
            for chunk in self._held
            if chunk.end_tick > from_tick and chunk.start_tick < to_tick
        ]
        for run in runs_of(parts):
            first, last = max(run[0].start_tick, start), min(run[-1].end_tick, past)
            if first < last:
                low, high = self.ticks([first, last]).tolist()
                if low < high:
                    yield self._stretched(run, low, high)

    def _stretched(self, run: Sequence[Chunk], low: int, high: int) -> Chunk:
        """Return the samples of a run that belong from tick ``low`` to before ``high``."""
        grid = np.arange(low, high)
        chunk = resample(run, grid, self._offset.counted(grid))
        presses = clip(self.ticks(chunk.presses).reshape(-1, 2), low, high)
        return replace(chunk, presses=presses)
