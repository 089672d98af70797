"""What a response is worth, held against what is in the recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

__all__ = ["Figures", "RecordingScore", "figures_of", "score"]

ENDS_SECONDS = 30.0  # cut off each end of a recording longer than 5 minutes, by the method
CLOSE_SECONDS = (1.8, 3.5)  # from onset to onset of a close pair
BOUT_SHARE = 0.5  # of a hiccup bout that must be told for it to be found
ACCELEROMETERS = ("sensor_1", "sensor_2")
SENSORS = {"v1": {f"sensor_{n}" for n in range(1, 7)}, "v2": {"sensor_3", "sensor_6"}}

Spans = NDArray[np.float64]  # (n, 2) s from the start of the recording


@dataclass(frozen=True)
class RecordingScore:
    """One recording's counts."""

    hits: int
    false: int
    missed: int
    onset_errors: tuple[float, ...]  # s, found minus true
    pairs: int
    pairs_apart: int
    bouts: int
    bouts_found: int
    hiccup_share: float  # of the recording, called hiccups
    judged_seconds: float
    sensors_told: bool  # a notice names a sensor
    interval_holds: bool | None  # None: withheld


@dataclass(frozen=True)
class Figures:
    """A set's figures; None where the set cannot give one."""

    recordings: int
    movements: int
    f1: float | None
    count_bias: float | None  # counted over true, less one
    onset_seconds: float | None  # median of |found - true|
    false_per_hour: float | None  # of judged time
    pairs_apart: float | None
    hiccups_found: float | None
    called_hiccups: float  # share of the time
    sensors_told: float
    interval_holds: float | None  # None: the model gives none anywhere


def score(truth: dict[str, Any], response: dict[str, Any], interval: Any) -> RecordingScore:
    """Compare one response with the truth.

    Counted are movements that could be seen by construction: outside the ends that the method
    cuts off and the mother's own movements, in no gap, and while enough sensors were on (two, of
    which one is no accelerometer; in v2 one). What of that the product leaves unjudged is missed.

    Parameters
    ----------
    truth : dict
        ``.truth.json`` of either generator.
    response : dict
        Of `femo_signal.analyze_recording`.
    interval : dict or None
        Its ``expected_kicks``, ``low`` and ``high``; None where it is withheld.
    """
    result = response["result"]
    recording = result["recording"]
    events = result["events"]
    found = _event_spans(events, "inferred_kick", recording["start"])
    kicks = _spans(truth["kicks"])
    counted = _could_be_seen(kicks, truth, recording["format"])
    partner = _matched(found, kicks)
    hit = partner[counted] >= 0
    of_others = np.isin(np.arange(len(found)), partner[~counted])
    told_bouts = _spans(
        [(b["start_seconds"], b["end_seconds"]) for b in result["hiccup_bouts"] or ()]
    )
    bouts = _spans(truth["hiccup_bouts"])
    close = _close_pairs(kicks, counted)
    onsets = found[partner[counted][hit], 0] - kicks[counted][hit, 0]
    return RecordingScore(
        hits=int(hit.sum()),
        false=len(found) - int(hit.sum()) - int(of_others.sum()),
        missed=int((~hit).sum()),
        onset_errors=tuple(onsets.tolist()),
        pairs=len(close),
        pairs_apart=int((partner[close] >= 0).all(axis=1).sum()),
        bouts=len(bouts),
        bouts_found=sum(_covered(bout, told_bouts) >= BOUT_SHARE * (bout[1] - bout[0])
                        for bout in bouts),
        hiccup_share=sum(b - a for a, b in told_bouts) / truth["seconds"],
        judged_seconds=recording["judged_seconds"],
        sensors_told=any("sensor" in notice for notice in recording["notices"]),
        interval_holds=_holds(interval, kicks, recording["unjudged"]),
    )  # fmt: skip


