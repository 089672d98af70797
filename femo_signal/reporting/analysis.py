"""The analysis of one recording: from a file and a model to the service's result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from femo_signal.detection.building import build_profile
from femo_signal.learning.model import MovementModel
from femo_signal.reporting.judging import Analysis, analyze_profile, judge_movements
from femo_signal.reporting.result import report

__all__ = ["Analysis", "analyze_profile", "analyze_recording", "judge_movements", "report"]


def analyze_recording(
    path: str | Path,
    model: MovementModel,
    *,
    remove_hiccups: bool = False,
    include_full_intervals: bool = False,
    extract_events: bool = True,
    package: str | None = None,
    progress: Callable[[float], None] | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """Analyse a file and return what the service answers.

    Parameters
    ----------
    path : path
    model : MovementModel
    remove_hiccups : bool
        Take hiccup bouts out of judged time, and what lies in them out of the movements.
    include_full_intervals : bool
        List the onset intervals themselves in the metadata.
    extract_events : bool
        Return events; otherwise metadata.
    package : str, optional
        The model package that serves, to be named in the result.
    progress : callable, optional
        Called with the share that is done, 0..1.
    threads : int, optional
        How many share the work, by default what ``OMP_NUM_THREADS`` says or one a core; the result
        does not depend on it.

    Returns
    -------
    dict
        ``output_type`` ("events" or "metadata") and ``result``, JSON-ready.

    Raises
    ------
    RecordingError
        If the file cannot be analysed.
    ModelError
        If the model was trained on other features.

    Examples
    --------
    >>> import femo_signal
    >>> model = femo_signal.MovementModel.load("model")
    >>> response = femo_signal.analyze_recording("night.dat", model, remove_hiccups=True)
    >>> response["result"]["recording"]["format"]
    'v1'
    >>> kicks = response["result"]["summary"]["kicks"]
    >>> kicks == sum(
    ...     event["event_type"] == "inferred_kick" for event in response["result"]["events"]
    ... )
    True
    """
    profile = build_profile(Path(path), settings=model.settings, progress=progress, threads=threads)
    analysis = analyze_profile(profile, model, hiccups_removed=remove_hiccups)
    return report(
        analysis,
        include_full_intervals=include_full_intervals,
        extract_events=extract_events,
        package=package,
    )
