"""Why reference events were missed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from femo_signal.intervals import as_intervals, overlapping
from femo_signal.learning.matching import match_one_to_one
from femo_signal.learning.outcomes import RecordingOutcome

__all__ = ["CAUSES", "misses_of", "misses_together"]

CAUSES = ("not_judged", "no_candidate", "rejected", "merged", "taken_for_hiccup")
"""All but the first are misses in judged time and add up to the false negatives."""


def misses_of(outcome: RecordingOutcome) -> dict[str, int]:
    """Count one recording's missed reference events by cause.

    ``merged``: an accepted detection is there, but answers for another event; else
    ``taken_for_hiccup``: what is there lies in a hiccup bout and was rejected; else ``rejected``;
    else ``no_candidate``. ``not_judged``: events outside judged time.

    Returns
    -------
    dict
        By the names of `CAUSES`.
    """
    accepted = outcome.detections[outcome.accepted]
    rejected = outcome.detections[~outcome.accepted]
    answered = match_one_to_one(accepted, outcome.reference)
    missed = np.ones(len(outcome.reference), dtype=bool)
    missed[answered[answered >= 0]] = False
    events = outcome.reference[missed]
    in_bout = overlapping(rejected, outcome.hiccup_bouts)
    there = (
        overlapping(events, accepted),
        overlapping(events, rejected[in_bout]),
        overlapping(events, rejected) | overlapping(events, as_intervals(outcome.dismissed)),
    )
    cause = np.select(there, [0, 1, 2], default=3)
    merged, hiccup, turned_down, nothing = np.bincount(cause, minlength=4).tolist()
    return {
        "not_judged": len(outcome.unjudged_reference),
        "no_candidate": nothing,
        "rejected": turned_down,
        "merged": merged,
        "taken_for_hiccup": hiccup,
    }


def misses_together(rows: Sequence[dict[str, int]]) -> dict[str, int]:
    """Add up the misses of several recordings."""
    return {cause: sum(row[cause] for row in rows) for cause in CAUSES}
