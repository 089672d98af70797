"""A completed job in a few lines for a person: first how much could be judged, then the numbers."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from femo_result import PressMatch, Result, read_common
from femo_result.words import RESEARCH_USE, lasting, lasting_of, percent

REASONS = {
    "body_movement": "maternal movement",
    "hiccups": "hiccup bouts",
    "regular_pulses": "regular pulses",
    "sensor_off": "sensors off",
    "gap": "no data",
    "clock": "clock unknown",
    "ends": "left out at the ends",
}


def summary_lines(job: dict[str, Any]) -> list[str]:
    """Return the summary of a job.

    Parameters
    ----------
    job
        What ``GET /jobs/{jobId}`` or ``femo analyze`` answers, of either output type.

    Returns
    -------
    list of str
        Numbers, never a verdict; where there is no number, the reason. A job without a result
        yields its error alone, and one whose result is too large for the answer where it is.
    """
    if job.get("result") is None:
        return [f"{job['status']}: {_why_without(job)}"]
    try:
        result = read_common(job["result"])
    except ValidationError:
        return ["The result is one of an older service: see its fields.", RESEARCH_USE]
    recording = result.recording
    return [
        f"Judged:        {lasting_of(recording.judged_seconds, recording.duration_seconds)}",
        f"Not judged:    {_not_judged(recording.unjudged_seconds)}",
        f"Movements:     {_movements(result)}",
        f"Likely count:  {_likely(result)}",
        f"Longest quiet: {_quiet(result)}",
        f"Hiccup bouts:  {_hiccups(result)}",
        f"Presses:       {_presses(result.press_match)}",
        *(f"Notice:        {notice.text}" for notice in result.notices),
        RESEARCH_USE,
    ]


def _likely(result: Result) -> str:
    expected = result.expected_kicks
    if expected is None:
        return f"none given: {result.expected_kicks_status}"
    return (
        f"{expected.low:.0f} to {expected.high:.0f} in judged time "
        f"({percent(expected.level)} of such intervals hold the true count)"
    )


def _why_without(job: dict[str, Any]) -> str:
    if "error" in job:
        return str(job["error"].get("message", "no result"))
    if "resultUrl" in job:
        return "the result is too large for the answer; fetch it from resultUrl"
    return "no result"


def _not_judged(seconds: dict[str, float]) -> str:
    parts = [
        f"{REASONS.get(reason, reason)} {lasting(lasted)}"
        for reason, lasted in seconds.items()
        if lasted
    ]
    return ", ".join(parts) or "nothing"


def _movements(result: Result) -> str:
    explanation = result.recording.judged_explanation
    if result.movement_count is None:
        return f"not counted. {explanation}"
    rate = result.summary.kicks_per_analysed_hour
    if rate is None:
        return f"{result.movement_count}, no rate. {explanation}"
    return f"{result.movement_count}, {rate:.1f} per judged hour"


def _quiet(result: Result) -> str:
    seconds = result.summary.longest_quiet_seconds
    if seconds is None:
        judged = result.movement_count is not None
        return f"unknown: {'no judged time without movement' if judged else 'nothing was judged'}"
    return f"{lasting(seconds)} of judged time without movement"


def _hiccups(result: Result) -> str:
    bouts, inside = result.hiccup_bouts, result.movements_in_hiccup_bouts
    if bouts is None:
        return result.hiccup_bouts_status
    if not bouts:
        return "none found"
    lasted = lasting(sum(bout.end_seconds - bout.start_seconds for bout in bouts))
    if inside is None:
        return f"{len(bouts)} ({lasted}), in time that could not be judged"
    told = (
        f"taken out with the {inside} detections that touch them"
        if result.hiccup_bouts_status == "taken out"
        else f"not taken out: {inside} of the movements touch them"
    )
    return f"{len(bouts)} ({lasted}), {told}"


def _presses(match: PressMatch | None) -> str:
    if match is None:
        return "the button was not pressed"
    judged = match.judged_presses
    parts = []
    if judged:
        parts.append(
            f"{match.true_positives} of {judged} that could be judged have a movement within "
            f"5 s ({_by_chance(match)})"
        )
    left_out = [
        f"{REASONS.get(reason, reason)} {count}"
        for reason, count in match.presses_not_judged.items()
        if count
    ]
    if left_out:
        parts.append(f"{match.presses - judged} could not be judged ({', '.join(left_out)})")
    return "; ".join(parts)


def _by_chance(match: PressMatch) -> str:
    shares = (match.sensitivity, match.chance_sensitivity, match.chance_sensitivity_upper)
    own, chance, upper = ("unknown" if share is None else percent(share) for share in shares)
    return f"{own}; by chance {chance}, in 95 of 100 shifts at most {upper}"
