"""The lists of a result as tables (needs pandas: ``femo-cloud[dataframe]``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from femo_client.errors import ConfigurationError, NoResultError
from femo_result import (
    Event,
    EventsResult,
    HiccupBout,
    Movement,
    Press,
    RegularPulses,
    Result,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TableName", "to_dataframe"]

TableName = Literal["movements", "events", "hiccup_bouts", "presses", "regular_pulses"]
_ROWS: dict[str, type[BaseModel]] = {
    "movements": Movement,
    "events": Event,
    "hiccup_bouts": HiccupBout,
    "presses": Press,
    "regular_pulses": RegularPulses,
}
_INSTANTS = ["start", "end", "start_t", "end_t"]


def to_dataframe(
    result: Result, table: TableName = "movements", *, zone: str = "UTC"
) -> pd.DataFrame:
    """Return one of a result's lists, a row each, with its fields as columns.

    Parameters
    ----------
    result
        As `FemoClient.result` returns it.
    table
        Which list; ``events`` needs a job with its events, not its metadata.
    zone
        Time zone of the times, such as the woman's own: ``Europe/Berlin``.

    Returns
    -------
    pandas.DataFrame
        Times are aware of their zone. A list in which nothing was found has its columns, no row.

    Raises
    ------
    NoResultError
        There is no such list (``not_in_result``), or none could be made: nothing was judged, or
        could have been seen (``not_judged``). That is not the same as nothing found.
    ConfigurationError
        pandas is not installed.

    Examples
    --------
    >>> from femo_client import FemoClient, to_dataframe
    >>> with FemoClient.from_environment() as client:
    ...     result = client.result("night-1")
    >>> to_dataframe(result, zone="Europe/Berlin")["start"].dt.tz.key
    'Europe/Berlin'
    """
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "tables need pandas, which is not installed: pip install 'femo-cloud[dataframe]'"
        ) from error
    if table == "events" and not isinstance(result, EventsResult):
        raise NoResultError("not_in_result", "the job was asked for metadata, not for events")
    rows = getattr(result, table)
    if rows is None:
        raise NoResultError("not_judged", _why_none(result, table))
    made = pd.DataFrame([row.model_dump() for row in rows], columns=list(_ROWS[table].model_fields))
    for name in made.columns.intersection(_INSTANTS):
        made[name] = pd.to_datetime(made[name], utc=True).dt.tz_convert(zone)
    return made


def _why_none(result: Result, table: TableName) -> str:
    if table == "movements":
        return result.recording.judged_explanation
    return result.hiccup_bouts_status
