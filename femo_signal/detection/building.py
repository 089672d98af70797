"""From a file to its profile, by either method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from femo_signal.crew import Crew
from femo_signal.detection.adaptive import find_movements
from femo_signal.detection.found import Found
from femo_signal.detection.presses import debounce, sensation_map
from femo_signal.detection.profile import Profile
from femo_signal.detection.reference import find_by_thresholds
from femo_signal.detection.sight import sights
from femo_signal.intervals import (
    Intervals,
    clip,
    overlapping,
    total,
)
from femo_signal.notices import Notice, NoticeCode
from femo_signal.preprocessing.preprocess import Preprocessed, preprocess, unusable
from femo_signal.settings import (
    TICKS_PER_SECOND,
    AnalysisSettings,
)

__all__ = ["READING_SHARE", "build_profile"]

READING_SHARE = 0.9  # of the time
UNDETECTING = {
    "quiet": "the noise of {} is too small to tell a movement by",
    "gap": "lost samples leave {} no stretch long enough to tell its level by",
    "body_movement": "{} is never on without body movement for long enough to tell its level",
    "sensor_off": "{} is never on for long enough to tell its level",
}


def build_profile(
    path: str | Path,
    *,
    settings: AnalysisSettings | None = None,
    progress: Callable[[float], None] | None = None,
    chunk_bytes: int | None = None,
    threads: int | None = None,
) -> Profile:
    """Read a recording and compute its profile.

    Parameters
    ----------
    path : str or Path
    settings : AnalysisSettings, optional
    progress : callable, optional
        Is told the share of the work done, 0 to 1.
    chunk_bytes, threads : int, optional
        How much of the file is held at a time, and how many threads share the work (see
        `femo_signal.crew.usual_threads`); the result depends on neither.

    Raises
    ------
    RecordingError
        If the file cannot be analysed.

    Examples
    --------
    >>> import femo_signal
    >>> profile = femo_signal.build_profile("night.dat")
    >>> profile.info.format, sorted(profile.signals.sensors)[:2]
    ('v1', ['sensor_1', 'sensor_2'])
    >>> profile.info.seconds(profile.detections).shape[1]  # start and end of each, s
    2
    """
    settings = settings or AnalysisSettings()
    tell = progress or (lambda _: None)
    with Crew(threads) as crew:
        read = preprocess(
            Path(path),
            settings,
            progress=lambda share: tell(share * READING_SHARE),
            chunk_bytes=chunk_bytes,
            crew=crew,
        )
        found = _find(read, settings, crew)
    tell(1.0)
    return _profile(read, found, settings)


def _profile(read: Preprocessed, found: Found, settings: AnalysisSettings) -> Profile:
    """Put what was found beside what was recorded."""
    length = read.info.length_ticks
    gap = settings.preprocessing.press_gap_ticks
    presses = debounce(read.raw_presses, gap_ticks=gap)
    notices = (*read.info.notices, *_undetecting(read, found))
    return Profile(
        info=replace(read.info, notices=notices),
        settings=settings,
        signals=read.signals,
        thresholds=found.thresholds,
        body_movement=found.body_movement,
        detections=found.detections,
        sensor_detections=found.by_sensor,
        core_detections=found.cores,
        sensation=sensation_map(
            presses,
            found.body_movement,
            window_ticks=round(settings.sensation.window_seconds * TICKS_PER_SECOND),
            length=length,
        ),
        presses=presses,
        raw_presses=read.raw_presses,
        gaps=read.gaps,
        end_presses=_outside(debounce(read.untrimmed_presses, gap_ticks=gap), length),
        raw_end_presses=_outside(read.untrimmed_presses, length),
        findings=found.findings,
    )


def _find(read: Preprocessed, settings: AnalysisSettings, crew: Crew) -> Found:
    """Find movements by the method that the settings name."""
    if settings.method == "reference":
        return find_by_thresholds(read, settings)
    found = find_movements(
        read.signals,
        gaps=read.untrimmed_gaps,
        length=read.info.length_ticks,
        settings=settings,
        crew=crew,
    )
    names = found.evidence.sensors
    levels = found.evidence.seen_levels.tolist()
    thresholds = dict.fromkeys(sorted(read.signals.sensors), float("inf")) | {
        name: level if np.isfinite(level) else float("inf")
        for name, level in zip(names, levels, strict=True)
    }
    seen = {name: found.detections[rows] for name, rows in zip(names, found.seen.T, strict=True)}
    return Found(thresholds, found.body_movement, found.detections, seen, seen, found)


def _outside(presses: Intervals, length: int) -> Intervals:
    """Return the presses that lie wholly in the trimmed ends."""
    return presses[~overlapping(presses, np.array([[0, length]], dtype=np.int64))]


def _undetecting(read: Preprocessed, found: Found) -> list[Notice]:
    """Say which sensors detect nothing although they give a signal, and why."""
    length = read.info.length_ticks
    blind = dict.fromkeys(found.thresholds, "quiet")
    if found.findings is not None:
        evidence = found.findings.evidence
        seen = sights(evidence, read.signals, gaps=read.gaps, length=length)
        blind = {name: sight.blind for name, sight in seen.items() if sight.blind}
    return [
        Notice(
            NoticeCode.SENSOR_SILENT,
            f"{UNDETECTING[blind[name]].format(name)}: nothing is detected on it",
        )
        for name, level in found.thresholds.items()
        if name in read.signals.live
        and name in blind
        and not np.isfinite(level)
        and total(clip(unusable(read, name), 0, length)) < length
    ]
