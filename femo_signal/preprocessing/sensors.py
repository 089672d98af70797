"""Turns the counts of sensors into band-passed signals: mended, bridged, thinned, levelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.formats import Chunk
from femo_signal.formats.chunk import VOLTS_PER_COUNT
from femo_signal.intervals import Intervals, union
from femo_signal.preprocessing.bridging import Line, bridge, eased, straight_line
from femo_signal.preprocessing.filters import (
    QUARTER_CONTEXT,
    QUARTER_RATE,
    TICKS_PER_LOW_SAMPLE,
    OverlapSave,
    bandpass_response,
    quarter,
    quarter_response,
    ringing_seconds,
)
from femo_signal.preprocessing.levelling import Leveller
from femo_signal.preprocessing.mending import Mender, OffRun, at_rail
from femo_signal.preprocessing.usable import axes_at_rail, exclusive, missing, silent
from femo_signal.settings import PreprocessingSettings

__all__ = ["AccelerometerTrack", "FinishedChannel", "PiezoTrack", "SensorTrack"]

FILL_TICKS = 1 << 16  # of a gap at a time
LONG_HOLD_TICKS = 4 * FILL_TICKS  # from here on most of a gap is not computed
QUARTER_GAIN = float(quarter_response(np.zeros(1))[0])
NOTHING = np.zeros(0, dtype=np.float32)


@dataclass(frozen=True)
class FinishedChannel:
    """A band-passed signal of the whole recording, untrimmed."""

    name: str
    samples: NDArray[np.float32]  # (n,), 128 Hz
    live: bool


class _Channel:
    """One sensor with a count at each tick: mended, thinned to 256 Hz, levelled, band-passed."""

    def __init__(
        self,
        name: str,
        response: NDArray[np.float32],
        overlap_seconds: int,
        *,
        rails: bool,
        settings: PreprocessingSettings,
    ) -> None:
        self.name = name
        self._usable = settings.usable
        self.mender = Mender(rails=rails, settings=settings.mending)
        band_pass = OverlapSave(1, QUARTER_RATE, response, overlap_seconds=overlap_seconds)
        self._filter = band_pass
        self.leveller = Leveller(
            lambda samples: band_pass.push(samples[None]),
            band_pass.hold,
            unit=QUARTER_GAIN,
            settings=settings.levelling,
        )
        self.leveller.jumps = self.mender.jumps
        self.railed: list[int] = []  # ticks at which an axis is at a rail
        self._context = NOTHING  # not yet thinned
        self._recent = NOTHING  # the last ``bridge_ticks``
        self._next_tick = 0
        self._held = NOTHING  # what follows a gap, until there is enough of it to bridge the gap
        self._held_tick = 0
        self._offset = np.float32(0)  # what the baseline changed by over the gaps so far

    def push(self, start_tick: int, counts: NDArray[Any]) -> None:
        """Take the counts of consecutive ticks, shape (n,)."""
        for tick, samples in self.mender.push(start_tick, counts):
            self._feed(tick, samples)

    def finish(self, ticks: int) -> FinishedChannel:
        """Return the signal of a recording of ``ticks``."""
        for tick, samples in self.mender.flush():
            self._feed(tick, samples)
        self._bridge()
        if not len(self._context):
            nothing = np.zeros(-(-ticks // TICKS_PER_LOW_SAMPLE), dtype=np.float32)
            return FinishedChannel(self.name, nothing, live=False)
        self._hold_until(ticks + QUARTER_CONTEXT)
        self.leveller.flush()
        live = bool(self._filter.live[0])
        return FinishedChannel(self.name, self._filter.finish()[0], live)

    def off(self, samples: NDArray[np.float32], gaps: Intervals, ticks: int) -> list[OffRun]:
        """Return where the sensor was off in a recording of ``ticks``."""
        runs = self.mender.off + missing(
            self.mender.stretches, gaps, ticks, longer_than=self._usable.longest_hole_ticks
        )
        runs += axes_at_rail(
            self.railed, self._usable.rail_step_ticks, least_ticks=self._usable.railed_ticks
        )
        unsure = self._usable.unsure_ticks
        for step in self.leveller.steps:
            if not step.sure:
                start, end = max(step.tick - unsure, 0), step.tick + unsure
                runs.append(OffRun(start, min(end, ticks), "jumps"))
        known = union(gaps, np.array([(run.start, run.end) for run in runs]).reshape(-1, 2))
        return exclusive(runs + silent(samples, known, settings=self._usable), gaps)

    @property
    def _fed_ticks(self) -> int:
        """How far the samples reach, held ones included."""
        return self._held_tick + len(self._held) if len(self._held) else self._next_tick

    def _feed(self, start_tick: int, samples: NDArray[np.float32]) -> None:
        """Take usable samples from ``start_tick`` on; bridge a gap before them."""
        if not len(self._context):
            self._context = np.repeat(samples[:1], QUARTER_CONTEXT)
            self._hold_until(start_tick)
        if start_tick > self._fed_ticks:
            self._bridge()
            self._held, self._held_tick = samples.copy(), start_tick
        elif len(self._held):
            self._held = np.concatenate((self._held, samples))
        else:
            self._thin(samples - self._offset if self._offset else samples)
        if len(self._held) >= self._usable.bridge_ticks:
            self._bridge()

    def _hold_until(self, tick: int) -> None:
        """Repeat the last sample up to a tick."""
        while self._next_tick < tick:
            left = tick - self._next_tick
            if left > LONG_HOLD_TICKS:
                self._thin(np.repeat(self._context[-1:], FILL_TICKS))
                count = (left - FILL_TICKS) // 4
                same = np.repeat(self._context[None, -1:], 2 * QUARTER_CONTEXT + 1, axis=1)
                self.leveller.hold(float(quarter(same)[0, 0]), count)
                self._next_tick += 4 * count
            else:
                self._thin(np.repeat(self._context[-1:], min(left, FILL_TICKS)))

    def _bridge(self) -> None:
        """Fill the gap before the held samples, so smoothly that the filter does not ring."""
        if not len(self._held):
            return
        start, end = self._next_tick, self._held_tick
        held, self._held = self._held - self._offset, NOTHING
        before = straight_line(self._recent, side=1)
        after = straight_line(held[: self._usable.bridge_ticks], side=-1)
        if end - start >= self._usable.bridge_ticks:
            change = np.float32(after.level - before.level)
            self._offset += change
            held -= change
            after = Line(before.level, after.slope)
        ease = self._usable.ease_ticks
        for first, past in eased(end - start, ease):
            self._hold_until(start + first)
            ticks = np.arange(first, past) + 0.5
            self._thin(bridge(ticks, end - start, before, after, ease_ticks=ease))
        self._thin(held)

    def _thin(self, samples: NDArray[np.float32]) -> None:
        known = np.concatenate((self._context, samples))
        outputs = max(len(known) - 2 * QUARTER_CONTEXT + 3, 0) // 4
        if outputs:
            self.leveller.push(quarter(known[None, : 2 * QUARTER_CONTEXT + 4 * outputs - 3])[0])
        self._context = known[4 * outputs :].copy()
        reach = self._usable.bridge_ticks
        self._recent = np.concatenate((self._recent, samples[-reach:]))[-reach:]
        self._next_tick += len(samples)


class SensorTrack:
    """One kind of sensor: its blocks brought to each tick, and a `_Channel` for each sensor."""

    kind: str

    def __init__(
        self, names: tuple[str, ...], settings: PreprocessingSettings, *, rails: bool
    ) -> None:
        low, high = settings.sensor_band_hz
        frequencies = OverlapSave.frequencies
        response = bandpass_response(frequencies, (low, high), order=settings.filter_order)
        response *= VOLTS_PER_COUNT / quarter_response(frequencies)
        self.channels = [
            _Channel(
                name,
                response.astype(np.float32),
                ringing_seconds(low),
                rails=rails,
                settings=settings,
            )
            for name in names
        ]
        self._settings = settings
        self._end_tick = 0  # of the last chunk
        self._last_tick = -1
        self._last: NDArray[np.uint16] | None = None  # the last block, (1, columns)

    @property
    def absent(self) -> bool:
        """Whether there was no block of this kind."""
        return not self.channels[0].mender.stretches

    def tasks(self, chunk: Chunk) -> list[Callable[[], None]]:
        """Return the work that a chunk makes, one task a channel: they do not meet.

        The tasks of a chunk are to be done before those of the next.
        """
        pieces = list(self._pieces(chunk, *self._blocks(chunk)))

        def take(number: int) -> None:
            for start_tick, rows in pieces:
                self._take(number, start_tick, rows)

        return [partial(take, number) for number in range(len(self.channels))]

    def finishing(self, ticks: int) -> list[Callable[[], FinishedChannel]]:
        """Return what is left to do for a recording of ``ticks``; nothing without a block."""
        return [] if self.absent else [partial(one.finish, ticks) for one in self.channels]

    def _blocks(self, chunk: Chunk) -> tuple[NDArray[np.uint16], NDArray[np.int64] | None]:
        """Return a chunk's blocks of this kind, and their ticks where they are not all."""
        raise NotImplementedError

    def _take(self, number: int, start_tick: int, rows: NDArray[Any]) -> None:
        """Hand its share of the values of consecutive ticks, shape (n, columns), to a channel."""
        raise NotImplementedError

    def _pieces(
        self, chunk: Chunk, rows: NDArray[np.uint16], ticks: NDArray[np.int64] | None
    ) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield first tick and values of each stretch; short holes in it are interpolated."""
        if chunk.start_tick > self._end_tick:  # a gap: it is bridged, not interpolated over
            self._last = None
        self._end_tick = chunk.start_tick + chunk.length
        if not len(rows):
            return
        if ticks is None:
            if self._last is None or chunk.start_tick == self._last_tick + 1:
                yield chunk.start_tick, rows
                self._last, self._last_tick = rows[-1:], self._end_tick - 1
                return
            ticks = np.arange(chunk.start_tick, self._end_tick)
        known = 0
        if self._last is not None and ticks[0] > self._last_tick + 1:
            ticks = np.concatenate(([self._last_tick], ticks))
            rows = np.concatenate((self._last, rows))
            known = 1
        self._last, self._last_tick = rows[-1:], int(ticks[-1])
        holes = np.flatnonzero(np.diff(ticks) > self._settings.usable.longest_hole_ticks) + 1
        for first, past in pairwise((0, *holes.tolist(), len(ticks))):
            start, values = _dense(ticks[first:past], rows[first:past])
            if len(values) > known:
                yield start + known, values[known:]
            known = 0


def _dense(ticks: NDArray[np.int64], rows: NDArray[np.uint16]) -> tuple[int, NDArray[Any]]:
    """Interpolate rows to each tick from the first to the last; return the first, and them."""
    start, count = int(ticks[0]), int(ticks[-1] - ticks[0]) + 1
    if count == len(ticks):
        return start, rows
    grid = np.arange(start, start + count)
    return start, np.array([np.interp(grid, ticks, row) for row in rows.T], dtype=np.float32).T


class PiezoTrack(SensorTrack):
    kind = "piezos"

    def _blocks(self, chunk: Chunk) -> tuple[NDArray[np.uint16], NDArray[np.int64] | None]:
        return chunk.piezo, chunk.piezo_ticks

    def _take(self, number: int, start_tick: int, rows: NDArray[Any]) -> None:
        self.channels[number].push(start_tick, rows[:, number])


class AccelerometerTrack(SensorTrack):
    """Accelerometers: the length of each one's vector."""

    kind = "accelerometers"

    def _blocks(self, chunk: Chunk) -> tuple[NDArray[np.uint16], NDArray[np.int64] | None]:
        return chunk.accelerometer, chunk.accelerometer_ticks

    def _take(self, number: int, start_tick: int, rows: NDArray[Any]) -> None:
        step = self._settings.usable.rail_step_ticks
        looked_at = slice(-start_tick % step, None, step)
        channel, axes = self.channels[number], rows[:, 3 * number : 3 * number + 3]
        at_rails = at_rail(axes[looked_at], self._settings.mending.rail_counts)
        railed = np.flatnonzero(at_rails.any(axis=1))
        channel.railed += (start_tick + looked_at.start + railed * step).tolist()
        channel.push(start_tick, _length(axes))


def _length(axes: NDArray[Any]) -> NDArray[np.float32]:
    """Return the length of vectors of shape (n, 3), shape (n,)."""
    squares = np.square(axes[:, 0], dtype=np.float32)
    for number in (1, 2):
        squares += np.square(axes[:, number], dtype=np.float32)
    length: NDArray[np.float32] = np.sqrt(squares, out=squares)
    return length
