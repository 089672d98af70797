"""When a fetus moves: sleep states, the week, the hour of the day, bursts.

Sources of the numbers: published rates of movement while the mother sleeps, about 74 an hour at
28 weeks and 29 at term (64 women, 385 nights), by ultrasound 46 to 53 an hour at 24 to 28 weeks,
evening and first half of the night busiest, longest quiet period 14 to 20 minutes: docs/method.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spell", "draw_onsets", "draw_spells", "hourly_course", "movements_per_hour"]

_BUSIEST_HOUR = 22.5
# How much less a fetus moves in quiet sleep than when active.
_QUIET_FACTOR = 0.1
# Chance that another movement follows within seconds; bursts then hold 1 / (1 - chance) on average.
_FOLLOW = 0.3


@dataclass(frozen=True)
class Spell:
    """A stretch of one behavioural state."""

    start: float  # s
    end: float
    quiet: bool


def movements_per_hour(week: float) -> float:
    """Return the published mean rate of a gestational week, 24 to 40."""
    return float(np.exp(np.interp(week, [24, 28, 40], np.log([50.0, 74.0, 29.0]))))


def hourly_course(hour: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rate over its mean of the night (22 to 6 h), by hour of the day."""
    return 0.85 + 0.27 * np.cos(2 * np.pi * (hour - _BUSIEST_HOUR) / 24)


def draw_spells(week: float, seconds: float, rng: np.random.Generator) -> list[Spell]:
    """Draw quiet and active states in turn; quiet ones grow longer towards term."""
    quiet_minutes, active_minutes = _mean_minutes(week)
    share = quiet_minutes / (quiet_minutes + active_minutes)
    quiet = bool(rng.random() < share)
    spells: list[Spell] = []
    time = 0.0
    while time < seconds:
        mean = quiet_minutes if quiet else active_minutes
        # A gamma of shape 4 spreads by half of its mean; the first spell has begun before.
        length = 60 * mean * float(rng.gamma(4.0)) / 4
        length *= float(rng.uniform(0.1, 1.0)) if time == 0 else 1.0
        spells.append(Spell(time, min(time + length, seconds), quiet))
        time += length
        quiet = not quiet
    return spells


def draw_onsets(
    spells: list[Spell],
    *,
    rate_per_hour: float,
    week: float,
    start: datetime,
    rng: np.random.Generator,
) -> list[float]:
    """Draw when movements begin, in s: a Poisson process of bursts, in order.

    Parameters
    ----------
    spells : list of Spell
        From 0 to the recording's end, without holes.
    rate_per_hour : float
        Mean over states and the hours of a night.
    week : float
        Sets the states' mean lengths, by which the rate of the active state follows.
    start : datetime
        Its hour is the hour of the day at second 0.
    rng : numpy Generator
    """
    quiet_minutes, active_minutes = _mean_minutes(week)
    share = quiet_minutes / (quiet_minutes + active_minutes)
    active_factor = (1 - share * _QUIET_FACTOR) / (1 - share)
    hour = start.hour + start.minute / 60
    onsets: list[float] = []
    for spell in spells:
        factor = _QUIET_FACTOR if spell.quiet else active_factor
        clock = np.array([hour + (spell.start + spell.end) / 7200])
        bursts = rate_per_hour * (1 - _FOLLOW) * factor * float(hourly_course(clock)[0]) / 3600
        count = rng.poisson(bursts * (spell.end - spell.start))
        for time in rng.uniform(spell.start, spell.end, count):
            onsets.append(float(time))
            while rng.random() < _FOLLOW:
                onsets.append(onsets[-1] + 1.8 + float(rng.exponential(1.8)))
    return sorted(time for time in onsets if time < spells[-1].end)


def _mean_minutes(week: float) -> tuple[float, float]:
    """Return the mean lengths of quiet and active states; they become distinct towards term."""
    return float(np.interp(week, [24, 40], [6, 15])), float(np.interp(week, [24, 40], [22, 32]))
