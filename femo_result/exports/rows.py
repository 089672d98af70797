"""A completed analysis as one table: a summary, then all that happened, in order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Literal

from femo_result.codes import EventType
from femo_result.exports.reading import (
    Response,
    as_response,
    instant_text,
    moment,
    subject_of,
)
from femo_result.found import Stretch
from femo_result.response import EventsResponse, EventsResult, MetadataResponse, Result
from femo_result.words import RESEARCH_USE

__all__ = ["COLUMNS", "Column", "Row", "rows_of"]

Row = dict[str, Any]
"""Cells by the column's name; what is absent is not known, or does not apply."""


@dataclass(frozen=True)
class Column:
    """A column of the table."""

    name: str
    kind: Literal["text", "time", "number", "count", "flag"]
    unit: str
    meaning: str


COLUMNS = (
    Column("kind", "text", "", "What the row is of; the first is `summary`"),
    Column("start", "time", "UTC", "Its start"),
    Column("end", "time", "UTC", "Its end"),
    Column("start_local", "time", "zone", "The same in the zone that was asked for"),
    Column("end_local", "time", "zone", "The same in the zone that was asked for"),
    Column("start_seconds", "number", "s", "Its start, from the start of the recording"),
    Column("end_seconds", "number", "s", "Its end, from the start of the recording"),
    Column("reason", "text", "", "Why: of `unjudged`, `gap`, `sensor_off`, `regular_pulses`; of a "
           "`press` why it was not judged; of a `notice` its code"),
    Column("sensors", "text", "", "The sensors that saw it, or that were off, by spaces"),
    Column("probability", "number", "share", "Of a movement, by the model"),
    Column("interval_seconds", "number", "s", "From one pulse to the next: `hiccup_bout`, "
           "`regular_pulses`"),
    Column("judged", "flag", "", "Of a press: whether it could be judged"),
    Column("matched", "flag", "", "Of a judged press: whether a movement lies within 5 s"),
    Column("judged_seconds", "number", "s", "Summary: how much could be judged"),
    Column("judged_status", "text", "", "Summary: `ok`, `too_little` or `none`"),
    Column("movement_count", "count", "count", "Summary: movements in judged time"),
    Column("movements_per_judged_hour", "number", "1/h", "Summary: their rate"),
    Column("expected_low", "number", "count", "Summary: lower end of the likely true count"),
    Column("expected_high", "number", "count", "Summary: upper end of it"),
    Column("judged_seconds_to_tenth_movement", "number", "s", "Summary: judged time until ten"),
    Column("longest_quiet_seconds", "number", "s", "Summary: longest judged time without movement"),
    Column("hiccup_bout_count", "count", "count", "Summary: hiccup bouts"),
    Column("press_count", "count", "count", "Summary: presses of the button"),
    Column("judged_press_count", "count", "count", "Summary: those that could be judged"),
    Column("matched_press_count", "count", "count", "Summary: those with a movement within 5 s"),
    Column("chance_sensitivity", "number", "share", "Summary: presses that would be matched by "
           "chance"),
    Column("job_id", "text", "", "Summary: the job"),
    Column("subject_id", "text", "", "Summary: the subject's pseudonym"),
    Column("recording", "text", "", "Summary: the recording, as an s3:// URI"),
    Column("format", "text", "", "Summary: of the recording, `v1` or `v2`"),
    Column("model_version", "text", "", "Summary: the model"),
    Column("method", "text", "", "Summary: `adaptive` or `reference`"),
    Column("method_version", "count", "count", "Summary: of the method"),
    Column("settings_digest", "text", "", "Summary: of all settings"),
    Column("text", "text", "", "For people"),
)  # fmt: skip


def rows_of(response: Response, *, zone: tzinfo | None = None) -> list[Row]:
    """Return the rows of the table: the summary, then all else in order of time.

    Parameters
    ----------
    response : EventsResponse, MetadataResponse or mapping
    zone : tzinfo, optional
        For the columns of local time, which stay empty without.

    Raises
    ------
    pydantic.ValidationError
        It is no completed analysis, or one of a service that is too old.
    """
    read = as_response(response)
    result = read.result
    found = sorted(_found(result), key=lambda row: (row["start_seconds"], row["end_seconds"]))
    rows = [_summary(read, subject_of(response)), *found, *_notices(result)]
    for row in rows:
        _add_times(row, result.recording.start, zone)
    return rows


