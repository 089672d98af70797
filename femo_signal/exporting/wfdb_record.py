"""A WFDB record: the signals in the belt's numbers, and two annotators, of device and mother.

A gap has WFDB's own code for no sample, which readers turn into NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np
import wfdb

from femo_signal.exporting.counts import Counts
from femo_signal.exporting.marks import Mark, local_start
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["ANNOTATORS", "wfdb_files", "write_wfdb"]

ANNOTATORS = {"femo": False, "mother": True}
"""Annotation files by their ending: what the device found, and what the mother pressed."""

_FRAMES_A_PIECE = 8192
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
    _write_signals(folder / f"{record}.dat", counts, frame)
    start, offset = local_start(counts.info.start, zone)
    rate = TICKS_PER_SECOND / frame
    _header(
        record,
        counts,
        frame,
        fs=int(rate) if rate.is_integer() else rate,
        base_datetime=start,
        comments=[
            f"start in {offset}",
            f"subject {subject or 'not named'}",
            *(mark.label for mark in marks if mark.seconds is None),
        ],
    ).wrheader(write_dir=str(folder))
    for annotator, by_mother in ANNOTATORS.items():
        _annotate(folder, record, annotator, rate, [
            mark for mark in marks if mark.seconds is not None and mark.by_mother is by_mother
        ])  # fmt: skip


def _header(record: str, counts: Counts, frame: int, **facts: Any) -> wfdb.Record:
    """Return the header of the signals that `_write_signals` wrote."""
    signals = counts.signals
    return wfdb.Record(
        record_name=record,
        n_sig=len(signals),
        sig_len=counts.length_ticks // frame,
        file_name=[f"{record}.dat"] * len(signals),
        fmt=["16"] * len(signals),
        samps_per_frame=[frame // one.step_ticks for one in signals],
        byte_offset=[None] * len(signals),
        skew=[None] * len(signals),
        adc_gain=[one.per_unit for one in signals],
        baseline=[one.zero for one in signals],
        units=[one.unit or "NU" for one in signals],
        adc_res=[16] * len(signals),
        adc_zero=[0] * len(signals),
        init_value=[int(one.counts[0]) for one in signals],
        checksum=[int(one.counts.sum(dtype=np.int64)) % 65536 for one in signals],
        block_size=[0] * len(signals),
        sig_name=[one.label for one in signals],
        **facts,
    )


def _write_signals(path: Path, counts: Counts, frame: int) -> None:
    """Write the signals in format 16, frame after frame; in pieces, as nights are long.

    `wfdb.wrsamp` writes the same, and takes 20 times the signals' memory for it.
    """
    frames = counts.length_ticks // frame
    with path.open("wb") as file:
        for first in range(0, frames, _FRAMES_A_PIECE):
            past = min(first + _FRAMES_A_PIECE, frames)
            columns = []
            for one in counts.signals:
                each = frame // one.step_ticks
                columns.append(one.counts[first * each : past * each].reshape(-1, each))
            file.write(np.concatenate(columns, axis=1).astype("<i2", copy=False).tobytes())


def _annotate(
    folder: Path, record: str, annotator: str, rate: float, marks: Sequence[Mark]
) -> None:
    """Write one annotation file; none where there is nothing to annotate."""
    edges = sorted(edge for mark in marks for edge in _edges(mark, rate))
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


def _edges(mark: Mark, rate: float) -> list[tuple[int, int, str]]:
    """Return frame, rank within it and text of a mark's two edges.

    Where one mark ends and another starts it ends first; none ends before it has started.
    """
    first = round(mark.start_seconds * rate)
    last = round((mark.start_seconds + (mark.seconds or 0.0)) * rate)
    return [(first, 1, f"({mark.label}"), (max(last, first + 1), 0, f"{mark.label})")]
