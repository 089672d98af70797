"""What the sensors say at each moment: how far each rises above its own level, and their sum.

Each channel is compared with nothing but itself: the logarithm of its energy in a few bands, as
a robust z by the channel's own rolling median and spread over usable, quiet time. A gain that
differs, or changes, moves median and energy alike and leaves z as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from femo_signal.crew import Crew
from femo_signal.intervals import Intervals, contains, dilate, union
from femo_signal.preprocessing import fourier
from femo_signal.recording import Channel, Signals
from femo_signal.settings import TICKS_PER_SECOND, EvidenceSettings

__all__ = [
    "ChannelEvidence",
    "Evidence",
    "Frames",
    "agreement",
    "band_log_energy",
    "channel_evidence",
    "collect_evidence",
    "combine",
    "gather",
    "rolling_level",
]

MAD_TO_SIGMA = 1.4826  # of a normal distribution
BATCH_FRAMES = 8192
LEAST_ENERGY = 1e-14  # V^2, below any quantisation: keeps the logarithm finite

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Frames:
    """The moments at which evidence is taken, evenly spaced on the trimmed axis."""

    count: int
    first_tick: int  # centre of the first frame
    step_ticks: int
    window_ticks: int

    @property
    def rate(self) -> float:
        """Frames a second."""
        return TICKS_PER_SECOND / self.step_ticks

    @property
    def ticks(self) -> NDArray[np.int64]:
        """Centres, shape (count,)."""
        return self.first_tick + np.arange(self.count, dtype=np.int64) * self.step_ticks

    def inside(self, intervals: Intervals, *, margin_ticks: int = 0) -> Flags:
        """Tell for each frame whether its centre lies in the widened intervals; shape (count,)."""
        end = self.first_tick + self.count * self.step_ticks + margin_ticks + 1
        return contains(dilate(intervals, 2 * margin_ticks + 1, end), self.ticks)


@dataclass(frozen=True)
class Evidence:
    """What the sensors say, frame by frame."""

    frames: Frames
    sensors: tuple[str, ...]
    z: Floats  # (sensors, frames) best band's robust z; 0 where the sensor is off
    band: NDArray[np.uint8]  # (sensors, frames) which band that is
    on: Flags  # (sensors, frames)
    seen_levels: NDArray[np.float64]  # (sensors,) V: amplitude that a sensor sees, in the median
    agreement: Floats  # (frames,) what the sensors that are on have in common


def frames_of(samples: int, settings: EvidenceSettings, *, step_ticks: int) -> Frames:
    """Return the frames of a channel of so many samples, ``step_ticks`` apart."""
    window, hop = settings.window_samples, settings.hop_samples
    return Frames(
        count=max((samples - window) // hop + 1, 0),
        first_tick=window // 2 * step_ticks,
        step_ticks=hop * step_ticks,
        window_ticks=window * step_ticks,
    )


def present_share(frames: Frames, gaps: Intervals, *, step_ticks: int) -> NDArray[np.float64]:
    """Return which share of each frame is samples, by the energy of its window; shape (count,).

    Parameters
    ----------
    frames : Frames
    gaps : Intervals
        Ticks.
    step_ticks : int
        Of a sample.
    """
    if not len(gaps) or not frames.count:
        return np.ones(frames.count)
    window, hop = frames.window_ticks // step_ticks, frames.step_ticks // step_ticks
    samples = (frames.count - 1) * hop + window
    known = ~contains(gaps, np.arange(samples, dtype=np.int64) * step_ticks)
    weight = np.hanning(window + 1)[:window] ** 2
    share: NDArray[np.float64] = (
        np.lib.stride_tricks.sliding_window_view(known, window)[::hop] @ weight / weight.sum()
    )
    return share


def band_log_energy(
    samples: Floats,
    bands_hz: tuple[tuple[float, float], ...],
    *,
    sample_rate: float,
    window: int,
    hop: int,
) -> Floats:
    """Return the logarithm of a signal's energy in bands, frame by frame.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
    bands_hz : tuple of (low, high)
        Both edges belong to the band; bins are ``sample_rate / window`` apart.
    sample_rate : float
        Hz.
    window, hop : int
        Samples of a frame (Hann window), and from one frame to the next.

    Returns
    -------
    ndarray of float32, shape (bands, frames)
        Natural logarithm.
    """
    count = max((len(samples) - window) // hop + 1, 0)
    energy = np.empty((len(bands_hz), count), dtype=np.float32)
    if not count:
        return energy
    shape = np.hanning(window + 1)[:window].astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop][:count]
    frequency = np.arange(window // 2 + 1) * sample_rate / window
    bins = [np.flatnonzero((frequency >= low) & (frequency <= high)) for low, high in bands_hz]
    lowest, past = min(inside[0] for inside in bins), max(inside[-1] for inside in bins) + 1
    for first in range(0, count, BATCH_FRAMES):
        spectrum = fourier.rfft(frames[first : first + BATCH_FRAMES] * shape)[:, lowest:past]
        power = spectrum.real**2
        power += spectrum.imag**2
        for row, inside in zip(energy, bins, strict=True):
            band = power[:, inside[0] - lowest : inside[-1] + 1 - lowest]
            band.sum(axis=1, out=row[first : first + BATCH_FRAMES])
    energy += np.float32(LEAST_ENERGY)
    logarithm: Floats = np.log(energy, out=energy)
    return logarithm


def rolling_level(
    values: Floats, quiet: Flags, *, frame_rate: float, settings: EvidenceSettings
) -> tuple[Floats, Floats]:
    """Return the rolling median and spread of each row over quiet frames.

    Parameters
    ----------
    values : ndarray of float32, shape (rows, frames)
    quiet : ndarray of bool, shape (frames,)
        Frames that take part.
    frame_rate : float
        Frames a second.
    settings : EvidenceSettings

    Returns
    -------
    median, spread : ndarray of float32, shape (rows, frames)
        The spread is 1.4826 times the median absolute deviation, at least the settings' least.
    """
    stride = max(1, round(frame_rate / settings.level_rate_hz))
    thinned, part = values[:, ::stride], quiet[::stride]
    count = thinned.shape[1]
    if not part.any():
        return np.zeros_like(values), np.ones_like(values)
    width = min(max(1, round(settings.level_seconds * frame_rate / stride)), count)
    step = max(1, round(settings.level_step_seconds * frame_rate / stride))
    starts = np.unique(np.append(np.arange(0, count - width, step), count - width))
    inside = np.lib.stride_tricks.sliding_window_view(part, width)[starts]
    enough = inside.sum(axis=1) >= settings.level_least_seconds * frame_rate / stride
    if enough.any():
        windows = np.lib.stride_tricks.sliding_window_view(thinned, width, axis=1)
        rows, taking = windows[:, starts[enough]], inside[enough]
        centres = (starts[enough] + (width - 1) / 2) * stride
    else:  # too little for a window: one level for all of it
        rows, taking, centres = thinned[:, None], part[None], np.zeros(1)
    median = _masked_median(rows, taking)
    spread = MAD_TO_SIGMA * _masked_median(np.abs(rows - median[..., None]), taking)
    place = np.arange(values.shape[1])
    level = np.array([np.interp(place, centres, row) for row in median], dtype=np.float32)
    width_of = np.array([np.interp(place, centres, row) for row in spread], dtype=np.float32)
    return level, np.maximum(width_of, np.float32(settings.least_spread))


def _masked_median(rows: Floats, taking: Flags) -> Floats:
    """Return the median of each row's taken values; shape (k, windows) of (k, windows, n)."""
    ordered = np.sort(np.where(taking, rows, np.float32(np.inf)), axis=-1)
    count = taking.sum(axis=-1)
    low, high = (count - 1) // 2, count // 2
    window = np.arange(len(count))
    median: Floats = (ordered[:, window, low] + ordered[:, window, high]) / 2
    return median


