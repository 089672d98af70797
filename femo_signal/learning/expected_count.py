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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from femo_signal.detection.judged import JudgedTime
from femo_signal.intervals import Intervals, intersection, overlapping
from femo_signal.learning.domain import DomainResult
from femo_signal.learning.student_t import central_reach
from femo_signal.settings import JudgingSettings, Method

__all__ = [
    "COUNTED",
    "LEAST_GROUPS",
    "LEAST_SECONDS",
    "LEAST_SPREAD",
    "LEAST_STRAYS",
    "LEVEL",
    "CountModel",
    "ExpectedCount",
    "FormatCount",
    "Withheld",
    "WithheldCode",
    "count_variance",
    "expected_count",
    "in_judged_time",
]
LEVEL = 0.9  # of the interval
LEAST_SECONDS: float = JudgingSettings.model_fields["least_seconds"].default
"""A recording with less judged time tells no rate, and nothing of counts."""
LEAST_GROUPS = 3
"""Of one format: the spread between two says nothing. With three, Student's t takes 2.9 spreads."""
LEAST_SPREAD = 0.15
"""Share of the count. A model trained on recordings of one kind is off by up to 16 % on those of
another, however little it was off on its own (docs/method.md, "How many there were")."""
LEAST_STRAYS = 4.0
"""An hour. A model trained on rich recordings alone has seen none that hold nothing but nuisances,
and expects up to 23 movements an hour in them; one that has seen some, 2 to 8."""
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


class FormatCount(BaseModel):
    """How the true count of recordings of one format differs from the sum of probabilities."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

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
        expected = self.bias * float(probability.sum())
        variance = count_variance(
            expected,
            hours,
            self.bias**2 * float((probability * (1 - probability)).sum()),
            spread=self.spread,
            strays=self.strays_per_hour,
            missed=self.missed,
        )
        quantile = central_reach(LEVEL, self.groups - 1)
        reach = quantile * math.sqrt(float(variance) * (1 + 1 / self.groups))
        return ExpectedCount(
            low=max(0, math.floor(expected - reach)),
            high=math.ceil(expected + reach),
            expected=expected,
        )


def count_variance(
    expected: Any, hours: Any, undecided: Any, *, spread: float, strays: float, missed: float
) -> Any:
    """Return the variance of the true count around what is expected; elementwise."""
    return (spread * expected) ** 2 + (strays * hours) ** 2 + undecided + missed * expected


class CountModel(BaseModel):
    """How true counts differ from what a model expects, by format of the recording."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

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
