"""The candidates of a recording and their features as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from femo_signal.detection.building import build_profile
from femo_signal.detection.hiccups import find_hiccups, judged_beside
from femo_signal.detection.profile import Profile
from femo_signal.intervals import overlapping
from femo_signal.learning.features import extract_features, names_of
from femo_signal.settings import AnalysisSettings
from femo_signal.tables import import_pandas, times_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["features"]


def features(
    recording: str | Path | Profile, *, settings: AnalysisSettings | None = None
) -> pd.DataFrame:
    """Return what the classifier is told about each candidate movement.

    Parameters
    ----------
    recording : path or Profile
    settings : AnalysisSettings, optional
        For a path; a profile has its own.

    Returns
    -------
    pandas.DataFrame
        One row a candidate, in order of time: ``start_seconds`` and ``end_seconds`` from the start
        of the recording, ``start_time`` and ``end_time`` (UTC), ``judged`` (whether any of it lies
        in time that could be judged), then the features by the names and in the units of
        `femo_signal.learning.features.features_of`; NaN where one is undefined. `attrs` holds the
        ``method``.

    Raises
    ------
    RecordingError
        If the file cannot be analysed.
    ValueError
        If settings are given beside a profile.
    ImportError
        Without pandas: install ``femo-cloud[dataframe]``.

    Examples
    --------
    >>> import femo_signal
    >>> settings = femo_signal.AnalysisSettings(method="adaptive")
    >>> table = femo_signal.features("night.dat", settings=settings)
    >>> list(table.columns[:7])
    ['start_seconds', 'end_seconds', 'start_time', 'end_time', 'judged', 'strength', 'second_z']
    >>> bool((table["end_seconds"] > table["start_seconds"]).all())
    True
    """
    pandas = import_pandas()
    if isinstance(recording, Profile):
        if settings is not None:
            raise ValueError("settings: a profile has its own; give them with a path")
        profile = recording
    else:
        profile = build_profile(recording, settings=settings)
    info = profile.info
    start, end = info.seconds(profile.detections).T
    hiccups = find_hiccups(profile)
    judged = judged_beside(profile, hiccups).judged
    table = pandas.DataFrame(
        {
            "start_seconds": start,
            "end_seconds": end,
            "start_time": times_of(info.start, start),
            "end_time": times_of(info.start, end),
            "judged": overlapping(profile.detections, judged),
        }
    )
    found = extract_features(profile, hiccups)
    columns = pandas.DataFrame(found, columns=list(names_of(profile.settings)), dtype=float)
    joined: pd.DataFrame = pandas.concat([table, columns], axis=1)
    joined.attrs["method"] = profile.settings.method
    return joined
