"""Learns how far a model's expected counts are from true ones, and tells how its intervals did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from femo_signal.intervals import Intervals, as_intervals, overlapping
from femo_signal.learning.domain import DomainModel, SignalStatistics
from femo_signal.learning.expected_count import (
    LEAST_GROUPS,
    LEAST_SECONDS,
    LEAST_SPREAD,
    LEAST_STRAYS,
    LEVEL,
    CountModel,
    ExpectedCount,
    FormatCount,
    Withheld,
    WithheldCode,
    count_variance,
)

__all__ = [
    "CountCoverage",
    "CountedOutcome",
    "count_coverage",
    "count_intervals",
    "fit_count",
    "out_of_fold_intervals",
]

MOST_SPREAD = 2.0
MOST_STRAYS = 500.0
MOST_BIAS = 2.0  # of the logarithm: beyond a factor of seven there is nothing to correct
FOLDS = 10


class CountedOutcome(Protocol):
    """What is asked of a recording's outcome to learn from it, or to judge its interval."""

    @property
    def group(self) -> str: ...
    @property
    def label_source(self) -> str: ...
    @property
    def detections(self) -> Intervals: ...
    @property
    def probability(self) -> NDArray[np.float64]: ...
    @property
    def reference(self) -> Intervals: ...
    @property
    def analysed_seconds(self) -> float: ...
    @property
    def statistics(self) -> SignalStatistics | None: ...


def fit_count(outcomes: Sequence[CountedOutcome]) -> CountModel | None:
    """Learn how true counts differ from expected ones.

    Parameters
    ----------
    outcomes : sequence of CountedOutcome
        Out of fold: of a model that had not seen the recording, nor its subject. Recordings that
        presses label say nothing of the true count, and take no part.

    Returns
    -------
    CountModel or None
        None where no format has annotated recordings of `LEAST_GROUPS` groups.
    """
    by_format: dict[str, list[CountedOutcome]] = {}
    for outcome in outcomes:
        annotated = outcome.label_source == "annotations"
        enough = outcome.analysed_seconds >= LEAST_SECONDS
        if annotated and enough and outcome.statistics is not None:
            by_format.setdefault(outcome.statistics.format, []).append(outcome)
    formats = {
        name: _fit_format(found)
        for name, found in sorted(by_format.items())
        if len({outcome.group for outcome in found}) >= LEAST_GROUPS
    }
    return CountModel(formats=formats) if formats else None


def _fit_format(outcomes: Sequence[CountedOutcome]) -> FormatCount:
    """Fit bias, spread and strays by maximum likelihood of a normal distribution."""
    from scipy.optimize import minimize

    total = np.array([float(one.probability.sum()) for one in outcomes])
    undecided = np.array([float((one.probability * (1 - one.probability)).sum())
                          for one in outcomes])  # fmt: skip
    count = np.array([len(one.reference) for one in outcomes], dtype=np.float64)
    hours = np.array([one.analysed_seconds for one in outcomes]) / 3600
    missed = _missed_share(outcomes)

    def loss(place: NDArray[np.float64]) -> float:
        bias = math.exp(place[0])
        variance = count_variance(
            bias * total, hours, bias**2 * undecided,
            spread=place[1], strays=place[2], missed=missed,
        )  # fmt: skip
        return float(np.sum(np.log(variance) + (count - bias * total) ** 2 / variance))

    fitted = minimize(
        loss,
        x0=np.array([0.0, 2 * LEAST_SPREAD, 2 * LEAST_STRAYS]),
        bounds=[(-MOST_BIAS, MOST_BIAS), (LEAST_SPREAD, MOST_SPREAD), (LEAST_STRAYS, MOST_STRAYS)],
        method="L-BFGS-B",
    )
    log_bias, spread, strays = fitted.x.tolist()
    # Rounded, so that the last bits of a machine's arithmetic do not make another model.
    return FormatCount(
        bias=round(math.exp(log_bias), 3),
        spread=round(spread, 3),
        strays_per_hour=round(strays, 2),
        missed=round(missed, 4),
        groups=len({one.group for one in outcomes}),
        recordings=len(outcomes),
    )


