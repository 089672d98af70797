"""The result of an analysis: numbers, never a verdict (docs/result.md).

Built as the models of `femo_result`, so that what is sent holds the fields that are described, and
no other. Judged time comes first: what was not judged is neither counted nor called quiet.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from femo_result import (
    ClockFacts,
    ClockStep,
    Event,
    EventsResult,
    ExpectedKicks,
    Gap,
    HiccupBout,
    HiccupTotals,
    MetadataResult,
    ModelFacts,
    Movement,
    OnsetStatistics,
    Press,
    Recording,
    RegularPulses,
    SensorOff,
    Summary,
    TrainingDistance,
    UnjudgedTime,
    UnlikeTraining,
)
from femo_result import Notice as ToldNotice
from femo_result import PressMatch as ToldMatch
from femo_signal.detection.bouts import Bout
from femo_signal.detection.hiccups import taken_out
from femo_signal.detection.judged import JudgedTime
from femo_signal.detection.presses import PressMatch, match_presses
from femo_signal.detection.profile import Profile
from femo_signal.intervals import Intervals, overlapping, total
from femo_signal.learning.domain import DomainResult
from femo_signal.learning.expected_count import Withheld
from femo_signal.notices import Notice
from femo_signal.recording import Clock, RecordingInfo
from femo_signal.reporting.events import list_events, timestamp
from femo_signal.reporting.judging import Analysis
from femo_signal.reporting.noticing import notices_of
from femo_signal.reporting.overview import overview_of
from femo_signal.reporting.summary import summarize
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["build_result", "report"]

_NO_HICCUPS_SEEN = "not looked for: too few sensors showed enough time together for a bout"


def report(
    analysis: Analysis,
    *,
    include_full_intervals: bool = False,
    extract_events: bool = True,
    package: str | None = None,
) -> dict[str, Any]:
    """Turn an analysis into what the service answers.

    Parameters
    ----------
    analysis : Analysis
    include_full_intervals : bool
        List the onset intervals themselves in the metadata.
    extract_events : bool
        Return events; otherwise metadata.
    package : str, optional
        The model package that serves, to be named in the result.

    Returns
    -------
    dict
        ``output_type`` ("events" or "metadata") and ``result``, JSON-ready.
    """
    result = build_result(
        analysis,
        include_full_intervals=include_full_intervals,
        extract_events=extract_events,
        package=package,
    )
    return {
        "output_type": "events" if extract_events else "metadata",
        "result": result.model_dump(mode="json"),
    }


def build_result(
    analysis: Analysis,
    *,
    include_full_intervals: bool = False,
    extract_events: bool = True,
    package: str | None = None,
) -> EventsResult | MetadataResult:
    """Build the typed result of an analysis; the parameters are those of `report`."""
    common = _common(analysis, package)
    if extract_events:
        events = list_events(analysis.profile.info, _event_maps(analysis))
        return EventsResult(
            **common, event_count=len(events), events=[Event(**event) for event in events]
        )
    full = include_full_intervals
    after = None
    if analysis.hiccups_removed:
        after = _summary(analysis, analysis.movements, analysis.judged, full=full)
    return MetadataResult(
        **common,
        before_hiccup_removal=_summary(analysis, analysis.accepted, analysis.visible, full=full),
        after_hiccup_removal=after,
        hiccups=_hiccup_totals(analysis),
    )


def _common(analysis: Analysis, package: str | None) -> dict[str, Any]:
    """Return what both kinds of result tell."""
    match = match_presses(analysis.movements, analysis.profile, analysis.judged)
    notices = notices_of(analysis)
    movements = _movements(analysis)
    expected, expected_status = _expected_kicks(analysis)
    return {
        "recording": _recording(analysis, notices),
        "movement_count": None if movements is None else len(movements),
        "summary": _summary(analysis, analysis.movements, analysis.judged, full=False),
        "expected_kicks": expected,
        "expected_kicks_status": expected_status,
        "training_distance": _training_distance(analysis.domain),
        "movements": movements,
        **_hiccups(analysis),
        "press_match": None if match is None else _match(match),
        "presses": [] if match is None else _presses(match, analysis.profile.info),
        "model": _model(analysis, package),
        "notices": [ToldNotice(code=notice.code, text=notice.text) for notice in notices],
        "overview": overview_of(analysis.profile),
    }


def _expected_kicks(analysis: Analysis) -> tuple[ExpectedKicks | None, str]:
    """Return the interval of the true count, and how it was reached or why there is none."""
    found = analysis.expected_count
    if isinstance(found, Withheld):
        return None, found.reason
    kicks = ExpectedKicks(
        low=found.low, high=found.high, expected=found.expected, level=found.level
    )
    return kicks, "by the probabilities, and what training learnt of counts on unseen recordings"


def _training_distance(domain: DomainResult) -> TrainingDistance:
    return TrainingDistance(
        distance=domain.distance,
        limit=domain.limit,
        strange=domain.strange,
        most_unlike=[UnlikeTraining(**asdict(one)) for one in domain.most_unlike],
    )


def _event_maps(analysis: Analysis) -> dict[str, Intervals]:
    profile = analysis.profile
    maps = {
        "maternal_body_movement": profile.body_movement,
        "inferred_kick": analysis.movements,
        "button_press_pre_debounce": profile.all_raw_presses,
        "button_press_post_debounce": profile.all_presses,
        "maternally_sensed_kick": profile.sensation,
    }
    if analysis.hiccups_removed:
        maps["fetal_hiccups"] = analysis.hiccups.bouts
    return maps


def _stretch(info: RecordingInfo, start: int, end: int) -> dict[str, Any]:
    return {
        "start": timestamp(info.time(start)),
        "end": timestamp(info.time(end)),
        "start_seconds": float(info.seconds(start)),
        "end_seconds": float(info.seconds(end)),
    }


def _movements(analysis: Analysis) -> list[Movement] | None:
    """List what was counted; None where nothing could be judged, and so nothing was counted."""
    if analysis.judged.status == "none":
        return None
    profile, rows = analysis.profile, analysis.movements
    # Each lies within one detection, of which unjudged time may have cut off the rest.
    origin = np.searchsorted(profile.detections[:, 1], rows[:, 0], side="right")
    seen = {name: overlapping(rows, found) for name, found in profile.sensor_detections.items()}
    return [
        Movement(
            **_stretch(profile.info, start, end),
            probability=float(analysis.probability[origin[number]]),
            sensors=[name for name in sorted(seen) if seen[name][number]],
        )
        for number, (start, end) in enumerate(rows.tolist())
    ]


def _hiccups(analysis: Analysis) -> dict[str, Any]:
    """Tell the bouts whatever is done with them; None where none could have been seen."""
    hiccups, info = analysis.hiccups, analysis.profile.info
    if not hiccups.could_be_seen:
        return {
            "hiccup_bouts": None,
            "hiccup_bouts_status": _NO_HICCUPS_SEEN,
            "movements_in_hiccup_bouts": None,
            "regular_pulses": None,
        }
    return {
        "hiccup_bouts": [_bout(analysis, start, end) for start, end in hiccups.bouts.tolist()],
        "hiccup_bouts_status": "taken out" if analysis.hiccups_removed else "not taken out",
        "movements_in_hiccup_bouts": _movements_in(
            analysis, taken_out(hiccups.bouts, length=info.length_ticks)
        ),
        "regular_pulses": [
            RegularPulses(
                **_stretch(info, pulses.start, pulses.end),
                reason=pulses.reason,
                sensors=list(pulses.sites),
                interval_seconds=pulses.interval_seconds,
            )
            for pulses in hiccups.regular_pulses
        ],
    }


def _bout(analysis: Analysis, start: int, end: int) -> HiccupBout:
    """Describe a bout by the series of pulses that it was put together from."""
    facts: list[Bout] = [
        fact for fact in analysis.hiccups.bout_facts if fact.start < end and fact.end > start
    ]
    return HiccupBout(
        **_stretch(analysis.profile.info, start, end),
        sensors=sorted({name for fact in facts for name in fact.sites}),
        interval_seconds=(
            float(np.median([fact.interval_seconds for fact in facts])) if facts else None
        ),
        breath_known=all(fact.breath_known for fact in facts) if facts else None,
    )


def _movements_in(analysis: Analysis, bouts: Intervals) -> int | None:
    """Count what was accepted in the bouts; None where nothing of them could be judged."""
    visible = analysis.visible.judged
    if not len(visible) or (len(bouts) and not overlapping(bouts, visible).any()):
        return None
    return int(overlapping(analysis.accepted, bouts).sum())


def _hiccup_totals(analysis: Analysis) -> HiccupTotals | None:
    hiccups = analysis.hiccups
    if not hiccups.could_be_seen:
        return None
    minutes = total(hiccups.bouts) / TICKS_PER_SECOND / 60
    return HiccupTotals(bouts=len(hiccups.bouts), minutes=minutes)


def _recording(analysis: Analysis, notices: list[Notice]) -> Recording:
    profile, judged = analysis.profile, analysis.judged
    info = profile.info
    return Recording(
        **judged_facts(judged, info),
        judged_on_fewer_sensors_seconds=total(judged.fewer_sensors) / TICKS_PER_SECOND,
        body_movement_unseen_seconds=total(judged.motion_unseen) / TICKS_PER_SECOND,
        analysed_seconds=judged.seconds,
        masked_seconds=_masked_seconds(profile),
        format=info.format,
        start=timestamp(info.start),
        duration_seconds=info.duration_seconds,
        trim_seconds=info.trim_seconds,
        gap_seconds=sum(gap.end_seconds - gap.start_seconds for gap in info.gaps),
        gaps=[Gap(**asdict(gap)) for gap in info.gaps],
        sensors_off=[SensorOff(**asdict(stretch)) for stretch in info.sensors_off],
        live_sensors=sorted(profile.signals.live & set(profile.signals.sensors)),
        clock=None if info.clock is None else clock_facts(info.clock),
        notices=[notice.text for notice in notices],
    )


def judged_facts(judged: JudgedTime, info: RecordingInfo) -> dict[str, Any]:
    """Return how much was judged, and what was not and why, by the fields' names."""
    return {
        "judged_seconds": judged.seconds,
        "judged_status": judged.status,
        "judged_explanation": judged.explanation,
        "unjudged_seconds": judged.unjudged_seconds,
        "unjudged": unjudged_rows(judged, info),
    }