def _add_times(row: Row, start: str, zone: tzinfo | None) -> None:
    for edge in ("start", "end"):
        if f"{edge}_seconds" not in row:
            continue
        if edge not in row:
            row[edge] = instant_text(moment(start, row[f"{edge}_seconds"]))
        if zone is not None:
            row[f"{edge}_local"] = instant_text(datetime.fromisoformat(row[edge]), zone)


def _summary(read: EventsResponse | MetadataResponse, subject: str | None) -> Row:
    result = read.result
    recording, summary, match = result.recording, result.summary, result.press_match
    expected = result.expected_kicks
    bouts = result.hiccup_bouts
    row = {
        "kind": "summary",
        "start_seconds": 0.0,
        "end_seconds": recording.duration_seconds,
        "judged_seconds": recording.judged_seconds,
        "judged_status": recording.judged_status,
        "movement_count": result.movement_count,
        "movements_per_judged_hour": summary.kicks_per_analysed_hour,
        "expected_low": None if expected is None else expected.low,
        "expected_high": None if expected is None else expected.high,
        "judged_seconds_to_tenth_movement": summary.analysed_seconds_to_tenth_kick,
        "longest_quiet_seconds": summary.longest_quiet_seconds,
        "hiccup_bout_count": None if bouts is None else len(bouts),
        "press_count": len(result.presses),
        "judged_press_count": None if match is None else match.judged_presses,
        "matched_press_count": None if match is None else match.true_positives,
        "chance_sensitivity": None if match is None else match.chance_sensitivity,
        "job_id": read.jobId,
        "subject_id": subject,
        "recording": None if read.source is None else read.source.s3Key,
        "format": recording.format,
        "model_version": result.model.version,
        "method": result.model.method,
        "method_version": result.model.method_version,
        "settings_digest": result.model.settings_digest,
        "text": f"{recording.judged_explanation} {RESEARCH_USE}",
    }
    return {name: value for name, value in row.items() if value is not None}


def _found(result: Result) -> Iterator[Row]:
    recording = result.recording
    for part in recording.unjudged:
        yield _row("unjudged", part.start_seconds, part.end_seconds, reason=part.reason)
    for gap in recording.gaps:
        yield _row("gap", gap.start_seconds, gap.end_seconds, reason=gap.reason)
    for off in recording.sensors_off:
        yield _row(
            "sensor_off",
            off.start_seconds,
            off.end_seconds,
            reason=off.reason,
            sensors=[off.sensor],
        )
    for movement in result.movements or ():
        yield _of("movement", movement, probability=movement.probability, sensors=movement.sensors)
    for bout in result.hiccup_bouts or ():
        yield _of("hiccup_bout", bout, sensors=bout.sensors, interval_seconds=bout.interval_seconds)
    for pulses in result.regular_pulses or ():
        yield _of(
            "regular_pulses",
            pulses,
            reason=pulses.reason,
            sensors=pulses.sensors,
            interval_seconds=pulses.interval_seconds,
        )
    for press in result.presses:
        yield _of("press", press, reason=press.why_not, judged=press.judged, matched=press.matched)
    if isinstance(result, EventsResult):
        yield from _body_movements(result)


def _body_movements(result: EventsResult) -> Iterator[Row]:
    start = datetime.fromisoformat(result.recording.start)
    for event in result.events:
        if event.event_type != EventType.MATERNAL_BODY_MOVEMENT:
            continue
        edges = [datetime.fromisoformat(edge) - start for edge in (event.start_t, event.end_t)]
        row = _row("maternal_body_movement", *(edge.total_seconds() for edge in edges))
        yield {**row, "start": event.start_t, "end": event.end_t}


def _notices(result: Result) -> Iterator[Row]:
    for notice in result.notices:
        yield {"kind": "notice", "reason": notice.code, "text": notice.text}


def _of(kind: str, stretch: Stretch, **cells: Any) -> Row:
    row = _row(kind, stretch.start_seconds, stretch.end_seconds, **cells)
    return {**row, "start": stretch.start, "end": stretch.end}


def _row(kind: str, start_seconds: float, end_seconds: float, **cells: Any) -> Row:
    row: Row = {"kind": kind, "start_seconds": start_seconds, "end_seconds": end_seconds}
    sensors = cells.pop("sensors", None)
    if sensors:
        row["sensors"] = " ".join(sensors)
    row |= {name: value for name, value in cells.items() if value is not None}
    return row
