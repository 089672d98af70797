"""A completed job in a few lines for a person: first how much could be judged, then the numbers."""

from __future__ import annotations

from typing import Any

RESEARCH_USE = (
    "For research use. If you are worried about your baby's movements, "
    "contact your maternity unit now."
)

REASONS = {
    "body_movement": "maternal movement",
    "hiccups": "hiccup bouts",
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
        yields its error alone.
    """
    if job.get("result") is None:
        error = job.get("error", {})
        return [f"{job['status']}: {error.get('message', 'no result')}"]
    result = job["result"]
    recording = result["recording"]
    return [
        f"Judged:        {recording['judged_seconds'] / 60:.1f} of "
        f"{recording['duration_seconds'] / 60:.1f} min",
        f"Not judged:    {_not_judged(recording['unjudged_seconds'])}",
        f"Movements:     {_movements(result)}",
        f"Longest quiet: {_quiet(result['summary'])}",
        f"Hiccup bouts:  {_hiccups(result)}",
        f"Presses:       {_presses(result.get('press_match'))}",
        *(f"Notice:        {notice}" for notice in recording["notices"]),
        RESEARCH_USE,
    ]


def _not_judged(seconds: dict[str, float]) -> str:
    parts = [
        f"{REASONS.get(reason, reason)} {lasted / 60:.1f} min"
        for reason, lasted in seconds.items()
        if lasted
    ]
    return ", ".join(parts) or "nothing"


def _movements(result: dict[str, Any]) -> str:
    summary, explanation = result["summary"], result["recording"]["judged_explanation"]
    if summary["kicks"] is None:
        return f"not counted. {explanation}"
    rate = summary["kicks_per_analysed_hour"]
    if rate is None:
        return f"{summary['kicks']}, no rate. {explanation}"
    return f"{summary['kicks']}, {rate:.1f} per judged hour"


def _quiet(summary: dict[str, Any]) -> str:
    longest = summary["longest_quiet_seconds"]
    if longest is None:
        return "unknown: no judged time without movement"
    return f"{longest / 60:.1f} min of judged time without movement"


def _hiccups(result: dict[str, Any]) -> str:
    bouts = result["hiccup_bouts"]
    if bouts is None:
        return str(result["hiccup_bouts_status"])
    if not bouts:
        return "none found"
    lasted = sum(bout["end_seconds"] - bout["start_seconds"] for bout in bouts)
    inside = result["movements_in_hiccup_bouts"]
    if inside is None:
        return f"{len(bouts)} ({lasted / 60:.1f} min), in time that could not be judged"
    taken_out = result["hiccup_bouts_status"] == "taken out"
    told = (
        f"taken out with the {inside} detections that touch them"
        if taken_out
        else f"not taken out: {inside} of the movements touch them"
    )
    return f"{len(bouts)} ({lasted / 60:.1f} min), {told}"


def _presses(match: dict[str, Any] | None) -> str:
    if match is None:
        return "the button was not pressed"
    judged = match["judged_presses"]
    parts = []
    if judged:
        parts.append(
            f"{match['true_positives']} of {judged} that could be judged have a movement within "
            f"5 s ({_by_chance(match)})"
        )
    left_out = [
        f"{REASONS.get(reason, reason)} {count}"
        for reason, count in match["presses_not_judged"].items()
        if count
    ]
    if left_out:
        parts.append(f"{match['presses'] - judged} could not be judged ({', '.join(left_out)})")
    return "; ".join(parts)


def _by_chance(match: dict[str, Any]) -> str:
    shares = [match[name] for name in ("sensitivity", "chance_sensitivity")]
    shares.append(match["chance_sensitivity_upper"])
    own, chance, upper = (f"{share:.0%}" for share in shares)
    return f"{own}; by chance {chance}, in 95 of 100 shifts at most {upper}"