def unjudged_rows(judged: JudgedTime, info: RecordingInfo) -> list[UnjudgedTime]:
    """List what was not judged, in order of time."""
    rows = [
        UnjudgedTime(reason=reason, start_seconds=float(start), end_seconds=float(end))
        for reason, intervals in judged.unjudged.items()
        for start, end in info.seconds(intervals)
    ]
    return sorted(rows, key=lambda row: row.start_seconds)


def clock_facts(clock: Clock) -> ClockFacts:
    """Tell what is known of the belt's clock."""
    return ClockFacts(
        stamps=clock.stamps,
        usable=not clock.unusable,
        sample_rate=clock.sample_rate,
        drift_ppm=clock.drift_ppm,
        moved_seconds=clock.moved_seconds,
        steps=[ClockStep(**asdict(step)) for step in clock.steps],
    )


def _masked_seconds(profile: Profile) -> float | None:
    seen = len(profile.motion_seen) or len(profile.body_movement)
    return total(profile.body_movement) / TICKS_PER_SECOND if seen else None


def _match(found: PressMatch) -> ToldMatch:
    match = found.match
    return ToldMatch(
        **asdict(match),
        accuracy=match.accuracy,
        sensitivity=match.sensitivity,
        specificity=match.specificity,
        precision=match.precision,
        f1=match.f1,
        false_positive_rate=match.false_positive_rate,
        pabak=match.pabak,
        chance_sensitivity=found.chance_sensitivity.mean,
        chance_sensitivity_upper=found.chance_sensitivity.upper,
        chance_f1=found.chance_f1.mean,
        chance_f1_upper=found.chance_f1.upper,
        presses=found.presses,
        judged_presses=found.judged_presses,
        presses_not_judged=dict(found.not_judged),
    )


def _presses(found: PressMatch, info: RecordingInfo) -> list[Press]:
    rows = zip(found.pressed.tolist(), found.why_not.tolist(), found.matched.tolist(), strict=True)
    return [
        Press(
            **_stretch(info, start, end),
            judged=not why_not,
            why_not=why_not or None,
            matched=None if why_not else matched,
        )
        for (start, end), why_not, matched in rows
    ]


def _model(analysis: Analysis, package: str | None) -> ModelFacts:
    model = analysis.model
    return ModelFacts(
        version=model.version,
        package=package,
        method=model.settings.method,
        method_version=model.card.method_version,
        classifier=model.card.classifier,
        settings_digest=model.card.settings_digest,
        threshold=model.threshold,
    )


def _summary(
    analysis: Analysis, movements: Intervals, judged: JudgedTime, *, full: bool
) -> Summary:
    figures = asdict(summarize(movements, judged, analysis.profile))
    intervals = figures.pop("onset_intervals_seconds")
    statistics = OnsetStatistics(**figures.pop("onset_statistics"))
    return Summary(
        **figures,
        onset_statistics=statistics,
        onset_intervals_seconds=list(intervals) if full else None,
    )
