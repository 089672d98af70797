"""A completed job in a few lines for a person: first how much could be judged, then the numbers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

RESEARCH_USE = (
    "For research use. If you are worried about your baby's movements, "
    "contact your maternity unit now."
)


def summary_lines(job: dict[str, Any]) -> list[str]:
    """Return the summary of a job whose output type is events.

    Parameters
    ----------
    job
        What ``GET /jobs/{jobId}`` or ``femo analyze`` answers.

    Returns
    -------
    list of str
        Numbers, never a verdict. A job without a result yields its error alone.
    """
    if job.get("result") is None:
        error = job.get("error", {})
        return [f"{job['status']}: {error.get('message', 'no result')}"]
    result = job["result"]
    recording = result["recording"]
    analysed_hours = recording["analysed_seconds"] / 3600
    lines = [
        f"Judged:        {recording['analysed_seconds'] / 60:.1f} of "
        f"{recording['duration_seconds'] / 60:.1f} min (body movement "
        f"{recording['masked_seconds'] / 60:.1f} min, gaps {recording['gap_seconds'] / 60:.1f} min)"
    ]
    movements = _events(result, "inferred_kick")
    rate = f"{len(movements) / analysed_hours:.1f}" if analysed_hours else "no"
    lines.append(f"Movements:     {len(movements)} ({rate} per analysed hour)")
    bouts = _events(result, "fetal_hiccups")
    if bouts:
        lines.append(f"Hiccup bouts:  {len(bouts)} ({sum(map(_minutes, bouts)):.1f} min)")
    else:
        lines.append("Hiccup bouts:  none")
    match = result.get("press_match")
    if match:
        judged = match["true_positives"] + match["false_negatives"]
        lines.append(
            f"Presses:       {match['true_positives']} of {judged} that could be judged "
            "have a movement within 5 s"
        )
    else:
        lines.append("Presses:       none")
    lines += [f"Notice:        {notice}" for notice in recording["notices"]]
    return [*lines, RESEARCH_USE]


def _events(result: dict[str, Any], kind: str) -> list[dict[str, str]]:
    return [event for event in result["events"] if event["event_type"] == kind]


def _minutes(event: dict[str, str]) -> float:
    lasted = datetime.fromisoformat(event["end_t"]) - datetime.fromisoformat(event["start_t"])
    return lasted.total_seconds() / 60
