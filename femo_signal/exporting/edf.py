"""EDF+: the signals in the numbers that the belt stores, and what was found as annotations.

Written contiguously (EDF+C), as not every reader keeps the times of EDF+D apart from its samples:
where the recording has no sample, the file has its lowest number, and a ``BAD_gap`` annotation
lies over it. No sample of the belt has that number (`femo_signal.exporting.counts.NO_SAMPLE`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path

import edfio

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
    start, offset = local_start(counts.info.start, zone)
    edf = edfio.Edf(
        [_signal(one, moved=counts.moved_seconds > 0) for one in counts.signals],
        patient=edfio.Patient(code=_field(subject)),
        recording=edfio.Recording(
            startdate=start.date(),
            equipment_code=f"FeMo_belt_{counts.info.format}",
            additional=(f"start_in_{offset}", "research_use"),
        ),
        starttime=start.time(),
        data_record_duration=counts.record_ticks // TICKS_PER_SECOND,
        annotations=[
            edfio.EdfAnnotation(mark.start_seconds, mark.seconds, mark.label) for mark in marks
        ],
    )
    edf.write(path)


def _signal(one: CountedSignal, *, moved: bool) -> edfio.EdfSignal:
    done = "interpolated onto time" if moved else "none"
    return edfio.EdfSignal.from_digital(
        one.counts,
        TICKS_PER_SECOND / one.step_ticks,
        label=one.label,
        physical_dimension=one.unit,
        physical_range=(_nearly(one.physical(NO_SAMPLE)), _nearly(one.physical(_HIGHEST))),
        digital_range=(NO_SAMPLE, _HIGHEST),
        prefiltering=f"{done}; lowest number: no sample",
    )


def _nearly(value: float) -> float:
    """Return a number a hair nearer to 0, which edfio, that rounds away from it, writes as it is.

    32.767 is a hair above itself in binary, and would be written as 32.76701.
    """
    return value * (1 - 1e-12)


def _field(text: str | None) -> str:
    return "X" if text is None else text.replace(" ", "_")