@dataclass(frozen=True)
class ChannelEvidence:
    """What one channel says, frame by frame."""

    z: Floats  # (frames,) best band's robust z; 0 where the channel is off
    band: NDArray[np.uint8]  # (frames,) which band that is
    on: Flags  # (frames,)
    seen_level: float  # unit of the channel: amplitude at which it sees; NaN where never on


def channel_evidence(
    channel: Channel, *, on: Flags, quiet: Flags, frames: Frames, settings: EvidenceSettings
) -> ChannelEvidence:
    """Compare a channel with its own level.

    Parameters
    ----------
    channel : Channel
    on, quiet : ndarray of bool, shape (frames,)
        Frames in which the channel is on, and those that its level is taken from.
    frames : Frames
    settings : EvidenceSettings
    """
    energy = band_log_energy(
        channel.samples,
        settings.bands_hz,
        sample_rate=channel.sample_rate,
        window=settings.window_samples,
        hop=settings.hop_samples,
    )
    level, spread = rolling_level(energy, quiet & on, frame_rate=frames.rate, settings=settings)
    seen = float("nan")
    if (on & quiet).any():
        least = float(np.median(level + settings.seen_z * spread, axis=1).min())
        # A wave's power lies in three bins of a Hann window, one and a half times the peak's.
        with np.errstate(over="ignore"):  # by extreme settings it is infinite: no wave is seen
            seen = 4 / settings.window_samples * float(np.exp(np.float64(least) / 2)) / sqrt(1.5)
    z = np.subtract(energy, level, out=energy)
    z /= spread
    best = z.max(axis=0)
    band = np.full(frames.count, len(z) - 1, dtype=np.uint8)
    for number in range(len(z) - 2, -1, -1):  # the first of equals, as argmax, which is far slower
        band[z[number] == best] = number
    return ChannelEvidence(np.where(on, best, np.float32(0)), band, on, seen)


