"""What all tables share: pandas, which is loaded only where a table is asked for."""

from __future__ import annotations

from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["import_pandas", "times_of"]


def import_pandas() -> ModuleType:
    """Return pandas, which only tables need.

    Raises
    ------
    ImportError
        Naming the extra that brings it.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "tables need pandas, which is not installed: pip install 'femo-cloud[dataframe]'"
        ) from error
    return pandas


def times_of(start: datetime, seconds: NDArray[np.float64]) -> pd.DatetimeIndex:
    """Return moments as UTC, to the microsecond.

    Parameters
    ----------
    start : datetime
        Aware.
    seconds : ndarray of float64, shape (n,)
        From the start.
    """
    pandas = import_pandas()
    since = np.rint(seconds * 1e6).astype("timedelta64[us]")
    index: pd.DatetimeIndex = (pandas.Timestamp(start) + pandas.to_timedelta(since)).rename("time")
    return index
