"""What `femo inspect` tells: the profile of a recording, before any classifier."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from femo_signal.detection.building import build_profile
from femo_signal.detection.hiccups import HiccupAnalysis, find_hiccups, judged_beside
from femo_signal.detection.profile import Profile
from femo_signal.intervals import Intervals
from femo_signal.learning.classifiers import RULE_THRESHOLD, rule_scores
from femo_signal.learning.features import extract_features, names_of, of_no_movement
from femo_signal.reporting.events import timestamp
from femo_signal.reporting.result import clock_facts, judged_facts
from femo_signal.settings import AnalysisSettings

__all__ = ["inspect_recording"]

_MOTION_SEEN = "looked for wherever the IMU shows something"
_MOTION_UNSEEN = "not looked for: the IMU shows nothing in this recording"
_DETECTIONS = {
    "adaptive": "in judged time alone; what the unlearned rule accepts of the candidates: no model "
    "has been asked",
    "reference": "in judged time alone; candidates, which no model has accepted or rejected yet",
}


def inspect_recording(
    path: str | Path,
    settings: AnalysisSettings | None = None,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Describe a recording and its profile, JSON-ready.

    Parameters
    ----------
    path : str or Path
    settings : AnalysisSettings, optional
    progress : callable, optional
        Is told the share of the work done, 0 to 1.

    Returns
    -------
    dict
        ``start`` (ISO 8601, UTC), ``duration_seconds``, ``format``, ``sample_rate`` (Hz),
        ``trim_seconds``; ``judged_seconds`` to ``unjudged``, ``sensors_off``, ``gaps`` and
        ``clock`` as docs/result.md describes them; ``thresholds`` (V; None for a sensor that
        cannot detect); ``intervals``: ``body_movement``, ``detections``, ``sensation``, debounced
        ``presses``, each a list of [start, end] in seconds from the start of the recording;
        ``candidates``, the same of what a model would be asked about; ``end_presses``, of the
        ends that are left out; ``body_movement_status`` and
        ``detections_status`` in words; ``notices``.
        Detections are those in judged time, as they would be counted if a model accepted them:
        by the reference method the candidates, by the adaptive method what the unlearned rule
        accepts of them.
        ``body_movement`` is None where the IMU shows nothing.

    Raises
    ------
    RecordingError
        If the file cannot be analysed.
    """
    profile = build_profile(path, settings=settings, progress=progress)
    info, hiccups = profile.info, find_hiccups(profile)
    judged = judged_beside(profile, hiccups)
    moving = len(profile.motion_seen) > 0
    maps = {
        "body_movement": profile.body_movement if moving else None,
        "detections": profile.counted(_detections(profile, hiccups), judged),
        "sensation": profile.sensation,
        "presses": profile.presses,
    }
    facts = judged_facts(judged, info)
    facts["unjudged"] = [row.model_dump(mode="json") for row in facts["unjudged"]]
    return {
        "start": timestamp(info.start),
        "duration_seconds": info.duration_seconds,
        "format": info.format,
        "sample_rate": info.sample_rate,
        "trim_seconds": info.trim_seconds,
        **facts,
        "sensors_off": [asdict(stretch) for stretch in info.sensors_off],
        "gaps": [asdict(gap) for gap in info.gaps],
        "clock": None if info.clock is None else clock_facts(info.clock).model_dump(mode="json"),
        "thresholds": {
            name: level if math.isfinite(level) else None
            for name, level in profile.thresholds.items()
        },
        "intervals": {
            name: None if rows is None else info.seconds(rows).tolist()
            for name, rows in maps.items()
        },
        "candidates": info.seconds(profile.counted(profile.detections, judged)).tolist(),
        "end_presses": info.seconds(profile.end_presses).tolist(),
        "body_movement_status": _MOTION_SEEN if moving else _MOTION_UNSEEN,
        "detections_status": _DETECTIONS[profile.settings.method],
        "notices": [notice.text for notice in info.notices],
    }


def _detections(profile: Profile, hiccups: HiccupAnalysis) -> Intervals:
    """Return the candidates; of the adaptive method what exceeds chance enough to be believed."""
    settings = profile.settings
    if settings.method == "reference":
        return profile.detections
    scores = rule_scores(
        extract_features(profile, hiccups), names_of(settings), settings=settings.candidates
    )
    believed = (scores >= RULE_THRESHOLD) & ~of_no_movement(profile, hiccups)
    return profile.detections[believed]
