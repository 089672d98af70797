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

from femo_signal.detection.breath import find_breath, phase_concentration
from femo_signal.detection.chains import PulseChain, align, find_chains, shifted, unseen_before
from femo_signal.detection.pulses import Pulses, find_pulses
from femo_signal.intervals import Intervals, close_gaps, empty, union
from femo_signal.recording import Signals
from femo_signal.settings import TICKS_PER_SECOND, HiccupSettings

__all__ = ["Bout", "RegularPulses", "Rhythms", "find_rhythms"]

RISE_SECONDS, FALL_SECONDS = 0.15, 0.45  # of a pulse, before and after its summit
END_UNEVENNESS = 0.4  # of an interval between the outermost pulses of a chain, relative
Reason = Literal["one_sensor", "breath", "breath_unknown", "rate"]


@dataclass(frozen=True)
class Bout:
    """A bout of hiccups."""

    start: int  # ticks of the trimmed axis, from the first pulse
    end: int  # ... to the end of the last
    pulses: NDArray[np.int64]  # (n,) ticks of the summits
    sites: tuple[str, ...]  # sensors that see it
    interval_seconds: float  # median
    interval_deviation: float  # relative
    missed_share: float  # of the pulses that the rhythm makes one expect
    strength_deviation: float  # of the pulses' strength, relative
    likeness: float  # median correlation with the bout's template
    breath_known: bool
    breath_concentration: float | None  # of the breath's phases, 0 to 1; None if not known


@dataclass(frozen=True)
class RegularPulses:
    """Regular pulses that are no hiccups: not of the baby, as far as can be told."""

    start: int  # ticks of the trimmed axis
    end: int
    pulses: NDArray[np.int64]  # (n,) ticks of the summits
    sensors: tuple[str, ...]  # that see them
    interval_seconds: float  # median
    reason: Reason
    """one_sensor: seen at one site only; breath: they follow the mother's breath;
    breath_unknown: they are as slow as breaths, and no breath is seen to compare with;
    rate: as fast as the mother's pulse or her steps, or slower than hiccups."""


@dataclass(frozen=True)
class Rhythms:
    """What repeats itself in a recording."""

    pulses: Pulses
    bouts: tuple[Bout, ...]
    regular_pulses: tuple[RegularPulses, ...]


@dataclass(frozen=True)
class _Facts:
    """What is known of a chain."""

    start: int
    end: int
    pulses: NDArray[np.int64]
    sites: tuple[str, ...]
    interval_seconds: float
    interval_deviation: float
    missed_share: float
    strength_deviation: float
    likeness: float
    stray_share: float
    breath_known: bool
    breath_concentration: float | None


def find_rhythms(
    signals: Signals, *, hidden: Intervals, length: int, settings: HiccupSettings
) -> Rhythms:
    """Find hiccups and other regular pulses.

    Parameters
    ----------
    signals : Signals
    hidden : Intervals
        Body movement and gaps, ticks.
    length : int
        Of the trimmed axis, ticks.
    settings : HiccupSettings

    Returns
    -------
    Rhythms
        Bouts in order of time, disjoint; regular pulses in order of time.
    """
    live = {name: channel for name, channel in signals.sensors.items() if name in signals.live}
    pulses, _ = find_pulses(live, hidden=hidden, off=signals.off, settings=settings)
    fast = find_chains(
        pulses, hidden=hidden, link_seconds=settings.fast_link_seconds, settings=settings
    )
    regular: list[RegularPulses] = []
    used = np.zeros(len(pulses.tick), dtype=bool)
    for chain in fast:
        facts = _describe(chain, pulses, signals, hidden, settings)
        if _is_regular(facts, settings) and facts.interval_seconds < settings.interval_seconds[0]:
            regular.append(_regular(facts, "rate"))
            used[chain.index] = True
    left = np.flatnonzero(~used)
    slow = find_chains(
        pulses.take(left), hidden=hidden, link_seconds=settings.link_seconds, settings=settings
    )
    bouts: list[Bout] = []
    for part in slow:
        chain = replace(part, index=left[part.index])
        facts = _describe(chain, pulses, signals, hidden, settings)
        if not _is_rhythm(facts, settings):
            continue
        reason = _other_origin(facts, settings)
        if reason is None and _lasts(facts, hidden, length, settings):
            bouts.append(_bout(facts))
        elif reason is not None and _is_regular(facts, settings):
            regular.append(_regular(facts, reason))
    bouts.sort(key=lambda bout: bout.start)
    regular.sort(key=lambda series: series.start)
    return Rhythms(pulses, tuple(bouts), tuple(regular))


def bout_intervals(bouts: tuple[Bout, ...], settings: HiccupSettings) -> Intervals:
    """Return the time of bouts, those close to each other joined."""
    rows = [union(empty(), np.array([[bout.start, bout.end]])) for bout in bouts]
    return close_gaps(union(*rows), round(settings.join_seconds * TICKS_PER_SECOND))


