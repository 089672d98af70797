"""What an analysis says of a recording, as marks with a start, a length and a label.

The labels are few and fixed, so that programs can pick by them. Those that begin with ``BAD_`` are
what MNE leaves out of averages and spectra by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

import numpy as np

from femo_result import EventsResponse, MetadataResponse
from femo_result.exports import rows_of
from femo_result.words import RESEARCH_USE
from femo_signal.exporting.counts import Counts
from femo_signal.intervals import as_intervals, close_gaps, difference
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["Mark", "local_start", "marks_of"]

_BY_KIND = {
    "movement": "movement",
    "hiccup_bout": "hiccup_bout",
    "regular_pulses": "regular_pulses",
    "press": "press",
    "maternal_body_movement": "maternal_body_movement",
}


@dataclass(frozen=True)
class Mark:
    """One mark."""

    start_seconds: float  # from the start of the recording
    seconds: float | None  # None: it is of the whole recording
    label: str
    by_mother: bool = False


def marks_of(response: EventsResponse | MetadataResponse, counts: Counts) -> list[Mark]:
    """Return the marks of a recording, in order of time; the first are of the whole of it.

    Parameters
    ----------
    response : EventsResponse or MetadataResponse
    counts : Counts
        Of the recording itself: wherever a signal has no sample, a mark lies.
    """
    marks = [
        Mark(0.0, None, _line(response.result.recording.judged_explanation)),
        Mark(0.0, None, RESEARCH_USE),
    ]
    if counts.moved_seconds:
        told = f"The belt's clock was off by up to {counts.moved_seconds:.2f} s"
        marks.append(Mark(0.0, None, f"{told}: samples are interpolated onto time."))
    found = [*_missing(counts)]
    for row in rows_of(response):
        kind = row["kind"]
        label = _BY_KIND.get(kind)
        if kind == "unjudged":
            label = _line(f"BAD_unjudged_{row['reason']}")
        elif kind == "sensor_off":
            label = _line(f"sensor_off {row['sensors']}")
        if label is not None:
            start, end = row["start_seconds"], row["end_seconds"]
            found.append(Mark(start, end - start, label, by_mother=kind == "press"))
    return marks + sorted(found, key=lambda mark: mark.start_seconds)


def _line(text: str) -> str:
    """Return a text without what would end a line of a header, or an annotation of EDF."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _missing(counts: Counts) -> Iterator[Mark]:
    """Yield a mark over every gap, over what is behind the end, and over what else is missing."""
    info, rate, past = counts.info, TICKS_PER_SECOND, counts.length_ticks
    for gap in info.gaps:
        yield Mark(gap.start_seconds, gap.end_seconds - gap.start_seconds, "BAD_gap")
    lacking, end = counts.without_samples(), info.length_ticks
    for step, lacks in lacking.values():  # a slower signal's last sample lies just before the end
        if len(lacks) and lacks[-1, 0] > info.length_ticks - step:
            end = min(end, int(lacks[-1, 0]))
    if end < past:
        yield Mark(end / rate, (past - end) / rate, "BAD_behind_end")
    edges = np.array([(gap.start_seconds, gap.end_seconds) for gap in info.gaps]).reshape(-1, 2)
    marked = as_intervals([*np.rint(edges * rate).astype(int), (end, past)])
    for kind, (step, lacks) in lacking.items():
        # A second apart, so that a signal in shreds has marks that a program can still read
        for first, last in close_gaps(difference(lacks, marked), rate).tolist():
            yield Mark(first / rate, (last + step - 1 - first) / rate, f"BAD_no_sample_{kind}")


def local_start(start: datetime, zone: tzinfo) -> tuple[datetime, str]:
    """Return a start as the clock of a zone showed it, and how far that is from UTC."""
    local = start.astimezone(zone)
    offset = local.isoformat()[-6:] if local.utcoffset() else ""
    return local.replace(tzinfo=None), f"UTC{offset}"
