"""The analysis of one recording: from a file and a model to the service's result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.building import build_profile
from femo_signal.detection.hiccups import HiccupAnalysis, find_hiccups, shown_together, taken_out
from femo_signal.detection.judged import JudgedTime
from femo_signal.detection.presses import PressMatch, match_presses
from femo_signal.detection.profile import Profile
from femo_signal.intervals import Intervals, difference, overlapping, total, union
from femo_signal.learning.features import extract_features, names_of, of_no_movement
from femo_signal.learning.model import MovementModel
from femo_signal.recording import RecordingInfo
from femo_signal.reporting.events import list_events, timestamp
from femo_signal.reporting.summary import summarize
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["Analysis", "analyze_profile", "analyze_recording", "judge_movements", "report"]

_LEFT_OUT = (
    "left out: candidates that were never seen and hiccups are not in a sum of probabilities, "
    "so no interval of it can be vouched for"
)


LEAST_BRIDGE_SECONDS = 0.5  # a lost packet within a movement does not part it


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


def analyze_recording(
    path: str | Path,
    model: MovementModel,
    *,
    remove_hiccups: bool = False,
    include_full_intervals: bool = False,
    extract_events: bool = True,
    package: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Analyse a file and return what the service answers.

    Parameters
    ----------
    path : path
    model : MovementModel
    remove_hiccups : bool
        Take hiccup bouts out of judged time, and what lies in them out of the movements.
    include_full_intervals : bool
        List the onset intervals themselves in the metadata.
    extract_events : bool
        Return events; otherwise metadata.
    package : str, optional
        Registered package that the model comes from, which the result names.
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

    Examples
    --------
    >>> import femo_signal
    >>> model = femo_signal.MovementModel.load("model")
    >>> response = femo_signal.analyze_recording("night.dat", model, remove_hiccups=True)
    >>> response["result"]["recording"]["format"]
    'v1'
    >>> kicks = response["result"]["summary"]["kicks"]
    >>> kicks == sum(
    ...     event["event_type"] == "inferred_kick" for event in response["result"]["events"]
    ... )
    True
    """
    profile = build_profile(Path(path), settings=model.settings, progress=progress)
    analysis = analyze_profile(profile, model, hiccups_removed=remove_hiccups)
    return report(
        analysis,
        include_full_intervals=include_full_intervals,
        extract_events=extract_events,
        package=package,
    )


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
    visible = judged = profile.judge()
    if hiccups_removed:
        time = taken_out(
            hiccups.bouts,
            length=profile.info.length_ticks,
            settings=profile.settings.hiccups,
        )
        judged = profile.judge(hiccups=time)
    cores = union(*profile.core_detections.values())
    bridge = round(max(profile.settings.dilation_seconds, LEAST_BRIDGE_SECONDS) * TICKS_PER_SECOND)
    return Analysis(
        profile=profile,
        model=model,
        hiccups=hiccups,
        probability=probability,
        visible=visible,
        judged=judged,
        accepted=visible.counted(accepted, cores, bridge_ticks=bridge),
        movements=judged.counted(accepted, cores, bridge_ticks=bridge),
        hiccups_removed=hiccups_removed,
    )


def report(
    analysis: Analysis,
    *,
    include_full_intervals: bool = False,
    extract_events: bool = True,
    package: str | None = None,
) -> dict[str, Any]:
    """Turn an analysis into the service's result: numbers, never a verdict.

    Returns
    -------
    dict
        ``output_type`` and ``result``.
    """
    context = _context(analysis, package)
    if extract_events:
        events = list_events(analysis.profile.info, _event_maps(analysis))
        return {
            "output_type": "events",
            "result": {"event_count": len(events), "events": events, **context},
        }
    full = include_full_intervals
    before = _summary_block(analysis, analysis.accepted, analysis.visible, full)
    after = None
    if analysis.hiccups_removed:
        after = _summary_block(analysis, analysis.movements, analysis.judged, full)
    result = {
        "before_hiccup_removal": before,
        "after_hiccup_removal": after,
        "hiccups": _hiccup_totals(analysis.hiccups),
        "expected_kicks": None,
        "expected_kicks_status": _LEFT_OUT,
    }
    return {"output_type": "metadata", "result": {**result, **context}}


def _context(analysis: Analysis, package: str | None) -> dict[str, Any]:
    """Return what both kinds of result tell."""
    context = {
        "recording": _recording_block(analysis),
        "model": {
            "version": analysis.model.version,
            "package": package,
            "settings_digest": analysis.model.card.settings_digest,
            "threshold": analysis.model.threshold,
        },
        "summary": _summary_block(analysis, analysis.movements, analysis.judged, full=False),
        **_hiccup_block(analysis),
    }
    match = match_presses(analysis.movements, analysis.profile, analysis.judged)
    if match is not None:
        context["press_match"] = _match_block(match)
    return context


def _event_maps(analysis: Analysis) -> dict[str, Intervals]:
    profile = analysis.profile
    maps = {
        "maternal_body_movement": profile.body_movement,
        "inferred_kick": analysis.movements,
        "button_press_pre_debounce": profile.raw_presses,
        "button_press_post_debounce": profile.presses,
        "maternally_sensed_kick": profile.sensation,
    }
    if analysis.hiccups_removed:
        maps["fetal_hiccups"] = analysis.hiccups.bouts
    return maps


