"""Whether a recording is like those that a model was trained on.

A few statistics of its signals are compared with those of the training recordings. All are ratios
of a sensor to itself, over no more than two minutes, so that neither a gain, nor its change, nor a
sensor that is off makes a recording strange. What does is another kind of signal: a wave, noise in
which nothing happens, another device's band, steady walking.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from femo_signal.detection.evidence import band_log_energy
from femo_signal.detection.profile import Profile
from femo_signal.intervals import contains, empty, overlapping, union
from femo_signal.recording import Channel

__all__ = [
    "STATISTICS",
    "DomainModel",
    "DomainResult",
    "SignalStatistics",
    "StatisticKind",
    "Unlike",
    "collect_statistics",
    "fit_domain",
    "not_compared",
]

BANDS_HZ = ((2.0, 4.0), (6.0, 12.0), (14.0, 30.0))  # low, middle, high
WINDOW_SECONDS = 0.5
FRAME_SECONDS = 1.0  # from one frame to the next
BLOCK_FRAMES = 120  # that share a level: two minutes, as long as a gain is asked to hold
RISE_Z = 4.0  # what rises so far above its own level is an event: white noise has 2 in 10 000
LEAST_SHARE = 3e-4  # keeps the logarithm of a share finite: one frame an hour
LEAST_SPREAD = 1e-3  # the same for a wave, which has none
QUARTILES_TO_SIGMA = 1.349  # of a normal distribution
LEAST_LIMIT = 4.0
"""No recording is strange below it: of six statistics of a normal distribution, one in 2600."""
MARGIN = 1.5  # beyond what training recordings of one group lie from those of the others
OUTLIERS_PERCENT = 95.0  # of the training recordings decide on the limit
MOST_TOLD = 3


@dataclass(frozen=True)
class StatisticKind:
    """One statistic of a recording."""

    name: str
    description: str  # of what it is the natural logarithm of
    least_spread: float
    """So far recordings may differ that the method handles alike.

    From cohorts of two independent generators, trained on either: their noise is white or falls
    with the square of the frequency (2 in the logarithm of a band ratio), their movements come 24
    to 500 times an hour.
    """


STATISTICS = (
    StatisticKind("low_over_mid", "energy in the low band over that in the middle", 0.7),
    StatisticKind("mid_over_high", "energy in the middle band over the high one", 0.7),
    StatisticKind("spread_low", "how much the energy of the low band varies", 0.2),
    StatisticKind("spread_mid", "how much the energy of the middle band varies", 0.2),
    StatisticKind("spread_high", "how much the energy of the high band varies", 0.2),
    StatisticKind("rises", "share of time in which a sensor rises far above its level",
                  0.6),
    StatisticKind("candidates", "candidate movements per judged hour", 0.8),
)  # fmt: skip
"""A sensor's are named ``sensor_3.rises``; those of the whole recording by their name alone."""
_KIND = {kind.name: kind for kind in STATISTICS}


def _kind_of(name: str) -> str:
    return name.rpartition(".")[2]


@dataclass(frozen=True)
class SignalStatistics:
    """What tells one kind of recording from another; nothing of it depends on a gain."""

    format: str  # "v1" or "v2"
    values: Mapping[str, float]  # by `STATISTICS`; what could not be told is absent

    @property
    def is_sound(self) -> bool:
        """Whether all that is there can be computed with, since a file may hold anything."""
        return (
            isinstance(self.format, str)
            and isinstance(self.values, Mapping)
            and all(
                _kind_of(name) in _KIND and isinstance(value, int | float) and math.isfinite(value)
                for name, value in self.values.items()
            )
        )


@dataclass(frozen=True)
class Unlike:
    """A statistic in which a recording differs from the training recordings."""

    statistic: str
    description: str
    deviation: float  # in spreads of the training recordings, signed; of the median sensor


@dataclass(frozen=True)
class DomainResult:
    """How far a recording lies from those that a model was trained on."""

    format: str
    distance: float | None  # largest deviation of a statistic; None: could not be told
    limit: float | None  # from here on a recording is strange; None: the model does not say
    strange: bool | None
    most_unlike: tuple[Unlike, ...] = field(default_factory=tuple)  # the worst first
    notice: str | None = None
    """For a person, where the recording is strange or nobody could tell."""


def not_compared(recording_format: str) -> DomainResult:
    """Return what can be said of a recording by a model that knows not what it was trained on."""
    return DomainResult(
        format=recording_format,
        distance=None,
        limit=None,
        strange=None,
        notice="the model does not say what the recordings were like that it was trained on",
    )


def collect_statistics(profile: Profile) -> SignalStatistics:
    """Compute a recording's statistics, from every live sensor that is on for two minutes."""
    values: dict[str, float] = {}
    for name in sorted(profile.signals.live & set(profile.signals.sensors)):
        channel = profile.signals.sensors[name]
        hidden = union(profile.gaps, profile.signals.off.get(name, empty()))
        energy, ticks = _log_energy(channel)
        on = energy[:, ~contains(hidden, ticks)]
        if on.shape[1] >= BLOCK_FRAMES:
            values |= {f"{name}.{key}": value for key, value in _of_sensor(on).items()}
    judged = profile.judge()
    if judged.status == "ok":
        count = int(overlapping(profile.detections, judged.judged).sum())
        values["candidates"] = math.log((count + 1) / (judged.seconds / 3600))
    return SignalStatistics(profile.info.format, values)


