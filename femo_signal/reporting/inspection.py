"""What `femo inspect` tells: the reference profile of a recording, before any classifier."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

from femo_signal.detection.building import build_profile
from femo_signal.settings import AnalysisSettings

__all__ = ["inspect_recording"]


def inspect_recording(
    path: str | Path,
    settings: AnalysisSettings | None = None,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Describe a recording and its reference profile, JSON-ready.

    Parameters
    ----------
    path : str or Path
    settings : AnalysisSettings, optional
    progress : callable, optional
        Is told the share of the work done, 0 to 1.

    Returns
    -------
    dict
        ``start`` (ISO 8601, UTC), ``duration_seconds``, ``format``, ``sample_rate`` (Hz),
        ``trim_seconds``, ``gaps``, ``thresholds`` (V; None for a sensor that cannot detect),
        ``intervals`` (``body_movement``, ``detections``, ``sensation`` and debounced ``presses``,
        each a list of [start, end] in seconds from the start of the recording) and ``notices``.

    Raises
    ------
    RecordingError
        If the file cannot be analysed.
    """
    profile = build_profile(path, settings=settings, progress=progress)
    info = profile.info
    maps = {
        "body_movement": profile.body_movement,
        "detections": profile.detections,
        "sensation": profile.sensation,
        "presses": profile.presses,
    }
    start = info.start.astimezone(UTC).isoformat(timespec="milliseconds")
    return {
        "start": start.replace("+00:00", "Z"),
        "duration_seconds": info.duration_seconds,
        "format": info.format,
        "sample_rate": info.sample_rate,
        "trim_seconds": info.trim_seconds,
        "gaps": [
            {
                "start_seconds": gap.start_seconds,
                "end_seconds": gap.end_seconds,
                "reason": gap.reason,
            }
            for gap in info.gaps
        ],
        "thresholds": {
            name: level if math.isfinite(level) else None
            for name, level in profile.thresholds.items()
        },
        "intervals": {name: info.seconds(rows).tolist() for name, rows in maps.items()},
        "notices": list(info.notices),
    }
