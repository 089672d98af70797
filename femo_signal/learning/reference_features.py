"""What the classifier is told about a detection of the reference method, each with its source."""

from __future__ import annotations

from femo_signal.learning.feature_spec import FeatureSpec

__all__ = ["FEATURES", "FORMAT_FEATURES", "feature_names"]

_AGREE = "agreement of sensors (fused modalities beat a single one, docs/method.md)"
_HJORTH = "Hjorth (1970), mobility and complexity"
_CONTEXT = "context of the detection"
_HICCUP = "hiccups: pulses 2-4 s apart, steady amplitude"
FEATURES: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "strength",
        "log10 ratio",
        "peak over threshold, strongest detecting sensor",
        "reference threshold",
    ),
    FeatureSpec(
        "second_strength", "log10 ratio", "the same, second strongest detecting sensor", _AGREE
    ),
    FeatureSpec(
        "longest_core",
        "s",
        "longest stretch above threshold, ripples joined; merged detections gain nothing by it",
        "undilated detection",
    ),
    FeatureSpec("frequency", "Hz", "mean frequency within 0.8 s of the peak", _HJORTH),
    FeatureSpec("complexity", "ratio", "mobility of the derivative over mobility", _HJORTH),
    FeatureSpec(
        "effective_seconds",
        "s",
        "(sum x^2)^2 / sum x^4 within 0.8 s of the peak",
        "participation ratio of the energy",
    ),
    FeatureSpec(
        "energy_skew",
        "s",
        "mean time of the energy after the peak minus before it",
        "sharp onset and slow decay of a pulse",
    ),
    FeatureSpec("crest", "ratio", "peak over RMS within 0.8 s of it", "crest factor"),
    FeatureSpec(
        "piezo_both", "log10 ratio", "weaker piezo's peak over its noise, at the peak", _AGREE
    ),
    FeatureSpec(
        "acoustic_any", "log10 ratio", "stronger acoustic sensor's peak over its noise", _AGREE
    ),
    FeatureSpec(
        "acoustic_both", "log10 ratio", "weaker acoustic sensor's peak over its noise", _AGREE
    ),
    FeatureSpec(
        "accelerometer_any", "log10 ratio", "stronger accelerometer's peak over its noise", _AGREE
    ),
    FeatureSpec(
        "accelerometer_both", "log10 ratio", "weaker accelerometer's peak over its noise", _AGREE
    ),
    FeatureSpec(
        "imu_acceleration",
        "log10 ratio",
        "IMU acceleration, RMS over its noise",
        "maternal movement below the mask",
        direction=-1,
    ),
    FeatureSpec(
        "imu_rotation",
        "log10 ratio",
        "largest of the angles' RMS over their noise",
        "maternal movement below the mask",
        direction=-1,
    ),
    FeatureSpec(
        "imu_level",
        "log10 ratio",
        "peak IMU acceleration or angle over the mask's level",
        "reference body-movement map",
        direction=-1,
    ),
    FeatureSpec("since_body_movement", "s", "time since the mother moved, at most 60", _CONTEXT),
    FeatureSpec("until_body_movement", "s", "time until she moves, at most 60", _CONTEXT),
    FeatureSpec("gap_before", "s", "from the previous detection's end, at most 60", _CONTEXT),
    FeatureSpec("gap_after", "s", "to the next detection's start, at most 60", _CONTEXT),
    FeatureSpec("pulse_rate", "1/min", "pulses within 15 s on the busiest sensor", _HICCUP),
    FeatureSpec(
        "chain_seconds",
        "s",
        "longest hiccup-like chain with a pulse in the detection",
        _HICCUP,
        direction=-1,
    ),
    FeatureSpec("chain_pulses", "count", "its pulses", _HICCUP, direction=-1),
    FeatureSpec("chain_deviation", "ratio", "its amplitude's deviation", _HICCUP),
    FeatureSpec("chain_interval_deviation", "ratio", "its intervals' deviation", _HICCUP),
    FeatureSpec(
        "chain_excess",
        "log10 ratio",
        "detection's peak over the chain's amplitude",
        "a kick among hiccups stands out",
    ),
    FeatureSpec(
        "chain_sensors",
        "share",
        "live sensors on which a chain of 30 s runs through it",
        _HICCUP,
        direction=-1,
    ),
    FeatureSpec(
        "unchained_strength",
        "log10 ratio",
        "strongest pulse in no hiccup-like chain, over the threshold of a detecting sensor",
        _HICCUP,
        direction=1,
    ),
    FeatureSpec(
        "unchained_any",
        "log10 ratio",
        "strongest pulse in no hiccup-like chain, over its level, on any sensor",
        _HICCUP,
        direction=1,
    ),
    FeatureSpec(
        "unchained_seconds",
        "s",
        "length of the pulses in no hiccup-like chain, on the sensor with most",
        _HICCUP,
        direction=1,
    ),
    FeatureSpec(
        "in_bout", "share", "part of the detection inside a hiccup bout", _HICCUP, direction=-1
    ),
)
feature_names: tuple[str, ...] = tuple(spec.name for spec in FEATURES)
FORMAT_FEATURES = ("acoustic_any", "acoustic_both", "accelerometer_any", "accelerometer_both")
"""Features that only recordings with all six sensors (v1) have."""