def gather(
    channels: Mapping[str, Channel],
    *,
    off: Mapping[str, Intervals],
    gaps: Intervals,
    body_movement: Intervals,
    settings: EvidenceSettings,
    crew: Crew,
) -> tuple[Frames, list[ChannelEvidence]]:
    """Compare channels of one length and rate with their own levels.

    Parameters
    ----------
    channels : mapping of str to Channel
    off : mapping of str to Intervals
        Where each cannot be judged, ticks.
    gaps, body_movement : Intervals
        Ticks; body movement takes no part in a level. No channel is on next to a gap, unless it is
        so short that a frame holds enough samples all the same.
    settings : EvidenceSettings
    crew : Crew
        Whose threads share the work.
    """
    if not channels:
        return Frames(0, 0, 1, 1), []
    first = next(iter(channels.values()))
    frames = frames_of(len(first.samples), settings, step_ticks=first.step_ticks)
    margin = frames.window_ticks // 2
    quiet = ~frames.inside(body_movement, margin_ticks=margin)
    short = gaps[:, 1] - gaps[:, 0] < settings.short_gap_seconds * TICKS_PER_SECOND
    held = present_share(frames, gaps[short], step_ticks=first.step_ticks)
    # Half of the packets is half of the energy up to rounding, which machines do differently
    enough = held >= settings.least_present * (1 - 1e-5)

    def compare(name: str, channel: Channel) -> ChannelEvidence:
        hidden = union(off[name], gaps[~short]) if name in off else gaps[~short]
        on = enough & ~frames.inside(hidden, margin_ticks=margin)
        return channel_evidence(channel, on=on, quiet=quiet, frames=frames, settings=settings)

    return frames, crew.map(compare, channels, channels.values())


def collect_evidence(
    signals: Signals,
    *,
    gaps: Intervals,
    body_movement: Intervals,
    settings: EvidenceSettings,
    crew: Crew,
) -> Evidence:
    """Compare every live sensor with its own level, and add up what they agree on.

    Parameters
    ----------
    signals : Signals
    gaps, body_movement : Intervals
        Ticks.
    settings : EvidenceSettings
    crew : Crew
        Whose threads share the work.
    """
    channels = {
        name: signals.sensors[name] for name in sorted(signals.sensors) if name in signals.live
    }
    frames, found = gather(
        channels,
        off=signals.off,
        gaps=gaps,
        body_movement=body_movement,
        settings=settings,
        crew=crew,
    )
    return combine(tuple(channels), frames, found, settings=settings)


def combine(
    names: tuple[str, ...],
    frames: Frames,
    found: list[ChannelEvidence],
    *,
    settings: EvidenceSettings,
) -> Evidence:
    """Put sensors side by side, with what those that are on agree on."""
    shape = (len(names), frames.count)
    z = np.array([one.z for one in found], dtype=np.float32).reshape(shape)
    on = np.array([one.on for one in found], dtype=bool).reshape(shape)
    return Evidence(
        frames=frames,
        sensors=names,
        z=z,
        band=np.array([one.band for one in found], dtype=np.uint8).reshape(shape),
        on=on,
        seen_levels=np.array([one.seen_level for one in found], dtype=np.float64),
        agreement=agreement(z, on, settings=settings),
    )


def agreement(z: Floats, on: Flags, *, settings: EvidenceSettings) -> Floats:
    """Add up the sensors' z, so that no sensor counts more than the second strongest.

    What one sensor alone shows (its pulse train, its loose contact) is no agreement; what many
    show weakly is. Sensors that are off take no part, and the root of the number of the others
    keeps the spread of the sum.

    Parameters
    ----------
    z : ndarray of float32, shape (sensors, frames)
    on : ndarray of bool, shape (sensors, frames)
    settings : EvidenceSettings

    Returns
    -------
    ndarray of float32, shape (frames,)
        With a single sensor on, that sensor's z.
    """
    # Sensors may peak at slightly different moments
    near = _highest_near(np.clip(z, 0, np.float32(settings.z_cap)), settings.lag_frames)
    if not on.all():
        near[~on] = 0
    return _bounded_sum(near, on.sum(axis=0))


def _highest_near(rows: Floats, reach: int) -> Floats:
    """Return the highest value up to ``reach`` columns away, shape (rows, n)."""
    highest = rows.copy(order="C")
    for by in range(1, min(reach, rows.shape[1] - 1) + 1):
        np.maximum(highest[:, by:], rows[:, :-by], out=highest[:, by:])
        np.maximum(highest[:, :-by], rows[:, by:], out=highest[:, :-by])
    return highest


def _bounded_sum(near: Floats, on: NDArray[np.int64]) -> Floats:
    """Sum the columns with the largest value replaced by the second, over the root of ``on``.

    What is left of ``near`` is of no further use.
    """
    if len(near) < 2:
        alone: Floats = near.sum(axis=0)
        return alone
    top = near.max(axis=0)
    taken = np.zeros(len(top), dtype=bool)
    for row in near:  # row by row, as argmax across few rows is far slower
        largest = (row == top) & ~taken
        row[largest] = 0
        taken |= largest
    second = np.where(on > 1, near.max(axis=0), top)
    total: Floats = (near.sum(axis=0) + second) / np.sqrt(np.maximum(on, 1)).astype(np.float32)
    return total