def figures_of(scores: Sequence[RecordingScore], *, intervals: bool) -> Figures:
    """Put a set's recordings together.

    Parameters
    ----------
    scores : sequence of RecordingScore
    intervals : bool
        Whether the model gives intervals at all: one that is withheld is then a wrong one.
    """
    hits, false, missed = (
        sum(getattr(one, name) for one in scores) for name in ("hits", "false", "missed")
    )
    errors = np.array([error for one in scores for error in one.onset_errors])
    judged = sum(one.judged_seconds for one in scores)
    true = hits + missed
    return Figures(
        recordings=len(scores),
        movements=true,
        f1=_ratio(2 * hits, 2 * hits + false + missed) if true else None,
        count_bias=(hits + false) / true - 1 if true else None,
        onset_seconds=float(np.median(np.abs(errors))) if len(errors) else None,
        false_per_hour=_ratio(3600 * false, judged),
        pairs_apart=_ratio(sum(o.pairs_apart for o in scores), sum(o.pairs for o in scores)),
        hiccups_found=_ratio(sum(o.bouts_found for o in scores), sum(o.bouts for o in scores)),
        called_hiccups=float(np.mean([one.hiccup_share for one in scores])),
        sensors_told=float(np.mean([one.sensors_told for one in scores])),
        interval_holds=(
            float(np.mean([bool(one.interval_holds) for one in scores])) if intervals else None
        ),
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _spans(rows: Any) -> Spans:
    return np.array([row[:2] for row in rows], dtype=np.float64).reshape(-1, 2)


def _event_spans(events: list[dict[str, str]], kind: str, start: str) -> Spans:
    origin = datetime.fromisoformat(start)
    return _spans(
        [
            [(datetime.fromisoformat(e[k]) - origin).total_seconds() for k in ("start_t", "end_t")]
            for e in events
            if e["event_type"] == kind
        ]
    )


def _could_be_seen(kicks: Spans, truth: dict[str, Any], recording_format: str) -> NDArray[np.bool_]:
    seen = (kicks[:, 1] > ENDS_SECONDS) & (kicks[:, 0] < truth["seconds"] - ENDS_SECONDS)
    hidden = [*truth["body_movements"], *truth.get("gaps", ())]
    for start, end in _spans(hidden):
        seen &= (kicks[:, 1] <= start) | (kicks[:, 0] >= end)
    for row, (start, end) in enumerate(kicks):
        off = {n for a, b, n in truth.get("sensors_off", ()) if a < end and b > start}
        on = SENSORS[recording_format] - off
        enough = 1 if recording_format == "v2" else 2
        seen[row] &= len(on) >= enough and bool(on - set(ACCELEROMETERS))
    return seen


def _matched(found: Spans, kicks: Spans) -> NDArray[np.int64]:
    """Return for each kick the detection that overlaps it, one to one, or -1.

    As many pairs as possible; among equals those that begin closest to each other.
    """
    partner = np.full(len(kicks), -1, dtype=np.int64)
    meet = (found[:, 0] < kicks[:, 1:]) & (found[:, 1] > kicks[:, :1])  # (kicks, found)
    apart = np.abs(found[:, 0] - kicks[:, :1])
    worth = np.where(meet, 1 + 1e-4 / (1 + apart), 0)  # all preferences together are below a pair
    rows, columns = linear_sum_assignment(worth, maximize=True)
    real = meet[rows, columns]
    partner[rows[real]] = columns[real]
    return partner


def _close_pairs(kicks: Spans, counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return rows of neighbours that begin 1.8 to 3.5 s apart, shape (pairs, 2)."""
    order = np.argsort(kicks[:, 0], kind="stable")
    pairs = np.column_stack((order[:-1], order[1:]))
    apart = np.diff(kicks[order, 0])
    close = (apart >= CLOSE_SECONDS[0]) & (apart <= CLOSE_SECONDS[1])
    return pairs[close & counted[pairs].all(axis=1)]


def _covered(bout: NDArray[np.float64], told: Spans) -> float:
    """Return the seconds of a bout that are told."""
    return sum(max(min(bout[1], b) - max(bout[0], a), 0.0) for a, b in told)


def _holds(interval: Any, kicks: Spans, unjudged: list[dict[str, Any]]) -> bool | None:
    """Tell whether an interval holds the true count of what began in judged time."""
    if interval is None or interval.get("low") is None or interval.get("high") is None:
        return None
    hidden = np.zeros(len(kicks), dtype=bool)
    for row in unjudged:
        hidden |= (kicks[:, 0] >= row["start_seconds"]) & (kicks[:, 0] < row["end_seconds"])
    return bool(interval["low"] <= int((~hidden).sum()) <= interval["high"])
