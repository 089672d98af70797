"""What the classifier is told about a candidate of the adaptive method.

Every value is a ratio, a robust z, a duration or a count: none depends on a gain. What a
recording cannot give (a kind of sensor that is absent or off) is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.candidates import highest_within
from femo_signal.detection.running import running_median
from femo_signal.intervals import Intervals, as_intervals, overlapping
from femo_signal.learning.candidate_spectrum import spectral_spreads
from femo_signal.learning.feature_spec import FeatureSpec
from femo_signal.settings import TICKS_PER_SECOND, AnalysisSettings, CandidateSettings

if TYPE_CHECKING:
    from femo_signal.detection.adaptive import Findings
    from femo_signal.detection.bouts import Rhythm
    from femo_signal.detection.hiccups import HiccupAnalysis
    from femo_signal.recording import Signals

__all__ = ["ADAPTIVE_FEATURES", "describe_candidates", "is_pulse", "train_pulses"]

Columns = dict[str, NDArray[np.float64]]

LEAST_STRENGTH = 1e-3  # keeps the logarithm finite

_Z = "robust z of the best band, each sensor against its own level"
ADAPTIVE_FEATURES: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "strength",
        "ln ratio",
        "agreement over its chance level; where two sensors are on, also of one",
        "shifted sensors",
        1,
    ),
    FeatureSpec("second_z", "z", "second best sensor", _Z, 1),
    FeatureSpec("third_z", "z", "third best sensor", _Z, 1),
    FeatureSpec("share_over_5", "share", "sensors above z 5, of those that are on", _Z, 1),
    FeatureSpec("motion_z", "z", "largest of the IMU within 0.25 s", "her own movement", -1),
    FeatureSpec("in_bout", "0/1", "lies in a hiccup bout", "hiccups", -1),
    FeatureSpec("hiccup_pulse", "0/1", "is a pulse of a bout", "hiccups", -1),
    FeatureSpec(
        "spectral_spread",
        "Hz",
        "width of the spectrum on the best sensor, where no more than two are on",
        "energy above what surrounds it",
        -1,
    ),
)
"""Few, and each with a direction: what a classifier learns from an invented cohort must not turn
round on a real one. Shape, band, rhythm and context were tried; they gained less than a hundredth
of F1 on cohorts like the one learnt from and lost more on another's."""


def describe_candidates(
    findings: Findings, hiccups: HiccupAnalysis, signals: Signals, settings: AnalysisSettings
) -> Columns:
    """Compute every feature of every candidate.

    Parameters
    ----------
    findings : Findings
    hiccups : HiccupAnalysis
        Of the same recording.
    signals : Signals
        That both were found in.
    settings : AnalysisSettings

    Returns
    -------
    dict of str to ndarray of float64, shape (candidates,)
        By the names of `ADAPTIVE_FEATURES`.
    """
    evidence, candidates = findings.evidence, findings.candidates
    on = evidence.on[:, candidates.peak]
    peaks = np.where(on, highest_within(evidence.z, candidates.first, candidates.past), -np.inf)
    ranked = -np.sort(-peaks, axis=0)
    ranked[~np.isfinite(ranked)] = np.nan
    unknown = np.full(len(candidates.peak), np.nan)
    motion = unknown if findings.motion_z is None else findings.motion_z.astype(np.float64)
    edges = findings.detections
    return {
        "strength": np.log(np.maximum(candidates.strength.astype(np.float64), LEAST_STRENGTH)),
        "second_z": ranked[1] if len(ranked) > 1 else unknown,
        "third_z": ranked[2] if len(ranked) > 2 else unknown,
        "share_over_5": (peaks > 5).sum(axis=0) / np.maximum(on.sum(axis=0), 1),
        "motion_z": motion,
        "in_bout": overlapping(edges, hiccups.bouts).astype(np.float64),
        "hiccup_pulse": is_pulse(edges, hiccups.bout_facts, settings.candidates).astype(np.float64),
        "spectral_spread": spectral_spreads(findings, signals, settings),
    }


def train_pulses(
    findings: Findings, trains: Sequence[Rhythm], *, settings: CandidateSettings
) -> NDArray[np.bool_]:
    """Tell which candidates are a pulse of a train and as strong as its pulses are around it.

    Parameters
    ----------
    findings : Findings
    trains : sequence of Rhythm
    settings : CandidateSettings

    Returns
    -------
    ndarray of bool, shape (candidates,)
    """
    found = np.zeros(len(findings.detections), dtype=bool)
    frames = findings.evidence.frames
    if not frames.count:
        return found
    strength = findings.candidates.rise
    for train in trains:
        at = np.clip((train.pulses - frames.first_tick) // frames.step_ticks, 0, frames.count - 1)
        near = np.clip(at[:, None] + np.arange(-1, 3), 0, frames.count - 1)
        usual = running_median(strength[near].max(axis=1), settings.usual_pulses)
        middle = findings.detections.mean(axis=1)
        nearest = np.abs(train.pulses[:, None] - middle).argmin(axis=0)
        like = findings.candidates.strength < settings.stands_out * usual[nearest]
        found |= is_pulse(findings.detections, [train], settings) & like
    return found


def is_pulse(
    edges: Intervals, trains: Sequence[Rhythm], settings: CandidateSettings
) -> NDArray[np.bool_]:
    """Tell which candidates are a pulse of one of the trains, shape (len(edges),)."""
    near = np.array([-1, 1]) * round(settings.pulse_seconds * TICKS_PER_SECOND)
    summits = np.concatenate([np.zeros(0, np.int64), *(train.pulses for train in trains)])
    return overlapping(edges, as_intervals(summits[:, None] + near))
