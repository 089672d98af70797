"""From a recording to labelled features, by reference annotations or by the presses."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.building import build_profile
from femo_signal.detection.hiccups import find_hiccups, judged_beside, taken_out
from femo_signal.detection.judged import JudgedTime
from femo_signal.detection.profile import Profile
from femo_signal.errors import LabelError
from femo_signal.intervals import (
    Intervals,
    as_intervals,
    clip,
    empty,
    intersection,
    overlapping,
    total,
    union,
)
from femo_signal.learning.dataset import SENSOR_KINDS, RecordingFeatures
from femo_signal.learning.domain import collect_statistics
from femo_signal.learning.features import extract_features, of_no_movement
from femo_signal.settings import TICKS_PER_SECOND, AnalysisSettings

__all__ = ["MOVEMENT_LABELS", "extract_recording", "label_profile", "read_annotations"]

MOVEMENT_LABELS = ("fetal_movement", "kick", "roll", "stretch", "startle")


def read_annotations(path: str | Path) -> NDArray[np.float64]:
    """Read reference annotations.

    Parameters
    ----------
    path : path
        CSV with the columns ``start_seconds``, ``end_seconds`` and, if it holds other kinds of
        events too, ``label``: rows labelled with one of `MOVEMENT_LABELS`, or nothing, count.

    Returns
    -------
    float64, shape (n, 2)
        Seconds from the start of the recording, sorted.

    Raises
    ------
    LabelError
        If the file cannot be read, a column is missing, or a row is not an interval.
    """
    rows: list[tuple[float, float]] = []
    others = 0
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            for column in ("start_seconds", "end_seconds"):
                if column not in (table.fieldnames or ()):
                    raise LabelError(f"{path}: column {column} is missing; add it")
            for row in table:
                start, end = _seconds(path, table.line_num, row)
                if (row.get("label") or "").strip().lower() in ("", *MOVEMENT_LABELS):
                    rows.append((start, end))
                else:
                    others += 1
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{path}: cannot read the annotations ({error}); give a CSV") from error
    if others and not rows:
        raise LabelError(
            f"{path}: none of its {others} rows is labelled {', '.join(MOVEMENT_LABELS)}; "
            "correct the labels"
        )
    return np.array(sorted(rows), dtype=np.float64).reshape(-1, 2)


def _seconds(path: str | Path, line: int, row: Mapping[str, str | None]) -> tuple[float, float]:
    try:
        start, end = float(row["start_seconds"] or ""), float(row["end_seconds"] or "")
    except ValueError:
        start, end = math.nan, math.nan
    if not (math.isfinite(start) and math.isfinite(end) and 0 <= start < end):
        raise LabelError(
            f"{path}, line {line}: needs 0 <= start_seconds < end_seconds; correct the row"
        )
    return start, end


def extract_recording(
    path: str | Path,
    *,
    settings: AnalysisSettings | None = None,
    labels_csv: str | Path | None = None,
    recording_id: str,
    subject_id: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> RecordingFeatures:
    """Analyse and label one recording.

    Parameters
    ----------
    path : path
        The recording.
    settings : AnalysisSettings, optional
        Default: the reference profile.
    labels_csv : path, optional
        Reference annotations; without them the presses label the detections.
    recording_id, subject_id : str
    progress : callable, optional
        Called with the share that is done, 0..1.

    Raises
    ------
    RecordingError
        If the recording cannot be analysed.
    LabelError
        If the annotations are malformed or lie outside the recording.
    """
    annotated = None if labels_csv is None else read_annotations(labels_csv)
    profile = build_profile(Path(path), settings=settings or AnalysisSettings(), progress=progress)
    if annotated is not None and len(annotated):
        latest = float(annotated[:, 1].max())
        if latest > profile.info.duration_seconds + 1:
            raise LabelError(
                f"{labels_csv}: an annotation ends at {latest:.1f} s, the recording after "
                f"{profile.info.duration_seconds:.1f} s; give this recording's own annotations"
            )
    return label_profile(
        profile, annotated=annotated, recording_id=recording_id, subject_id=subject_id
    )


def label_profile(
    profile: Profile,
    *,
    annotated: NDArray[np.float64] | None,
    recording_id: str,
    subject_id: str | None,
) -> RecordingFeatures:
    """Compute features and labels of a profile's detections.

    A detection is a true one if an annotated movement made it: if they share a sample above a
    sensor's threshold. What merely lies within the dilation, beside a hiccup for instance, teaches
    nothing. Without annotations a detection is true if it shares a sample with the sensation map
    (docs/method.md, "Reference profile"). What lies outside judged time is neither detection nor
    reference event.

    Parameters
    ----------
    profile : Profile
    annotated : float64, shape (n, 2), optional
        Seconds from the start of the recording.
    recording_id : str
    subject_id : str or None
    """
    cores = union(*profile.core_detections.values())
    hiccups = find_hiccups(profile)
    judged = judged_beside(profile, hiccups)
    asked = overlapping(profile.detections, intersection(cores, judged.judged))
    regular = of_no_movement(profile, hiccups)
    kept = asked & ~regular
    detections = profile.detections[kept]
    if annotated is None:
        known = _known_by_presses(profile, judged, detections)
    else:
        known = _known_by_annotations(profile, judged, detections, cores, annotated)
    length = profile.info.length_ticks
    return RecordingFeatures(
        recording_id=recording_id,
        subject_id=subject_id,
        settings=profile.settings,
        label_source="presses" if annotated is None else "annotations",
        features=extract_features(profile, hiccups)[kept],
        detections=detections,
        labels=known.labels.astype(np.int8),
        reference=known.reference if len(known.reference) else empty(),
        judged=judged.judged,
        length_ticks=length,
        masked_seconds=total(profile.body_movement) / TICKS_PER_SECOND,
        gap_seconds=total(profile.gaps) / TICKS_PER_SECOND,
        notices=tuple(str(notice) for notice in profile.info.notices),
        statistics=collect_statistics(profile),
        seen_by_kind=_seen_by_kind(profile),
        dismissed=profile.detections[asked & regular],
        hiccup_bouts=hiccups.bouts,
        hiccup_time=taken_out(hiccups.bouts, length=length, settings=profile.settings.hiccups),
        unjudged_reference=known.unjudged if len(known.unjudged) else empty(),
    )


@dataclass(frozen=True)
class _Known:
    """What is known about a recording's movements, whoever tells."""

    reference: Intervals  # ticks, in judged time
    unjudged: Intervals  # events in other time
    labels: NDArray[np.bool_]  # of each detection


