"""A WFDB record: the signals as they were stored, and two annotators, of device and mother.

A gap has WFDB's own code for no sample, which readers turn into NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from math import lcm
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray

from femo_signal.exporting.counts import NO_SAMPLE, CountedSignal, Counts
from femo_signal.exporting.marks import Mark, local_start
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["ANNOTATORS", "wfdb_files", "write_wfdb"]

ANNOTATORS = {"femo": False, "mother": True}
"""Annotation files by their ending: what the device found, and what the mother pressed."""

_NOTE = '"'  # WFDB's symbol of a comment


def wfdb_files(record: str) -> tuple[str, ...]:
    """Return the names of the files that a record may consist of."""
    return tuple(f"{record}.{ending}" for ending in ("hea", "dat", *ANNOTATORS))


def write_wfdb(
    folder: Path,
    record: str,
    counts: Counts,
    marks: Sequence[Mark],
    *,
    zone: tzinfo,
    subject: str | None = None,
) -> None:
    """Write a recording and its marks as a WFDB record.

    A mark with a length is two annotations, ``(label`` where it starts and ``label)`` where it
    ends.

    Parameters
    ----------
    folder : Path
        It must be there.
    record : str
        Name of the record: letters, digits, ``_`` and ``-``.
    counts : Counts
    marks : sequence of Mark
    zone : tzinfo
        Whose clock the header's start is told by; a comment names its offset.
    subject : str, optional
        A pseudonym.
    """
    frame = lcm(*(one.step_ticks for one in counts.signals))  # ticks
    frames = -(-counts.info.length_ticks // frame)
    start, offset = local_start(counts.info.start, zone)
    rate = TICKS_PER_SECOND / frame
    wfdb.wrsamp(
        record,
        fs=rate if frame != round(frame) or TICKS_PER_SECOND % frame else int(rate),
        units=[one.unit or "NU" for one in counts.signals],
        sig_name=[one.label for one in counts.signals],
        e_d_signal=[_filled(one, frames * frame // one.step_ticks) for one in counts.signals],
        samps_per_frame=[frame // one.step_ticks for one in counts.signals],
        fmt=["16"] * len(counts.signals),
        adc_gain=[one.per_unit for one in counts.signals],
        baseline=[one.zero for one in counts.signals],
        base_datetime=start,
        comments=[
            f"start in {offset}",
            f"subject {subject or 'not named'}",
            *(mark.label for mark in marks if mark.seconds is None),
        ],
        write_dir=str(folder),
    )
    for annotator, by_mother in ANNOTATORS.items():
        _annotate(folder, record, annotator, rate, [
            mark for mark in marks if mark.seconds is not None and mark.by_mother is by_mother
        ])  # fmt: skip


def _annotate(
    folder: Path, record: str, annotator: str, rate: float, marks: Sequence[Mark]
) -> None:
    """Write one annotation file; none where there is nothing to annotate."""
    edges = sorted(
        (round(at * rate), order, text)
        for mark in marks
        for order, at, text in (
            (1, mark.start_seconds, f"({mark.label}"),
            (0, mark.start_seconds + (mark.seconds or 0.0), f"{mark.label})"),
        )
    )
    if not edges:
        return
    wfdb.wrann(
        record,
        annotator,
        np.array([at for at, _, _ in edges], dtype=np.int64),
        symbol=[_NOTE] * len(edges),
        aux_note=[text for _, _, text in edges],
        fs=rate,
        write_dir=str(folder),
    )


def _filled(one: CountedSignal, length: int) -> NDArray[np.int16]:
    """Return the counts with as much of no sample behind them as a whole frame needs."""
    padded = np.full(length, NO_SAMPLE, dtype=np.int16)
    padded[: len(one.counts)] = one.counts
    return padded
