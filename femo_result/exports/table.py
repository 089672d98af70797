"""The table of an analysis as CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
from datetime import tzinfo

from femo_result.exports.reading import Response
from femo_result.exports.rows import COLUMNS, rows_of

__all__ = ["csv_of"]


def csv_of(response: Response, *, zone: tzinfo | None = None) -> str:
    """Return the table of a completed analysis as CSV: a summary row, then all that happened.

    A cell is empty where the number is not known or does not apply; it is never 0 for that.

    Parameters
    ----------
    response : EventsResponse, MetadataResponse or mapping
        Typed, or as parsed from JSON: what `femo analyze` prints, or a completed job.
    zone : tzinfo, optional
        For the columns of local time, which stay empty without.

    Raises
    ------
    pydantic.ValidationError
        It is no completed analysis, or one of a service that is too old.
    """
    text = io.StringIO()
    names = [column.name for column in COLUMNS]
    writer = csv.DictWriter(text, names, restval="", lineterminator="\r\n")
    writer.writeheader()
    for row in rows_of(response, zone=zone):
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
