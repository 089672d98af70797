"""The analysis of one recording: from a file and a model to the service's result."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.events import list_events, timestamp
from femo_signal.features import extract_features, feature_names
from femo_signal.hiccups import HiccupAnalysis, find_hiccups, remove_hiccups
from femo_signal.intervals import Intervals, clip, complement, total, union
from femo_signal.model import MovementModel
from femo_signal.presses import Match, match_presses
from femo_signal.profile import build_profile
from femo_signal.recording import Profile
from femo_signal.settings import TICKS_PER_SECOND
from femo_signal.summary import summarize

__all__ = ["Analysis", "analyze_profile", "analyze_recording", "report"]

_KICKS_TO_COUNT = 10  # "count to ten" charts


@dataclass(frozen=True)
class Analysis:
    """A recording's profile and what the model makes of it; intervals in ticks."""

    profile: Profile
    model: MovementModel
    hiccups: HiccupAnalysis
    probability: NDArray[np.float64]  # (detections,) calibrated
    accepted: Intervals  # detections that the model accepts
    movements: Intervals  # accepted, less hiccups where these were to be removed
    hiccups_removed: bool

    @property
    def analysed(self) -> Intervals:
        """Time in which movements could be judged."""
        hidden = union(self.profile.body_movement, self.profile.gaps)
        return complement(hidden, self.profile.info.length_ticks)


