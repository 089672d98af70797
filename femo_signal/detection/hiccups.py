"""The hiccups of a recording, sensor by sensor: what features, analysis and plots build on.

How pulses, chains and bouts are found is in `femo_signal.detection`; here it is told for every
sensor which of its pulses belong to which chain (docs/method.md, "Hiccups").
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.bouts import (
    Bout,
    RegularPulses,
    Rhythm,
    Rhythms,
    bout_intervals,
    find_rhythms,
)
from femo_signal.detection.judged import JudgedTime
from femo_signal.detection.profile import Profile
from femo_signal.detection.pulses import SensorTrack, sensor_level, sensor_pulses
from femo_signal.intervals import (
    Intervals,
    as_intervals,
    at_least,
    close_gaps,
    complement,
    contains,
    difference,
    dilate,
    empty,
    union,
)
from femo_signal.recording import Channel
from femo_signal.settings import TICKS_PER_SECOND, HiccupSettings

__all__ = [
    "Bout",
    "Chain",
    "HiccupAnalysis",
    "PulseTrain",
    "RegularPulses",
    "background_level",
    "find_hiccups",
    "judged_beside",
    "shown_together",
    "taken_out",
]


@dataclass(frozen=True)
class PulseTrain:
    """The pulses of one sensor."""

    sensor: str
    level: float  # V, median over the recording of what |x| reaches in a pulse just seen
    onset: NDArray[np.int64]  # (n,) ticks of the trimmed axis
    end: NDArray[np.int64]  # (n,)
    peak: NDArray[np.float64]  # (n,) V
    chain: NDArray[np.int64]  # (n,) index into the sensor's chains, -1 where in none


@dataclass(frozen=True)
class Chain:
    """Pulses of one sensor that belong to one chain of all sensors."""

    sensor: str
    start: int  # ticks
    end: int
    pulses: int
    amplitude: float  # V, median
    amplitude_deviation: float  # median absolute deviation x 1.48, relative
    interval_seconds: float  # of the chain of all sensors, median
    interval_deviation: float  # ... relative
    missed_share: float  # ...
    likeness: float  # ... median correlation with its template
    is_bout: bool  # the chain is a bout of hiccups
    is_regular: bool  # the chain is one of other regular pulses


@dataclass(frozen=True)
class HiccupAnalysis:
    """Pulses and chains of every live sensor, bouts, and regular pulses of other origin."""

    trains: tuple[PulseTrain, ...]
    chains: tuple[tuple[Chain, ...], ...]  # per train
    bouts: Intervals  # ticks of the trimmed axis; bouts close to each other are one
    could_be_seen: bool  # enough sensors showed enough time for the shortest bout
    bout_facts: tuple[Bout, ...] = ()  # each bout, with its pulses
    regular_pulses: tuple[RegularPulses, ...] = ()
    untold: Intervals = field(default_factory=empty)
    """Ticks in which regular pulses on one sensor could be hiccups, movements or neither."""

    @property
    def breath_known(self) -> bool | None:
        """Tell whether the breath was seen wherever pulses had to be compared with it.

        None where none had to.
        """
        asked = [bout.breath_known for bout in self.bout_facts]
        asked += [s.breath_known for s in self.regular_pulses if s.breath_known is not None]
        return all(asked) if asked else None


def background_level(channel: Channel, excluded: Intervals) -> float:
    """Return the median of |x| outside the excluded intervals.

    Taken over some 30,000 evenly spaced samples, which fixes it to about one percent.

    Parameters
    ----------
    channel : Channel
        V.
    excluded : Intervals
        Body movement and gaps, ticks.

    Returns
    -------
    float
        V; NaN where nothing is left.
    """
    stride = max(1, len(channel.samples) // 30_000)
    index = np.arange(0, len(channel.samples), stride)
    kept = ~contains(excluded, channel.start_tick + index * channel.step_ticks)
    values = np.abs(channel.samples[index[kept]])
    return float(np.median(values)) if len(values) else float("nan")


def find_hiccups(profile: Profile) -> HiccupAnalysis:
    """Find the hiccup bouts of a recording, and other regular pulses.

    Parameters
    ----------
    profile : Profile
        Its settings say what a pulse, a chain and a bout are.

    Returns
    -------
    HiccupAnalysis
        Bouts in ticks of the trimmed axis, from the first pulse to the end of the last.
    """
    settings = profile.settings.hiccups
    rhythms = find_rhythms(
        profile.signals,
        hidden=union(profile.body_movement, profile.gaps),
        length=profile.info.length_ticks,
        settings=settings,
    )
    parts = [
        _sensor_part(track, profile.signals.sensors[track.name], rhythms, settings)
        for track in rhythms.tracks
    ]
    return HiccupAnalysis(
        trains=tuple(train for train, _ in parts),
        chains=tuple(chains for _, chains in parts),
        bouts=bout_intervals(rhythms.bouts, settings),
        could_be_seen=_could_be_seen(profile),
        bout_facts=rhythms.bouts,
        regular_pulses=rhythms.regular_pulses,
        untold=_untold_pulses(profile, rhythms),
    )


def _sensor_part(
    track: SensorTrack, channel: Channel, rhythms: Rhythms, settings: HiccupSettings
) -> tuple[PulseTrain, tuple[Chain, ...]]:
    """Tell which pulses of one sensor belong to which chain."""
    pulses, peaks = sensor_pulses(track, channel, settings)
    member = np.full(len(pulses), -1, dtype=np.int64)
    chains: list[Chain] = []
    near = round(settings.coincidence_seconds * TICKS_PER_SECOND)
    bouts = {(bout.start, bout.end) for bout in rhythms.bouts}
    regular = {(series.start, series.end) for series in rhythms.regular_pulses}
    for chain, rhythm in rhythms.chains:
        if track.name not in rhythm.sites:
            continue
        index = _coinciding(pulses, rhythms.pulses.tick[chain.index], near)
        index = index[member[index] < 0]
        if len(index) < settings.chain_pulses:
            continue
        member[index] = len(chains)
        where = (rhythm.start, rhythm.end)
        chains.append(
            _sensor_chain(
                track.name, index, pulses, peaks, rhythm, where in bouts, where in regular
            )
        )
    level = sensor_level(track, settings)
    train = PulseTrain(track.name, level, pulses[:, 0], pulses[:, 1], peaks, member)
    return train, tuple(chains)


def _coinciding(pulses: Intervals, ticks: NDArray[np.int64], near: int) -> NDArray[np.int64]:
    """Return which pulses of a sensor lie at any of the ticks, rising."""
    if not len(pulses):
        return np.zeros(0, dtype=np.int64)
    first = np.searchsorted(pulses[:, 1], ticks - near, side="right")
    first = np.minimum(first, len(pulses) - 1)
    hit = (pulses[first, 0] <= ticks + near) & (pulses[first, 1] > ticks - near)
    return np.unique(first[hit])


def _sensor_chain(
    sensor: str,
    index: NDArray[np.int64],
    pulses: Intervals,
    peaks: NDArray[np.float64],
    rhythm: Rhythm,
    is_bout: bool,
    is_regular: bool,
) -> Chain:
    amplitude = float(np.median(peaks[index]))
    deviation = 1.4826 * float(np.median(np.abs(peaks[index] / amplitude - 1)))
    return Chain(
        sensor=sensor,
        start=int(pulses[index[0], 0]),
        end=int(pulses[index[-1], 1]),
        pulses=len(index),
        amplitude=amplitude,
        amplitude_deviation=deviation,
        interval_seconds=rhythm.interval_seconds,
        interval_deviation=rhythm.interval_deviation,
        missed_share=rhythm.missed_share,
        likeness=rhythm.likeness,
        is_bout=is_bout,
        is_regular=is_regular,
    )


def taken_out(
    bouts: Intervals, *, length: int, settings: HiccupSettings | None = None
) -> Intervals:
    """Return the time that goes with the bouts where hiccups are taken out.

    Parameters
    ----------
    bouts : Intervals
    length : int
        Length of the trimmed axis, ticks.
    settings : HiccupSettings, optional
        How much a bout takes along at each end.
    """
    margin = round((settings or HiccupSettings()).margin_seconds * TICKS_PER_SECOND)
    return dilate(bouts, 2 * margin + 1, length)


def judged_beside(
    profile: Profile, hiccups: HiccupAnalysis, *, hiccups_removed: bool = False
) -> JudgedTime:
    """Tell which time could be judged, once it is known what repeats itself.

    Parameters
    ----------
    profile : Profile
    hiccups : HiccupAnalysis
        Of the same profile.
    hiccups_removed : bool
        Take the bouts out as well.
    """
    time = None
    if hiccups_removed:
        length, settings = profile.info.length_ticks, profile.settings.hiccups
        time = taken_out(hiccups.bouts, length=length, settings=settings)
    return profile.judge(pulses=hiccups.untold, hiccups=time)


def _untold_pulses(profile: Profile, rhythms: Rhythms) -> Intervals:
    """Return where regular pulses on one sensor could be hiccups, movements or neither.

    That is where so few sensors are on that one alone makes a candidate. A pulse that belongs to
    them and is not linked lies at most one link away.
    """
    if profile.findings is None:
        return empty()
    length, settings = profile.info.length_ticks, profile.settings
    spans = [[s.start, s.end] for s in rhythms.regular_pulses if s.reason == "one_sensor"]
    reach = round(settings.hiccups.link_seconds[1] * TICKS_PER_SECOND)
    near = dilate(as_intervals(spans), 2 * reach + 1, length)
    many = at_least(settings.candidates.solo_sensors + 1, *_shown(profile))
    return difference(near, many)


def shown_together(profile: Profile) -> Intervals:
    """Return where as many sensors as a bout needs show something, ticks."""
    return at_least(profile.settings.hiccups.minimum_sites, *_shown(profile))


def _shown(profile: Profile) -> list[Intervals]:
    """Return where each live sensor shows something, ticks."""
    return [
        complement(profile.hidden(name), profile.info.length_ticks)
        for name in profile.signals.sensors
        if name in profile.signals.live
    ]


def _could_be_seen(profile: Profile) -> bool:
    """Tell whether as many sensors as a bout needs showed the time of the shortest one.

    In one stretch, but for holes that a pulse may be missed in: pieces tell no rhythm.
    """
    settings = profile.settings.hiccups
    pieces = shown_together(profile)
    pieces = pieces[pieces[:, 1] - pieces[:, 0] >= settings.least_piece_seconds * TICKS_PER_SECOND]
    stretches = close_gaps(pieces, round(settings.longest_hole_seconds * TICKS_PER_SECOND))
    lengths = stretches[:, 1] - stretches[:, 0]
    return bool((lengths >= settings.minimum_seconds * TICKS_PER_SECOND).any())
