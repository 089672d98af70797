"""What the classifier is told about a detection: named features, each with a unit and a source.

All are ratios, durations, rates or counts, so that they carry over between devices: amplitudes
are relative to a sensor's threshold or noise. What a recording's format or a dead sensor cannot
give is NaN, which LightGBM handles as a case of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.hiccups import HiccupAnalysis, find_hiccups
from femo_signal.detection.profile import Profile
from femo_signal.learning.candidate_features import (
    ADAPTIVE_FEATURES,
    describe_candidates,
    train_pulses,
)
from femo_signal.learning.chain_features import describe_chains
from femo_signal.learning.detection_features import Columns, describe_detections
from femo_signal.learning.feature_spec import FeatureSpec
from femo_signal.learning.reference_features import FEATURES, FORMAT_FEATURES, feature_names
from femo_signal.settings import AnalysisSettings

__all__ = [
    "FEATURES",
    "FEATURE_SET",
    "FORMAT_FEATURES",
    "FeatureSpec",
    "extract_features",
    "feature_names",
    "features_of",
    "names_of",
    "of_no_movement",
]
FEATURE_SET = "5"  # changes whenever a feature does; part of the feature cache's key


def features_of(settings: AnalysisSettings) -> tuple[FeatureSpec, ...]:
    """Return the features of the settings' method, in the order of their columns."""
    return ADAPTIVE_FEATURES if settings.method == "adaptive" else FEATURES


def names_of(settings: AnalysisSettings) -> tuple[str, ...]:
    """Return their names."""
    return tuple(spec.name for spec in features_of(settings))


def extract_features(
    profile: Profile, hiccups: HiccupAnalysis | None = None
) -> NDArray[np.float64]:
    """Compute the features of every detection of a profile.

    Parameters
    ----------
    profile : Profile
    hiccups : HiccupAnalysis, optional
        If it has been computed already.

    Returns
    -------
    float64, shape (detections, len(features_of(settings)))
        Columns in the order of `features_of`; NaN where a feature is undefined.
    """
    found = profile.detections
    if not len(found):
        return np.zeros((0, len(features_of(profile.settings))))
    if hiccups is None:
        hiccups = find_hiccups(profile)
    if profile.findings is not None:
        table = describe_candidates(profile.findings, hiccups, profile.signals, profile.settings)
        return np.column_stack([table[spec.name] for spec in ADAPTIVE_FEATURES])
    columns: Columns = {}
    peak = describe_detections(profile, found, columns)
    describe_chains(profile, hiccups, found, peak, columns)
    return np.column_stack([columns[name] for name in feature_names])


def of_no_movement(profile: Profile, hiccups: HiccupAnalysis) -> NDArray[np.bool_]:
    """Tell which detections are regular pulses of another origin, shape (detections,).

    A click at each breath, her own pulse on one sensor: they look like movements one by one, and
    no classifier has to learn what their rhythm tells. What stands out of its train is none of it.
    The reference method knows no such thing.
    """
    if profile.findings is None:
        return np.zeros(len(profile.detections), dtype=bool)
    return train_pulses(
        profile.findings,
        hiccups.regular_pulses,
        settings=profile.settings.candidates,
    )