def analyze_recording(
    path: str | Path,
    model: MovementModel,
    *,
    remove_hiccups: bool = False,
    include_full_intervals: bool = False,
    extract_events: bool = True,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Analyse a file and return what the service answers.

    Parameters
    ----------
    path : path
    model : MovementModel
    remove_hiccups : bool
        Take hiccup bouts out of the movements and list them.
    include_full_intervals : bool
        List the onset intervals themselves in the metadata.
    extract_events : bool
        Return events; otherwise metadata.
    progress : callable, optional
        Called with the share that is done, 0..1.

    Returns
    -------
    dict
        ``output_type`` ("events" or "metadata") and ``result``, JSON-ready.

    Raises
    ------
    RecordingError
        If the file cannot be analysed.
    ModelError
        If the model was trained on other features.
    """
    profile = build_profile(Path(path), settings=model.settings, progress=progress)
    analysis = analyze_profile(profile, model, hiccups_removed=remove_hiccups)
    return report(
        analysis, include_full_intervals=include_full_intervals, extract_events=extract_events
    )


def analyze_profile(
    profile: Profile, model: MovementModel, *, hiccups_removed: bool = False
) -> Analysis:
    """Classify a profile's detections and, if asked, take hiccups out of the movements.

    Raises
    ------
    ModelError
        If the model was trained on other features.
    """
    hiccups = find_hiccups(profile)
    probability = model.predict_proba(extract_features(profile, hiccups), feature_names)
    accepted = profile.detections[probability >= model.threshold]
    movements = accepted
    if hiccups_removed:
        movements = remove_hiccups(
            accepted,
            hiccups.bouts,
            profile.core_detections.values(),
            length=profile.info.length_ticks,
            settings=profile.settings.hiccups,
        )
    return Analysis(
        profile=profile,
        model=model,
        hiccups=hiccups,
        probability=probability,
        accepted=accepted,
        movements=movements,
        hiccups_removed=hiccups_removed,
    )


def report(
    analysis: Analysis, *, include_full_intervals: bool = False, extract_events: bool = True
) -> dict[str, Any]:
    """Turn an analysis into the service's result: numbers, never a verdict.

    Returns
    -------
    dict
        ``output_type`` and ``result``.
    """
    profile = analysis.profile
    context = {
        "recording": _recording_block(analysis),
        "model": {
            "version": analysis.model.version,
            "settings_digest": analysis.model.card.settings_digest,
            "threshold": analysis.model.threshold,
        },
    }
    match = match_presses(analysis.movements, profile)
    if match is not None:
        context["press_match"] = _match_block(match)
    if extract_events:
        maps = {
            "maternal_body_movement": profile.body_movement,
            "inferred_kick": analysis.movements,
            "button_press_pre_debounce": profile.raw_presses,
            "button_press_post_debounce": profile.presses,
            "maternally_sensed_kick": profile.sensation,
        }
        if analysis.hiccups_removed:
            maps["fetal_hiccups"] = analysis.hiccups.bouts
        events = list_events(profile.info, maps)
        return {
            "output_type": "events",
            "result": {"event_count": len(events), "events": events, **context},
        }
    result: dict[str, Any] = {
        "before_hiccup_removal": _summary_block(
            analysis, analysis.accepted, include_full_intervals
        ),
        "after_hiccup_removal": None,
        "hiccups": None,
    }
    if analysis.hiccups_removed:
        result["after_hiccup_removal"] = _summary_block(
            analysis, analysis.movements, include_full_intervals
        )
        bouts = analysis.hiccups.bouts
        result["hiccups"] = {"bouts": len(bouts), "minutes": _minutes(total(bouts))}
    result["expected_kicks"] = _expected(analysis.probability)
    return {"output_type": "metadata", "result": {**result, **context}}


def _minutes(ticks: int) -> float:
    return ticks / TICKS_PER_SECOND / 60


def _expected(probability: NDArray[np.float64]) -> dict[str, float]:
    """Return the expected number of movements among the detections, with its 90 % interval."""
    mean = float(probability.sum())
    half = 1.645 * math.sqrt(float((probability * (1 - probability)).sum()))
    return {
        "mean": mean,
        "low": max(mean - half, 0.0),
        "high": min(mean + half, float(len(probability))),
    }


def _recording_block(analysis: Analysis) -> dict[str, Any]:
    profile = analysis.profile
    info = profile.info
    return {
        "format": info.format,
        "start": timestamp(info.start),
        "duration_seconds": info.duration_seconds,
        "trim_seconds": info.trim_seconds,
        "analysed_seconds": total(analysis.analysed) / TICKS_PER_SECOND,
        "masked_seconds": total(profile.body_movement) / TICKS_PER_SECOND,
        "gap_seconds": sum(gap.end_seconds - gap.start_seconds for gap in info.gaps),
        "gaps": [
            {"start_seconds": g.start_seconds, "end_seconds": g.end_seconds, "reason": g.reason}
            for g in info.gaps
        ],
        "live_sensors": sorted(profile.signals.live & set(profile.signals.sensors)),
        "notices": list(info.notices),
    }


def _match_block(match: Match) -> dict[str, Any]:
    return {
        **asdict(match),
        "accuracy": match.accuracy,
        "sensitivity": match.sensitivity,
        "specificity": match.specificity,
        "precision": match.precision,
        "f1": match.f1,
        "false_positive_rate": match.false_positive_rate,
        "pabak": match.pabak,
    }


def _summary_block(
    analysis: Analysis, movements: Intervals, include_full_intervals: bool
) -> dict[str, Any]:
    profile = analysis.profile
    summary = summarize(movements, union(*profile.core_detections.values()), profile)
    block = asdict(summary)
    intervals = block.pop("onset_intervals_seconds")
    if include_full_intervals:
        block["onset_intervals_seconds"] = list(intervals)
    return {**block, **_pace(analysis, movements)}


def _pace(analysis: Analysis, movements: Intervals) -> dict[str, Any]:
    """Rates and waits within analysed time only."""
    profile = analysis.profile
    analysed = analysis.analysed
    hours = total(analysed) / TICKS_PER_SECOND / 3600
    tenth = None
    if len(movements) >= _KICKS_TO_COUNT:
        until = int(movements[_KICKS_TO_COUNT - 1, 0])
        tenth = total(clip(analysed, 0, until)) / TICKS_PER_SECOND
    hidden = union(profile.body_movement, profile.gaps, movements)
    quiet = complement(hidden, profile.info.length_ticks)
    longest = int((quiet[:, 1] - quiet[:, 0]).max()) if len(quiet) else 0
    return {
        "kicks_per_analysed_hour": len(movements) / hours if hours else None,
        "analysed_seconds_to_tenth_kick": tenth,
        "longest_quiet_seconds": longest / TICKS_PER_SECOND,
    }