def _known_by_presses(profile: Profile, judged: JudgedTime, detections: Intervals) -> _Known:
    half = round(profile.settings.sensation.window_seconds * TICKS_PER_SECOND)
    windows = profile.presses + np.array([-half, half])
    seen = judged.why_not(windows) == ""
    return _Known(
        reference=windows[seen],
        unjudged=np.concatenate((profile.presses[~seen], profile.end_presses)),
        labels=overlapping(detections, profile.sensation),
    )


def _known_by_annotations(
    profile: Profile,
    judged: JudgedTime,
    detections: Intervals,
    cores: Intervals,
    annotated: NDArray[np.float64],
) -> _Known:
    first = np.floor(annotated[:, 0] * TICKS_PER_SECOND)
    past = np.ceil(annotated[:, 1] * TICKS_PER_SECOND)
    ticks = np.column_stack((first, past)).astype(np.int64) - profile.info.trim_ticks
    reference = clip(ticks, 0, profile.info.length_ticks)
    caused = cores[overlapping(cores, as_intervals(reference))]
    return _Known(
        reference=reference[overlapping(reference, judged.judged)],
        unjudged=ticks[~overlapping(ticks, judged.judged)],
        labels=overlapping(detections, caused),
    )


def _seen_by_kind(profile: Profile) -> dict[str, Intervals]:
    """Return when each kind of sensor sees a detection; kinds that could see none are left out."""
    able = {name for name, level in profile.thresholds.items() if math.isfinite(level)}
    return {
        kind: union(*(profile.core_detections.get(name, empty()) for name in names))
        for kind, names in SENSOR_KINDS.items()
        if able.intersection(names)
    }