def _hiccup_block(analysis: Analysis) -> dict[str, Any]:
    """Tell the bouts whatever is done with them; None where none could have been seen."""
    hiccups, info = analysis.hiccups, analysis.profile.info
    if not hiccups.could_be_seen:
        return {
            "hiccup_bouts": None,
            "hiccup_bouts_status": "not looked for: too few sensors showed enough time "
            "together for a bout",
            "movements_in_hiccup_bouts": None,
        }
    time = taken_out(hiccups.bouts, length=info.length_ticks)
    return {
        "hiccup_bouts": [
            {
                "start": timestamp(info.time(start)),
                "end": timestamp(info.time(end)),
                "start_seconds": float(info.seconds(start)),
                "end_seconds": float(info.seconds(end)),
            }
            for start, end in hiccups.bouts.tolist()
        ],
        "hiccup_bouts_status": "taken out" if analysis.hiccups_removed else "not taken out",
        "movements_in_hiccup_bouts": _movements_in(analysis, time),
    }


def _movements_in(analysis: Analysis, bouts: Intervals) -> int | None:
    """Count what was accepted in the bouts; None where nothing of them could be judged."""
    visible = analysis.visible.judged
    if not len(visible) or (len(bouts) and not overlapping(bouts, visible).any()):
        return None
    return int(overlapping(analysis.accepted, bouts).sum())


def _hiccup_totals(hiccups: HiccupAnalysis) -> dict[str, Any] | None:
    if not hiccups.could_be_seen:
        return None
    minutes = total(hiccups.bouts) / TICKS_PER_SECOND / 60
    return {"bouts": len(hiccups.bouts), "minutes": minutes}


def _recording_block(analysis: Analysis) -> dict[str, Any]:
    profile, judged = analysis.profile, analysis.judged
    info = profile.info
    return {
        "format": info.format,
        "start": timestamp(info.start),
        "duration_seconds": info.duration_seconds,
        "trim_seconds": info.trim_seconds,
        "judged_seconds": judged.seconds,
        "judged_status": judged.status,
        "judged_explanation": judged.explanation,
        "unjudged_seconds": judged.unjudged_seconds,
        "unjudged": _unjudged_rows(judged, info),
        "judged_on_fewer_sensors_seconds": total(judged.fewer_sensors) / TICKS_PER_SECOND,
        "body_movement_unseen_seconds": total(judged.motion_unseen) / TICKS_PER_SECOND,
        "analysed_seconds": judged.seconds,
        "masked_seconds": total(profile.body_movement) / TICKS_PER_SECOND,
        "gap_seconds": sum(gap.end_seconds - gap.start_seconds for gap in info.gaps),
        "gaps": [asdict(gap) for gap in info.gaps],
        "sensors_off": [asdict(stretch) for stretch in info.sensors_off],
        "live_sensors": sorted(profile.signals.live & set(profile.signals.sensors)),
        "notices": [*info.notices, *_judging_notices(judged), *_hiccup_notices(analysis)],
    }


def _unjudged_rows(judged: JudgedTime, info: RecordingInfo) -> list[dict[str, Any]]:
    rows = [
        {"reason": reason, "start_seconds": float(start), "end_seconds": float(end)}
        for reason, intervals in judged.unjudged.items()
        for start, end in info.seconds(intervals)
    ]
    return sorted(rows, key=lambda row: row["start_seconds"])


def _judging_notices(judged: JudgedTime) -> list[str]:
    """Say where time was judged on less than it should be."""
    fewer, unseen = (
        total(rows) / TICKS_PER_SECOND for rows in (judged.fewer_sensors, judged.motion_unseen)
    )
    notices = []
    if fewer:
        notices.append(
            f"{fewer:.0f} s were judged though a detecting sensor was off: movements that it "
            "alone would have seen are missing"
        )
    if unseen:
        notices.append(
            f"for {unseen:.0f} s of judged time the IMU shows nothing: body movement cannot be "
            "told there, and may be counted as movement of the baby"
        )
    return notices


def _hiccup_notices(analysis: Analysis) -> list[str]:
    """Say where a bout could not have been seen though movements were judged."""
    profile = analysis.profile
    unseen = total(difference(analysis.judged.judged, shown_together(profile))) / TICKS_PER_SECOND
    if not analysis.hiccups.could_be_seen or unseen < profile.settings.hiccups.minimum_seconds:
        return []
    return [
        f"for {unseen:.0f} s of judged time too few sensors were on to tell hiccups: there they "
        "may be counted as movements"
    ]


def _match_block(found: PressMatch) -> dict[str, Any]:
    match = found.match
    return {
        **asdict(match),
        "accuracy": match.accuracy,
        "sensitivity": match.sensitivity,
        "specificity": match.specificity,
        "precision": match.precision,
        "f1": match.f1,
        "false_positive_rate": match.false_positive_rate,
        "pabak": match.pabak,
        "chance_sensitivity": found.chance_sensitivity.mean,
        "chance_sensitivity_upper": found.chance_sensitivity.upper,
        "chance_f1": found.chance_f1.mean,
        "chance_f1_upper": found.chance_f1.upper,
        "presses": found.presses,
        "judged_presses": found.judged_presses,
        "presses_not_judged": dict(found.not_judged),
    }


def _summary_block(
    analysis: Analysis, movements: Intervals, judged: JudgedTime, full: bool
) -> dict[str, Any]:
    block = asdict(summarize(movements, judged, analysis.profile))
    intervals = block.pop("onset_intervals_seconds")
    if full:
        block["onset_intervals_seconds"] = list(intervals)
    return block
