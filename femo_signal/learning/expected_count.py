"""How many movements there were in judged time, with an interval that keeps its promise.

The probabilities of a recording's candidates add up to what the model expects. The truth differs
from that, and by how much is learnt from recordings that the model had not seen (out of fold):

- in proportion, since women, belts and generators differ, and since what is no candidate is missed
  in proportion to what there is;
- by stray detections that come with the hours, movements or none;
- by chance: candidates that turn out one way or the other, and how many are missed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from femo_signal.detection.judged import JudgedTime
from femo_signal.intervals import Intervals, as_intervals, intersection, overlapping
from femo_signal.learning.domain import DomainModel, DomainResult, SignalStatistics
from femo_signal.settings import JudgingSettings, Method

__all__ = [
    "COUNTED",
    "LEVEL",
    "CountCoverage",
    "CountModel",
    "CountedOutcome",
    "ExpectedCount",
    "FormatCount",
    "Withheld",
    "count_coverage",
    "count_intervals",
    "expected_count",
    "fit_count",
    "in_judged_time",
    "out_of_fold_intervals",
]

LEVEL = 0.9  # of the interval
LEAST_SECONDS = JudgingSettings().least_seconds
"""A recording with less judged time tells no rate, and nothing of counts."""
LEAST_GROUPS = 3
"""Of one format: the spread between two says nothing. With three, Student's t takes 2.9 spreads."""
LEAST_SPREAD = 0.15
"""Share of the count. A model trained on recordings of one kind is off by up to 16 % on those of
another, however little it was off on its own (docs/method.md, "How many there were")."""
LEAST_STRAYS = 4.0
"""An hour. A model trained on rich recordings alone has seen none that hold nothing but nuisances,
and expects up to 23 movements an hour in them; one that has seen some, 2 to 8."""
MOST_SPREAD = 2.0
MOST_STRAYS = 500.0
MOST_BIAS = 2.0  # of the logarithm: beyond a factor of seven there is nothing to correct
FOLDS = 10
COUNTED: Mapping[Method, bool] = {"adaptive": True, "reference": False}
"""Whether a method's counts can be vouched for. What share of the movements the reference method's
two sensors show differs too much between kinds of recording: an interval learnt on one generator's
held the count of none of ten recordings of another (docs/method.md, "How many there were")."""


@dataclass(frozen=True)
class ExpectedCount:
    """How many movements judged time is likely to hold."""

    low: int
    high: int
    expected: float
    level: float = LEVEL

    def holds(self, count: int) -> bool:
        """Tell whether the interval holds a count."""
        return self.low <= count <= self.high


WithheldCode = Literal[
    "reference_method",
    "not_learnt",
    "too_little_judged",
    "unlike_training",
    "unknown_whether_like_training",
]


@dataclass(frozen=True)
class Withheld:
    """Why there is no expected count."""

    code: WithheldCode
    reason: str  # for a person


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


class FormatCount(BaseModel):
    """How the true count of recordings of one format differs from the sum of probabilities."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    bias: float = Field(gt=0)
    """True count over sum, in the middle."""
    spread: float = Field(ge=0)
    """Standard deviation between recordings, as a share of the count."""
    strays_per_hour: float = Field(ge=0)
    """Standard deviation of what comes with the hours."""
    missed: float = Field(ge=0, le=1)
    """Share of the true movements that are no candidate."""
    groups: int = Field(ge=LEAST_GROUPS)
    """Subjects that this was learnt from."""
    recordings: int = Field(ge=LEAST_GROUPS)

    def interval(self, probability: NDArray[np.float64], hours: float) -> ExpectedCount:
        """Return the predictive interval.

        Student's t with one degree of freedom less than there were groups, and their mean's own
        error: few groups give a wide interval.

        Parameters
        ----------
        probability : float64, shape (n,)
            Calibrated, of the candidates in judged time.
        hours : float
            Judged.
        """
        from scipy.special import stdtrit  # scipy.stats takes half a second to import

        expected = self.bias * float(probability.sum())
        variance = _variance(
            expected,
            hours,
            self.bias**2 * float((probability * (1 - probability)).sum()),
            spread=self.spread,
            strays=self.strays_per_hour,
            missed=self.missed,
        )
        quantile = float(stdtrit(self.groups - 1, (1 + LEVEL) / 2))
        reach = quantile * math.sqrt(float(variance) * (1 + 1 / self.groups))
        return ExpectedCount(
            low=max(0, math.floor(expected - reach)),
            high=math.ceil(expected + reach),
            expected=expected,
        )


def _variance(
    expected: Any, hours: Any, undecided: Any, *, spread: float, strays: float, missed: float
) -> Any:
    """Return the variance of the true count around what is expected; elementwise."""
    return (spread * expected) ** 2 + (strays * hours) ** 2 + undecided + missed * expected


class CountModel(BaseModel):
    """How true counts differ from what a model expects, by format of the recording."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    formats: dict[Annotated[str, Field(min_length=1)], FormatCount] = Field(min_length=1)

    def expect(
        self, probability: NDArray[np.float64], *, hours: float, recording_format: str
    ) -> ExpectedCount | Withheld:
        """Return the expected count; withheld for a format that too little was learnt of."""
        learnt = self.formats.get(recording_format)
        if learnt is None:
            return Withheld(
                "not_learnt",
                f"the model was trained on fewer than {LEAST_GROUPS} subjects with annotated "
                f"recordings of the format {recording_format}",
            )
        return learnt.interval(probability, hours)


def in_judged_time(
    probability: NDArray[np.float64], detections: Intervals, cores: Intervals, judged: Intervals
) -> NDArray[np.float64]:
    """Return the probabilities of the candidates that may be counted.

    Parameters
    ----------
    probability : float64, shape (n,)
    detections : Intervals, shape (n, 2)
    cores : Intervals
        Undilated: what was above a threshold.
    judged : Intervals
    """
    counted: NDArray[np.float64] = probability[overlapping(detections, intersection(cores, judged))]
    return counted


def expected_count(
    model: CountModel | None,
    probability: NDArray[np.float64],
    judged: JudgedTime,
    domain: DomainResult,
    *,
    method: Method,
) -> ExpectedCount | Withheld:
    """Return the expected count in judged time, or why nobody can vouch for one.

    Parameters
    ----------
    model : CountModel or None
        None where training could not learn one.
    probability : float64, shape (n,)
        Of the candidates in judged time.
    judged : JudgedTime
    domain : DomainResult
        Of the recording.
    method : str
        That found the candidates.
    """
    if not COUNTED[method]:
        return Withheld(
            "reference_method",
            "the reference method looks at two sensors, and how many movements these miss differs "
            "too much between recordings for an interval of the count",
        )
    if model is None:
        return Withheld(
            "not_learnt",
            "the model was trained without enough annotated recordings to learn how far its "
            "expected count is from the true one",
        )
    if judged.status != "ok":
        return Withheld("too_little_judged", judged.explanation)
    if domain.strange is None:
        return Withheld(
            "unknown_whether_like_training",
            domain.notice or "whether the recording is like those of the training is not known",
        )
    if domain.strange:
        return Withheld("unlike_training", domain.notice or "the recording is unlike the training")
    return model.expect(probability, hours=judged.seconds / 3600, recording_format=domain.format)


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
        variance = _variance(
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