def _log_energy(channel: Channel) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the energy in bands, (bands, frames), and the ticks of the frames' centres."""
    rate = channel.sample_rate
    hop, window = round(rate * FRAME_SECONDS), round(rate * WINDOW_SECONDS)
    energy = band_log_energy(channel.samples, BANDS_HZ, sample_rate=rate, window=window, hop=hop)
    centres = np.arange(energy.shape[1], dtype=np.int64) * hop + window // 2
    return energy, channel.start_tick + centres * channel.step_ticks


def _of_sensor(energy: NDArray[np.float32]) -> dict[str, float]:
    """Return the statistics of a sensor from its energy while it is on, shape (3, frames)."""
    whole = energy.shape[1] // BLOCK_FRAMES
    blocks = energy[:, : whole * BLOCK_FRAMES].reshape(len(energy), whole, BLOCK_FRAMES)
    lower, level, upper = np.percentile(blocks.astype(np.float64), (25, 50, 75), axis=2)
    spread = np.maximum(upper - lower, LEAST_SPREAD)
    z = (blocks - level[..., None]) / (spread[..., None] / QUARTILES_TO_SIGMA)
    rises = float((z.max(axis=0) >= RISE_Z).mean())
    low, mid, high = np.median(level, axis=1)
    wide = np.log(np.median(spread, axis=1))
    return {
        "low_over_mid": float(low - mid),
        "mid_over_high": float(mid - high),
        "spread_low": float(wide[0]),
        "spread_mid": float(wide[1]),
        "spread_high": float(wide[2]),
        "rises": math.log(rises + LEAST_SHARE),
    }


_Positive = Annotated[float, Field(gt=0)]


class DomainModel(BaseModel):
    """Where the training recordings lie, and how far from there a recording is strange."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    formats: tuple[str, ...]
    """Of the training recordings."""
    centre: dict[str, float]
    """Median over the training recordings, by statistic."""
    spread: dict[str, _Positive]
    """1.4826 times the median absolute deviation, at least the statistic's own least."""
    limit: _Positive

    def deviations(self, statistics: SignalStatistics) -> dict[str, float]:
        """Return how far each kind of statistic lies from the training recordings, in spreads.

        The median over the sensors: one that is loose, or holds a pulse train, decides nothing.
        """
        found: dict[str, list[float]] = {}
        for name, value in statistics.values.items():
            if name in self.centre and name in self.spread:
                deviation = (value - self.centre[name]) / self.spread[name]
                found.setdefault(_kind_of(name), []).append(deviation)
        return {kind: float(np.median(values)) for kind, values in found.items()}

    def compare(self, statistics: SignalStatistics) -> DomainResult:
        """Tell how far a recording lies from the training recordings."""
        worst = sorted(self.deviations(statistics).items(), key=lambda pair: -abs(pair[1]))
        unlike = tuple(
            Unlike(name, _KIND[name].description, round(value, 3))
            for name, value in worst[:MOST_TOLD]
            if name in _KIND
        )
        distance = max((abs(value) for _, value in worst), default=None)
        known = statistics.format in self.formats
        strange = True if not known else None if distance is None else distance > self.limit
        return DomainResult(
            format=statistics.format,
            distance=distance,
            limit=self.limit,
            strange=strange,
            most_unlike=unlike,
            notice=self._notice(statistics.format, known, strange, unlike),
        )

    def _notice(
        self, form: str, known: bool, strange: bool | None, unlike: tuple[Unlike, ...]
    ) -> str | None:
        if not known:
            return (
                f"the model was trained on no recording of the format {form}: how well it does "
                "here is not known"
            )
        if strange is None:
            return "whether the recording is like those of the training could not be told"
        if strange:
            return (
                "the recording is unlike those that the model was trained on (most of all: "
                f"{unlike[0].description}): how well it does here is not known"
            )
        return None


def fit_domain(
    statistics: Sequence[SignalStatistics | None], groups: Sequence[str]
) -> DomainModel | None:
    """Learn where training recordings lie.

    Parameters
    ----------
    statistics : sequence of SignalStatistics or None
        None for a recording of which they are not known.
    groups : sequence of str
        The subject of each; how far one subject's recordings lie from all others' sets the limit.

    Returns
    -------
    DomainModel or None
        None where no recording has statistics.
    """
    known = [(one, group) for one, group in zip(statistics, groups, strict=True)
             if one is not None and one.values]  # fmt: skip
    if not known:
        return None
    distances: list[float] = []
    for left_out in sorted({group for _, group in known}):
        rest = [one for one, group in known if group != left_out]
        if rest:
            others = _located(rest, limit=LEAST_LIMIT)
            distances += [
                max(map(abs, others.deviations(one).values()), default=0.0)
                for one, group in known
                if group == left_out
            ]
    limit = LEAST_LIMIT
    if distances:
        limit = max(limit, MARGIN * float(np.percentile(distances, OUTLIERS_PERCENT)))
    return _located([one for one, _ in known], limit=round(limit, 6))


def _located(statistics: Sequence[SignalStatistics], *, limit: float) -> DomainModel:
    columns: dict[str, list[float]] = {}
    for one in statistics:
        for name, value in one.values.items():
            columns.setdefault(name, []).append(value)
    centre, spread = {}, {}
    for name in sorted(columns):
        values = np.array(columns[name])
        least = _KIND[_kind_of(name)].least_spread
        centre[name] = round(float(np.median(values)), 6)
        deviation = float(np.median(np.abs(values - centre[name])))
        spread[name] = round(max(1.4826 * deviation, least), 6)
    return DomainModel(
        formats=tuple(sorted({one.format for one in statistics})),
        centre=centre,
        spread=spread,
        limit=limit,
    )
