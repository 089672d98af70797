"""Bouts of hiccups, and regular pulses of another origin.

A chain of pulses is a bout where it lasts, keeps a rhythm of 2-4 s and one wave form, is seen at
more than one site, and does not follow the mother's breath. A regular chain that fails in one of
the last points is named for what is known of it: it is neither hiccups nor movement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.breath import PhaseLock, find_breath, phase_lock
from femo_signal.detection.chains import PulseChain, align, find_chains, shifted
from femo_signal.detection.pulses import Pulses, SensorTrack, find_pulses
from femo_signal.intervals import Intervals, as_intervals, close_gaps, total_before
from femo_signal.recording import Signals
from femo_signal.settings import TICKS_PER_SECOND, HiccupSettings

__all__ = ["Bout", "RegularPulses", "Rhythm", "Rhythms", "bout_intervals", "find_rhythms"]


Reason = Literal["one_sensor", "breath", "breath_unknown", "rate"]


@dataclass(frozen=True)
class Rhythm:
    """What is known of a chain of pulses."""

    start: int  # ticks of the trimmed axis, from the first pulse
    end: int  # ... to the end of the last
    pulses: NDArray[np.int64]  # (n,) ticks of the summits
    sites: tuple[str, ...]  # sensors that see it
    interval_seconds: float  # median
    interval_deviation: float  # median absolute deviation x 1.48, relative
    missed_share: float  # of the pulses that the rhythm makes one expect
    strength_deviation: float  # standard deviation of the pulses' strength, relative
    likeness: float  # median correlation of the pulses with their template
    stray_share: float  # like pulses in between that are off the rhythm, relative to its own


@dataclass(frozen=True)
class Bout(Rhythm):
    """A bout of hiccups."""

    breath_known: bool
    breath_concentration: float | None  # of the breath's phases at the pulses; None: not known


@dataclass(frozen=True)
class RegularPulses(Rhythm):
    """Regular pulses that are no hiccups, nor movements as far as can be told.

    Their ``reason`` is ``one_sensor``: seen at one site only; ``breath``: they follow the
    mother's breath; ``breath_unknown``: they are as slow as breaths, and no breath is seen to
    compare with; ``rate``: as fast as her pulse or her steps, or slower than hiccups.
    """

    breath_known: bool | None  # None: not looked for
    breath_concentration: float | None
    reason: Reason


@dataclass(frozen=True)
class Rhythms:
    """What repeats itself in a recording."""

    tracks: tuple[SensorTrack, ...]
    pulses: Pulses
    chains: tuple[tuple[PulseChain, Rhythm], ...]  # all that were linked; indices into pulses
    bouts: tuple[Bout, ...]  # by start; two of different wave forms may overlap
    regular_pulses: tuple[RegularPulses, ...]  # by start


def find_rhythms(
    signals: Signals, *, hidden: Intervals, length: int, settings: HiccupSettings
) -> Rhythms:
    """Find hiccups and other regular pulses.

    Parameters
    ----------
    signals : Signals
    hidden : Intervals
        Body movement and gaps, ticks; the time in which single sensors are off is known.
    length : int
        Of the trimmed axis, ticks.
    settings : HiccupSettings

    Returns
    -------
    Rhythms
    """
    live = {name: channel for name, channel in signals.sensors.items() if name in signals.live}
    pulses, tracks = find_pulses(live, hidden=hidden, off=signals.off, settings=settings)
    fast = _fast_chains(pulses, hidden, settings)
    slow = _slow_chains(pulses, [chain for chain, _ in fast], hidden, settings)
    told = [_named(rhythm, "rate", None, None) for _, rhythm in fast]
    for _, rhythm in slow:
        lasts = _lasts(rhythm, length, settings)
        if not _is_regular(rhythm, settings) or not (lasts or _long_enough(rhythm, settings)):
            continue
        breath = find_breath(signals.slow, rhythm.pulses, hidden=hidden, settings=settings)
        lock = None if breath is None else phase_lock(breath.phase, settings)
        reason = _other_origin(rhythm, lock, len(tracks), settings)
        if reason is not None or lasts:
            told.append(_named(rhythm, reason, lock is not None, lock))
    told.sort(key=lambda series: series.start)
    return Rhythms(
        tracks,
        pulses,
        chains=(*fast, *slow),
        bouts=tuple(series for series in told if isinstance(series, Bout)),
        regular_pulses=tuple(series for series in told if isinstance(series, RegularPulses)),
    )


def _fast_chains(
    pulses: Pulses, hidden: Intervals, settings: HiccupSettings
) -> list[tuple[PulseChain, Rhythm]]:
    """Return the chains that are as quick as her pulse or her steps, regular and long."""
    chains = find_chains(
        pulses, hidden=hidden, link_seconds=settings.fast_link_seconds, settings=settings
    )
    described = [(chain, _describe(chain, pulses, hidden, settings)) for chain in chains]
    return [
        (chain, rhythm)
        for chain, rhythm in described
        if rhythm.interval_seconds < settings.interval_seconds[0]
        and _is_regular(rhythm, settings)
        and _long_enough(rhythm, settings)
    ]


def _slow_chains(
    pulses: Pulses, taken: list[PulseChain], hidden: Intervals, settings: HiccupSettings
) -> list[tuple[PulseChain, Rhythm]]:
    """Return the chains of the pulses that those taken leave."""
    free = np.ones(len(pulses.tick), dtype=bool)
    for chain in taken:
        free[chain.index] = False
    left = np.flatnonzero(free)
    parts = find_chains(
        pulses.take(left), hidden=hidden, link_seconds=settings.link_seconds, settings=settings
    )
    whole = [replace(part, index=left[part.index]) for part in parts]
    chains = [_without_loose_ends(chain, pulses, hidden, settings) for chain in whole]
    return [(chain, _describe(chain, pulses, hidden, settings)) for chain in chains]


def bout_intervals(bouts: tuple[Bout, ...], settings: HiccupSettings) -> Intervals:
    """Return the time of bouts, those close to each other joined; ticks."""
    rows = as_intervals([[bout.start, bout.end] for bout in bouts])
    return close_gaps(rows, round(settings.join_seconds * TICKS_PER_SECOND))


def _named(
    rhythm: Rhythm, reason: Reason | None, known: bool | None, lock: PhaseLock | None
) -> Bout | RegularPulses:
    """Return a rhythm as what it is: a bout, where nothing gives it another origin."""
    concentration = None if lock is None else lock.concentration
    if reason is None:
        return Bout(
            **vars(rhythm), breath_known=lock is not None, breath_concentration=concentration
        )
    return RegularPulses(
        **vars(rhythm), breath_known=known, breath_concentration=concentration, reason=reason
    )


def _describe(
    chain: PulseChain, pulses: Pulses, hidden: Intervals, settings: HiccupSettings
) -> Rhythm:
    tick = pulses.tick[chain.index]
    unseen = total_before(hidden, tick)
    steps = np.diff(tick - unseen) / TICKS_PER_SECOND
    shortest = settings.shortest_step_seconds
    direct = (np.diff(unseen) == 0) & (steps > shortest)
    steps = steps[direct] if direct.any() else np.maximum(steps, shortest)
    # A pulse missed doubles an interval: fold it back before measuring how regular they are.
    interval = float(np.median(steps))
    for _ in range(2):
        folds = np.maximum(np.rint(steps / interval), 1)
        interval = float(np.median(steps / folds))
    spread = 1.4826 * float(np.median(np.abs(steps / folds - interval))) / interval
    strength = pulses.strength[chain.index].astype(np.float64)
    others = np.setdiff1d(np.arange(chain.index[0], chain.index[-1] + 1), chain.index)
    _, alike = align(pulses.snippet[others], chain.template)
    return Rhythm(
        start=max(int(tick[0]) - round(settings.rise_seconds * TICKS_PER_SECOND), 0),
        end=int(tick[-1]) + round(settings.fall_seconds * TICKS_PER_SECOND),
        pulses=tick,
        sites=_sites(chain, pulses, settings),
        interval_seconds=interval,
        interval_deviation=spread,
        missed_share=float((folds - 1).sum() / folds.sum()),
        strength_deviation=float(strength.std() / strength.mean()),
        likeness=float(np.median(chain.likeness)),
        stray_share=float((alike >= settings.likeness).sum() / len(tick)),
    )


def _without_loose_ends(
    chain: PulseChain, pulses: Pulses, hidden: Intervals, settings: HiccupSettings
) -> PulseChain:
    """Leave out pulses at the ends that are off the rhythm: they belong to it by chance."""
    tick = pulses.tick[chain.index]
    steps = np.diff(tick - total_before(hidden, tick))
    interval = np.median(steps)
    regular = np.flatnonzero(np.abs(steps - interval) <= settings.end_unevenness * interval)
    if len(regular) < settings.chain_pulses:
        return chain
    kept = slice(int(regular[0]), int(regular[-1]) + 2)
    return replace(
        chain, index=chain.index[kept], shift=chain.shift[kept], likeness=chain.likeness[kept]
    )


def _sites(chain: PulseChain, pulses: Pulses, settings: HiccupSettings) -> tuple[str, ...]:
    """Return the sensors on which each pulse is like the mean of the others."""
    snippets = shifted(pulses.snippet[chain.index], chain.shift, pulses.margin).astype(np.float64)
    seen = []
    for number, name in enumerate(pulses.sensors):
        rows = snippets[pulses.on[chain.index, number], number]
        if len(rows) < settings.chain_pulses:
            continue
        others = rows.sum(axis=0) - rows
        norm = (rows * rows).sum(axis=1) * (others * others).sum(axis=1)
        product = (rows * others).sum(axis=1)
        likeness = np.where(norm > 0, product / np.sqrt(np.maximum(norm, 1e-12)), 0)
        if likeness.mean() >= settings.site_likeness:
            seen.append(name)
    return tuple(seen)


def _is_regular(rhythm: Rhythm, settings: HiccupSettings) -> bool:
    return (
        rhythm.interval_deviation <= settings.interval_deviation
        and rhythm.missed_share <= settings.missed_share
        and rhythm.stray_share <= settings.stray_share
        and rhythm.likeness >= settings.likeness
    )


def _long_enough(rhythm: Rhythm, settings: HiccupSettings) -> bool:
    """Tell whether pulses that are no hiccups go on long enough to be named."""
    return (
        rhythm.end - rhythm.start >= settings.regular_seconds * TICKS_PER_SECOND
        and len(rhythm.pulses) >= settings.minimum_pulses
    )


def _lasts(rhythm: Rhythm, length: int, settings: HiccupSettings) -> bool:
    """Tell whether a bout is long enough; one that the recording cuts may be shorter."""
    near = round(settings.link_seconds[1] * TICKS_PER_SECOND)
    cut = rhythm.start < near or rhythm.end > length - near
    least = settings.cut_seconds if cut else settings.minimum_seconds
    pulses = settings.chain_pulses if cut else settings.minimum_pulses
    return rhythm.end - rhythm.start >= least * TICKS_PER_SECOND and len(rhythm.pulses) >= pulses


def _other_origin(
    rhythm: Rhythm, lock: PhaseLock | None, sensors: int, settings: HiccupSettings
) -> Reason | None:
    """Return why regular pulses are no hiccups; None if nothing speaks against it."""
    low, high = settings.interval_seconds
    if lock is not None and lock.follows:
        return "breath"
    if len(rhythm.sites) < settings.minimum_sites:
        return "one_sensor"
    if not low <= rhythm.interval_seconds <= high:
        return "rate"
    if lock is None and (
        rhythm.interval_seconds > settings.unseen_breath_interval_seconds
        or len(rhythm.sites) < min(settings.unseen_breath_sites, sensors)
    ):
        return "breath_unknown"
    return None
