"""The analysis of one profile: what the model accepts, and what of it may be counted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.hiccups import HiccupAnalysis, find_hiccups, judged_beside
from femo_signal.detection.judged import JudgedTime
from femo_signal.detection.profile import Profile
from femo_signal.intervals import Intervals, union
from femo_signal.learning.domain import DomainResult
from femo_signal.learning.expected_count import ExpectedCount, Withheld, in_judged_time
from femo_signal.learning.features import extract_features, names_of, of_no_movement
from femo_signal.learning.model import MovementModel

__all__ = ["Analysis", "analyze_profile", "judge_movements"]


@dataclass(frozen=True)
class Analysis:
    """A recording's profile and what the model makes of it; intervals in ticks."""

    profile: Profile
    model: MovementModel
    hiccups: HiccupAnalysis
    probability: NDArray[np.float64]  # (detections,) calibrated
    visible: JudgedTime  # hiccup bouts included
    judged: JudgedTime  # less hiccup bouts where these were to be taken out
    accepted: Intervals  # what the model accepts of the detections, counted in visible time
    movements: Intervals  # the same, counted in judged time
    hiccups_removed: bool

    @cached_property
    def domain(self) -> DomainResult:
        """How far the recording lies from those that the model was trained on."""
        return self.model.compare_with_training(self.profile)

    @cached_property
    def expected_count(self) -> ExpectedCount | Withheld:
        """How many movements judged time is likely to hold, or why that is not told."""
        cores = union(*self.profile.core_detections.values())
        candidates = in_judged_time(
            self.probability, self.profile.detections, cores, self.judged.judged
        )
        return self.model.expected_count(candidates, self.judged, self.domain)


def analyze_profile(
    profile: Profile, model: MovementModel, *, hiccups_removed: bool = False
) -> Analysis:
    """Classify a profile's detections and, if asked, take hiccups out of the movements.

    Raises
    ------
    ModelError
        If the model was trained on other features.

    Examples
    --------
    >>> import femo_signal
    >>> model = femo_signal.MovementModel.load("model")
    >>> profile = femo_signal.build_profile("night.dat", settings=model.settings)
    >>> analysis = femo_signal.analyze_profile(profile, model)
    >>> len(analysis.probability) == len(profile.detections)
    True
    >>> profile.info.seconds(analysis.movements).shape[1]  # start and end of each, s
    2
    """
    hiccups = find_hiccups(profile)
    probability = model.predict_proba(
        extract_features(profile, hiccups), names_of(profile.settings)
    )
    probability[of_no_movement(profile, hiccups)] = 0.0
    accepted = profile.detections[probability >= model.threshold]
    return judge_movements(
        profile, model, hiccups, probability, accepted, hiccups_removed=hiccups_removed
    )


def judge_movements(
    profile: Profile,
    model: MovementModel,
    hiccups: HiccupAnalysis,
    probability: NDArray[np.float64],
    accepted: Intervals,
    *,
    hiccups_removed: bool,
) -> Analysis:
    """Count accepted detections in the time that could be judged."""
    visible = judged = judged_beside(profile, hiccups)
    if hiccups_removed:
        judged = judged_beside(profile, hiccups, hiccups_removed=True)
    return Analysis(
        profile=profile,
        model=model,
        hiccups=hiccups,
        probability=probability,
        visible=visible,
        judged=judged,
        accepted=profile.counted(accepted, visible),
        movements=profile.counted(accepted, judged),
        hiccups_removed=hiccups_removed,
    )