def _describe(
    chain: PulseChain,
    pulses: Pulses,
    signals: Signals,
    hidden: Intervals,
    settings: HiccupSettings,
) -> _Facts:
    chain = _without_loose_ends(chain, pulses, hidden)
    tick = pulses.tick[chain.index]
    seen = (tick - unseen_before(tick, hidden)) / TICKS_PER_SECOND
    bridged = np.diff(unseen_before(tick, hidden)) > 0
    steps = np.diff(seen)[~bridged] if not bridged.all() else np.diff(seen)
    interval = float(np.median(steps))
    # A pulse missed doubles an interval: fold it back before measuring how regular they are.
    folds = np.maximum(np.rint(steps / interval), 1)
    interval = float(np.median(steps / folds))
    folds = np.maximum(np.rint(steps / interval), 1)
    spread = 1.4826 * float(np.median(np.abs(steps / folds - interval))) / interval
    strength = pulses.strength[chain.index].astype(np.float64)
    inside = np.arange(chain.index[0], chain.index[-1] + 1)
    others = np.setdiff1d(inside, chain.index)
    _, alike = align(pulses.snippet[others], chain.template)
    breath = find_breath(signals.slow, tick, hidden=hidden, settings=settings)
    concentration = phase_concentration(breath.phase) if breath is not None else float("nan")
    return _Facts(
        start=int(tick[0]) - round(RISE_SECONDS * TICKS_PER_SECOND),
        end=int(tick[-1]) + round(FALL_SECONDS * TICKS_PER_SECOND),
        pulses=tick,
        sites=_sites(chain, pulses, settings),
        interval_seconds=interval,
        interval_deviation=spread,
        missed_share=float((folds - 1).sum() / folds.sum()),
        strength_deviation=float(strength.std() / strength.mean()),
        likeness=float(np.median(chain.likeness)),
        stray_share=float((alike >= settings.likeness).sum() / len(tick)),
        breath_known=bool(np.isfinite(concentration)),
        breath_concentration=concentration if np.isfinite(concentration) else None,
    )


def _without_loose_ends(
    chain: PulseChain, pulses: Pulses, hidden: Intervals
) -> PulseChain:
    """Leave out pulses at the ends that are off the rhythm: they belong to it by chance."""
    tick = pulses.tick[chain.index]
    steps = np.diff(tick - unseen_before(tick, hidden))
    interval = np.median(steps)
    regular = np.flatnonzero(np.abs(steps - interval) <= END_UNEVENNESS * interval)
    if not len(regular):
        return chain
    kept = slice(int(regular[0]), int(regular[-1]) + 2)
    return replace(
        chain, index=chain.index[kept], shift=chain.shift[kept], likeness=chain.likeness[kept]
    )


def _sites(chain: PulseChain, pulses: Pulses, settings: HiccupSettings) -> tuple[str, ...]:
    """Return the sensors on which each pulse is like the mean of the others."""
    snippets = shifted(pulses.snippet[chain.index], chain.shift).astype(np.float64)
    seen = []
    for number, name in enumerate(pulses.sensors):
        rows = snippets[pulses.on[chain.index, number], number]
        if len(rows) < settings.chain_pulses:
            continue
        others = rows.sum(axis=0) - rows
        norm = (rows * rows).sum(axis=1) * (others * others).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            likeness = np.where(norm > 0, (rows * others).sum(axis=1) / np.sqrt(norm), 0)
        if likeness.mean() >= settings.site_likeness:
            seen.append(name)
    return tuple(seen)


def _is_rhythm(facts: _Facts, settings: HiccupSettings) -> bool:
    return (
        facts.interval_deviation <= settings.interval_deviation
        and facts.missed_share <= settings.missed_share
        and facts.stray_share <= settings.stray_share
        and facts.likeness >= settings.likeness
    )


def _is_regular(facts: _Facts, settings: HiccupSettings) -> bool:
    """Tell whether pulses that are no hiccups go on long enough to be named."""
    return (
        _is_rhythm(facts, settings)
        and facts.end - facts.start >= settings.regular_seconds * TICKS_PER_SECOND
    )


def _other_origin(facts: _Facts, settings: HiccupSettings) -> Reason | None:
    """Return why regular pulses are no hiccups; None if nothing speaks against it."""
    low, high = settings.interval_seconds
    concentration = facts.breath_concentration
    if concentration is not None and concentration >= settings.breath_lock:
        return "breath"
    if len(facts.sites) < settings.minimum_sites:
        return "one_sensor"
    if not low <= facts.interval_seconds <= high:
        return "rate"
    if concentration is None and facts.interval_seconds > settings.unseen_breath_interval_seconds:
        return "breath_unknown"
    return None


def _lasts(facts: _Facts, hidden: Intervals, length: int, settings: HiccupSettings) -> bool:
    """Tell whether a bout is long enough; one that the recording cuts may be shorter."""
    near = round(settings.link_seconds[1] * TICKS_PER_SECOND)
    cut = facts.start < near or facts.end > length - near
    least = settings.cut_seconds if cut else settings.minimum_seconds
    pulses = settings.chain_pulses if cut else settings.minimum_pulses
    return facts.end - facts.start >= least * TICKS_PER_SECOND and len(facts.pulses) >= pulses


def _bout(facts: _Facts) -> Bout:
    return Bout(
        start=facts.start,
        end=facts.end,
        pulses=facts.pulses,
        sites=facts.sites,
        interval_seconds=facts.interval_seconds,
        interval_deviation=facts.interval_deviation,
        missed_share=facts.missed_share,
        strength_deviation=facts.strength_deviation,
        likeness=facts.likeness,
        breath_known=facts.breath_known,
        breath_concentration=facts.breath_concentration,
    )


def _regular(facts: _Facts, reason: Reason) -> RegularPulses:
    return RegularPulses(
        start=facts.start,
        end=facts.end,
        pulses=facts.pulses,
        sensors=facts.sites,
        interval_seconds=facts.interval_seconds,
        reason=reason,
    )