def _missed_share(outcomes: Sequence[CountedOutcome]) -> float:
    """Return the share of reference events that no candidate overlaps."""
    events = sum(len(one.reference) for one in outcomes)
    without = sum(
        int((~overlapping(as_intervals(one.reference), one.detections)).sum()) for one in outcomes
    )
    return without / events if events else 0.0


def count_intervals(
    outcomes: Sequence[CountedOutcome],
    model: CountModel | None,
    domain: DomainModel | None = None,
) -> list[ExpectedCount | Withheld]:
    """Return the interval of each recording of an evaluation.

    Parameters
    ----------
    outcomes : sequence of CountedOutcome
    model : CountModel or None
    domain : DomainModel, optional
        Given, what is unlike its recordings is withheld, as in a result.
    """
    return [_interval(outcome, model, domain) for outcome in outcomes]


def out_of_fold_intervals(outcomes: Sequence[CountedOutcome]) -> list[ExpectedCount | Withheld]:
    """Return each recording's interval by what the other groups' recordings tell.

    Parameters
    ----------
    outcomes : sequence of CountedOutcome
        Out of fold.
    """
    names = sorted({outcome.group for outcome in outcomes})
    fold = {name: number % FOLDS for number, name in enumerate(names)}
    models = {
        number: fit_count([one for one in outcomes if fold[one.group] != number])
        for number in set(fold.values())
    }
    return [_interval(outcome, models[fold[outcome.group]], None) for outcome in outcomes]


@dataclass(frozen=True)
class CountCoverage:
    """How the intervals of annotated recordings did."""

    recordings: int
    withheld: int
    held: int  # intervals that hold the true count
    share: float  # of all recordings: what is withheld holds nothing
    level: float  # what the intervals promise
    median_count: float  # true
    median_width: float | None  # of the intervals given; None without any


def count_coverage(
    outcomes: Sequence[CountedOutcome], intervals: Sequence[ExpectedCount | Withheld]
) -> CountCoverage | None:
    """Compare intervals with what there was.

    Parameters
    ----------
    outcomes : sequence of CountedOutcome
    intervals : sequence of ExpectedCount or Withheld
        Of the same recordings.

    Returns
    -------
    CountCoverage or None
        None where no recording has annotations: presses do not tell the true count.
    """
    known = [
        (interval, len(outcome.reference))
        for interval, outcome in zip(intervals, outcomes, strict=True)
        if outcome.label_source == "annotations"
    ]
    if not known:
        return None
    given = [(one, count) for one, count in known if isinstance(one, ExpectedCount)]
    held = sum(interval.holds(count) for interval, count in given)
    widths = [interval.high - interval.low for interval, _ in given]
    return CountCoverage(
        recordings=len(known),
        withheld=len(known) - len(given),
        held=held,
        share=held / len(known),
        level=LEVEL,
        median_count=float(np.median([count for _, count in known])),
        median_width=float(np.median(widths)) if widths else None,
    )


def _interval(
    outcome: CountedOutcome, model: CountModel | None, domain: DomainModel | None
) -> ExpectedCount | Withheld:
    if model is None or outcome.statistics is None:
        return Withheld("not_learnt", "nothing was learnt of how far counts are from the truth")
    if outcome.analysed_seconds < LEAST_SECONDS:
        return Withheld("too_little_judged", "less than five minutes could be judged")
    if domain is not None:
        result = domain.compare(outcome.statistics)
        if result.strange is None or result.strange:
            code: WithheldCode = (
                "unlike_training" if result.strange else "unknown_whether_like_training"
            )
            return Withheld(code, result.notice or "")
    return model.expect(
        outcome.probability,
        hours=outcome.analysed_seconds / 3600,
        recording_format=outcome.statistics.format,
    )
