"""EDF+: the signals as they were stored, in physical units, and what was found as annotations.

Written contiguously (EDF+C), as not every reader keeps the times of EDF+D apart from its samples:
where the recording has no sample, the file has its lowest number, and a ``BAD_gap`` annotation
lies over it. No sample of the belt has that number (`femo_signal.exporting.counts.NO_SAMPLE`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from math import gcd, lcm
from pathlib import Path

import edfio
import numpy as np
from numpy.typing import NDArray

from femo_signal.exporting.counts import NO_SAMPLE, CountedSignal, Counts
from femo_signal.exporting.marks import Mark, local_start
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["write_edf"]

_HIGHEST = 32767


def write_edf(
    path: Path,
    counts: Counts,
    marks: Sequence[Mark],
    *,
    zone: tzinfo,
    subject: str | None = None,
) -> None:
    """Write a recording and its marks as EDF+.

    Parameters
    ----------
    path : Path
    counts : Counts
    marks : sequence of Mark
    zone : tzinfo
        Whose clock the file's start is told by: EDF has no field for a zone, and readers take what
        it says for UTC. The recording field names the offset.
    subject : str, optional
        A pseudonym.
    """
    seconds = _record_seconds(counts.signals)
    records = -(-round(counts.info.duration_seconds * TICKS_PER_SECOND)
                // (seconds * TICKS_PER_SECOND))  # fmt: skip
    start, offset = local_start(counts.info.start, zone)
    edf = edfio.Edf(
        [_signal(one, records * seconds) for one in counts.signals],
        patient=edfio.Patient(code=_field(subject)),
        recording=edfio.Recording(
            startdate=start.date(),
            equipment_code=f"FeMo_belt_{counts.info.format}",
            additional=(f"start_in_{offset}", "research_use"),
        ),
        starttime=start.time(),
        data_record_duration=seconds,
        annotations=[
            edfio.EdfAnnotation(mark.start_seconds, mark.seconds, mark.label) for mark in marks
        ],
    )
    edf.write(path)


def _record_seconds(signals: Sequence[CountedSignal]) -> int:
    """Return the shortest whole number of seconds that holds whole samples of every signal."""
    return lcm(*(one.step_ticks // gcd(one.step_ticks, TICKS_PER_SECOND) for one in signals))


def _signal(one: CountedSignal, seconds: int) -> edfio.EdfSignal:
    rate = TICKS_PER_SECOND / one.step_ticks
    digital = _filled(one.counts, seconds * TICKS_PER_SECOND // one.step_ticks)
    return edfio.EdfSignal.from_digital(
        digital,
        rate,
        label=one.label,
        physical_dimension=one.unit,
        physical_range=(_nearly(one.physical(NO_SAMPLE)), _nearly(one.physical(_HIGHEST))),
        digital_range=(NO_SAMPLE, _HIGHEST),
        prefiltering="none; lowest number: no sample",
    )


def _filled(counts: NDArray[np.int16], length: int) -> NDArray[np.int16]:
    """Return the counts with as much of no sample behind them as a whole record needs."""
    padded = np.full(length, NO_SAMPLE, dtype=np.int16)
    padded[: len(counts)] = counts
    return padded


def _nearly(value: float) -> float:
    """Return a number a hair nearer to 0, which edfio, that rounds away from it, writes as it is.

    32.767 is a hair above itself in binary, and would be written as 32.76701.
    """
    return value * (1 - 1e-12)


def _field(text: str | None) -> str:
    return "X" if text is None else text.replace(" ", "_")
