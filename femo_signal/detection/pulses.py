"""Pulses: short rises over a sensor's own background, on any sensor or on all together.

Each sensor is compared with its own noise of the minute around, so no voltage decides and a
change of gain changes nothing. A pulse carries its wave form on every sensor, by which pulses
of one origin are told from others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.running import running_maximum, running_median
from femo_signal.intervals import Intervals, contains, from_mask, union
from femo_signal.recording import Channel
from femo_signal.settings import TICKS_PER_SECOND, HiccupSettings

__all__ = [
    "SNIPPET_RATE",
    "Pulses",
    "SensorTrack",
    "find_pulses",
    "sensor_level",
    "sensor_pulses",
]

SNIPPET_RATE = 64  # Hz
STEP_TICKS = TICKS_PER_SECOND // SNIPPET_RATE
HOP = 2  # samples between two values of the size
HOP_TICKS = HOP * STEP_TICKS
WINDOW = 8  # samples of one value: 1/8 s


@dataclass(frozen=True)
class Pulses:
    """The pulses of a recording, in order of time."""

    sensors: tuple[str, ...]
    tick: NDArray[np.int64]  # (n,) of the largest size, trimmed axis
    size: NDArray[np.float32]  # (n, sensors) times the sensor's background; 0 where it is off
    on: NDArray[np.bool_]  # (n, sensors)
    snippet: NDArray[np.float32]  # (n, sensors, samples + 2 margin) over background; 0 where off
    margin: int  # samples on either side, by which two pulses may be shifted against each other

    @property
    def strength(self) -> NDArray[np.float32]:
        """Root of the sum of squares over the sensors, shape (n,)."""
        strength: NDArray[np.float32] = np.sqrt((self.size * self.size).sum(axis=1))
        return strength

    def take(self, index: NDArray[np.int64]) -> Pulses:
        """Return some of the pulses."""
        return Pulses(
            self.sensors,
            self.tick[index],
            self.size[index],
            self.on[index],
            self.snippet[index],
            self.margin,
        )


@dataclass(frozen=True)
class Background:
    """A sensor's own noise: the median size of the minute around."""

    middle: NDArray[np.float64]  # (k,) index of the size in the middle of each block
    level: NDArray[np.float64]  # (k,) V

    def at(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the level at indices of the size, V."""
        return np.interp(index, self.middle, self.level).astype(np.float32)


@dataclass(frozen=True)
class SensorTrack:
    """One sensor as the search for pulses sees it, at SNIPPET_RATE."""

    name: str
    size: NDArray[np.float32]  # (m,) every HOP samples, over background; 0 where hidden or off
    size_tick: int  # of size[0]
    background: Background


def pulse_wave(channel: Channel) -> tuple[NDArray[np.float32], int]:
    """Bring out what lies between 3 and 18 Hz, at 64 Hz.

    Neighbours are added up twice and subtracted from what follows 47 ms later: most of the
    belt's noise lies below 4 Hz, the energy of hiccups above.

    Parameters
    ----------
    channel : Channel
        At 128 Hz.

    Returns
    -------
    wave : ndarray of float32, shape (n,)
    start_tick : int
        Of its first value.
    """
    x = channel.samples
    pairs = len(x) // 2
    if pairs < 5:
        return np.zeros(0, dtype=np.float32), channel.start_tick
    halved = x[: 2 * pairs : 2] + x[1 : 2 * pairs : 2]
    smooth = halved[:-1] + halved[1:]
    wave = smooth[3:] - smooth[:-3]
    return wave, channel.start_tick + 9 * channel.step_ticks // 2


def track_sensor(
    name: str, channel: Channel, *, hidden: Intervals, settings: HiccupSettings
) -> SensorTrack | None:
    """Compare a sensor with its own background.

    Parameters
    ----------
    name : str
    channel : Channel
        V, at 128 Hz.
    hidden : Intervals
        Body movement, gaps, and time in which the sensor is off; ticks.
    settings : HiccupSettings

    Returns
    -------
    SensorTrack or None
        None if it is never seen, or has no noise to compare with.
    """
    wave, start = pulse_wave(channel)
    count = (len(wave) - WINDOW) // HOP + 1
    if count < 1:
        return None
    square = wave * wave
    parts = square[: len(square) // HOP * HOP].reshape(-1, HOP).sum(axis=1)
    reach = WINDOW // HOP
    energy = parts[:count].copy()
    for shift in range(1, reach):
        energy += parts[shift : shift + count]
    size = np.sqrt(energy / WINDOW)
    first = start + (WINDOW - 1) * STEP_TICKS // 2
    seen = ~contains(hidden, first + np.arange(count) * HOP_TICKS)
    background = rolling_background(size, seen, settings=settings)
    if background is None:
        return None
    level = background.at(np.arange(count))
    relative = np.zeros(count, dtype=np.float32)
    np.divide(size, level, out=relative, where=seen & (level > 0))
    return SensorTrack(name, relative, first, background)


def rolling_background(
    size: NDArray[np.float32], seen: NDArray[np.bool_], *, settings: HiccupSettings
) -> Background | None:
    """Take a sensor's own noise where it is seen.

    Parameters
    ----------
    size : ndarray of float32, shape (m,)
        V.
    seen : ndarray of bool, shape (m,)
    settings : HiccupSettings

    Returns
    -------
    Background or None
        None if nothing is seen, or all of it is 0.
    """
    block = round(settings.background_block_seconds * SNIPPET_RATE / HOP)
    blocks = -(-len(size) // block)
    table = np.full(blocks * block, np.inf, dtype=np.float32)
    table[: len(size)][seen] = size[seen]
    table = np.sort(table.reshape(blocks, block), axis=1)
    count = np.isfinite(table).sum(axis=1)
    enough = count >= min(block // 4, max(int(count.max(initial=0)), 1))
    if not enough.any():
        return None
    medians = table[enough, (count[enough] - 1) // 2].astype(np.float64)
    width = max(1, round(settings.background_seconds / settings.background_block_seconds)) | 1
    smooth = running_median(medians, width)
    if not (smooth > 0).any():
        return None
    middle = np.flatnonzero(enough).astype(np.float64) * block + block / 2
    return Background(middle, smooth)


def find_pulses(
    sensors: Mapping[str, Channel],
    *,
    hidden: Intervals,
    off: Mapping[str, Intervals],
    settings: HiccupSettings,
) -> tuple[Pulses, tuple[SensorTrack, ...]]:
    """Find pulses on any sensor, or on all together.

    Parameters
    ----------
    sensors : mapping of str to Channel
        The live ones; V, at 128 Hz, all on the same grid.
    hidden : Intervals
        Body movement and gaps, ticks.
    off : mapping of str to Intervals
        When a sensor is off, ticks.
    settings : HiccupSettings

    Returns
    -------
    pulses : Pulses
    tracks : tuple of SensorTrack
        One a sensor that has a background.
    """
    tracks = _tracks(sensors, hidden, off, settings)
    names = tuple(track.name for track in tracks)
    margin = round(settings.align_seconds * SNIPPET_RATE)
    samples = round(settings.snippet_seconds * SNIPPET_RATE) + 2 * margin
    if not tracks:
        none = np.zeros((0, 0), dtype=np.float32)
        nothing = np.zeros((0, 0, samples), dtype=np.float32)
        no_tick = np.zeros(0, dtype=np.int64)
        return Pulses((), no_tick, none, none.astype(bool), nothing, margin), ()
    sizes = np.stack([track.size for track in tracks])
    tracks = tuple(replace(track, size=row) for track, row in zip(tracks, sizes, strict=True))
    at = _summits(sizes, settings)
    on = sizes[:, at].T > 0
    size = _largest_near(sizes, at, round(settings.coincidence_seconds * SNIPPET_RATE / HOP))
    snippets = np.zeros((len(at), len(tracks), samples), dtype=np.float32)
    for number, track in enumerate(tracks):
        snippets[:, number] = _snippets(track, sensors[track.name], at, samples, settings)
    tick = tracks[0].size_tick + at * HOP_TICKS
    return Pulses(names, tick, size * on, on, snippets, margin), tracks


def _tracks(
    sensors: Mapping[str, Channel],
    hidden: Intervals,
    off: Mapping[str, Intervals],
    settings: HiccupSettings,
) -> tuple[SensorTrack, ...]:
    """Return the track of each sensor that has a background, by name."""
    found = [
        track_sensor(
            name,
            sensors[name],
            hidden=union(hidden, off[name]) if name in off else hidden,
            settings=settings,
        )
        for name in sorted(sensors)
    ]
    return tuple(track for track in found if track is not None)


def _largest_near(
    sizes: NDArray[np.float32], at: NDArray[np.int64], reach: int
) -> NDArray[np.float32]:
    """Return each sensor's largest size within reach of some places, shape (n, sensors)."""
    largest = np.empty((len(at), len(sizes)), dtype=sizes.dtype)
    for number, row in enumerate(sizes):  # one after the other: a night is long
        largest[:, number] = running_maximum(row, reach)[at]
    return largest


def _snippets(
    track: SensorTrack,
    channel: Channel,
    at: NDArray[np.int64],
    samples: int,
    settings: HiccupSettings,
) -> NDArray[np.float32]:
    """Cut out a sensor's wave form around places of its size, over its background."""
    wave, _ = pulse_wave(channel)
    # The window of a size begins at its sample; a pulse rises faster than it falls.
    margin = round(settings.align_seconds * SNIPPET_RATE)
    first = at * HOP + WINDOW // 2 - (samples - 2 * margin) * 3 // 8 - margin
    index = np.clip(first[:, None] + np.arange(samples), 0, len(wave) - 1)
    level = track.background.at(at)
    rows = np.zeros((len(at), samples), dtype=np.float32)
    on = ((track.size[at] > 0) & (level > 0))[:, None]
    np.divide(wave[index], level[:, None], out=rows, where=on)
    norm = np.sqrt(np.einsum("ns,ns->n", rows, rows))[:, None]
    cap = settings.largest_norm
    capped: NDArray[np.float32] = rows * (cap / np.maximum(norm, cap)).astype(np.float32)
    return capped


def _summits(sizes: NDArray[np.float32], settings: HiccupSettings) -> NDArray[np.int64]:
    """Return where the sensors' sizes, shape (sensors, m), have a pulse's summit; sorted."""
    on = (sizes > 0).sum(axis=0)
    energy = np.zeros(sizes.shape[1], dtype=np.float32)
    for row in sizes:  # one after the other: a night is long
        energy += row * row
    joint = np.sqrt(energy / np.maximum(on, 1).astype(np.float32))
    loudest = sizes.max(axis=0)
    height = np.maximum(loudest / settings.pulse_level, joint / settings.joint_level)
    reach = round(settings.pulse_spacing_seconds * SNIPPET_RATE / HOP)
    highest = running_maximum(height, reach - 1)
    top = np.flatnonzero((height >= 1) & (height == highest))
    top = top[np.diff(top, prepend=-reach) >= reach]  # of equals the first
    minute = top // (60 * SNIPPET_RATE // HOP)
    order = np.lexsort((-height[top], minute))
    rank = np.arange(len(top)) - np.searchsorted(minute, minute)  # minute is sorted
    kept: NDArray[np.int64] = np.sort(top[order[rank < settings.pulses_per_minute]])
    return kept


def sensor_pulses(
    track: SensorTrack, channel: Channel, settings: HiccupSettings
) -> tuple[Intervals, NDArray[np.float64]]:
    """Find the runs of one sensor above its level.

    Returns
    -------
    pulses : Intervals, shape (n, 2)
        Ticks.
    peaks : ndarray of float64, shape (n,)
        Largest |x| of the channel in each, V.
    """
    runs = from_mask(track.size >= settings.pulse_level)
    if not len(runs):
        return runs, np.zeros(0)
    close = round(settings.pulse_spacing_seconds * SNIPPET_RATE / HOP)
    apart = np.flatnonzero(runs[1:, 0] - runs[:-1, 1] > close)
    first = np.concatenate(([0], apart + 1))
    last = np.concatenate((apart, [len(runs) - 1]))
    pulses = track.size_tick + np.column_stack((runs[first, 0], runs[last, 1])) * HOP_TICKS
    bounds = (pulses - channel.start_tick) // channel.step_ticks
    bounds = np.clip(bounds + np.array([0, 1]), 0, len(channel.samples))
    edges = bounds.copy()
    edges[:-1, 1] = np.minimum(edges[:-1, 1], edges[1:, 0])
    size = np.append(np.abs(channel.samples), np.float32(0))
    peaks = np.maximum.reduceat(size, edges.ravel())[::2].astype(np.float64)
    return pulses.astype(np.int64), peaks


def sensor_level(track: SensorTrack, settings: HiccupSettings) -> float:
    """Return what |x| reaches in a pulse that is just seen, V: the median over the recording.

    The crest of a pulse is about 1.4 times the RMS over the window, and the pulse's wave is
    larger than the signal by the gain of the filter at 7 Hz, 5.4.
    """
    return float(np.median(track.background.level)) * settings.pulse_level * 1.4 / 5.4
