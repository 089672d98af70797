"""The table of an analysis as Parquet, its columns typed."""

from __future__ import annotations

from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pyarrow as arrow
from pyarrow.parquet import write_table

from femo_result.exports import COLUMNS, rows_of
from femo_result.exports.reading import Response
from femo_result.words import RESEARCH_USE

__all__ = ["write_parquet"]


def write_parquet(path: Path, response: Response, *, zone: tzinfo | None = None) -> None:
    """Write the rows of `femo_result.exports.rows_of`: times as UTC, what is not known as null.

    Parameters
    ----------
    path : Path
    response : EventsResponse, MetadataResponse or mapping
    zone : tzinfo, optional
        For the columns of local time (text with its offset), which stay null without.

    Raises
    ------
    pydantic.ValidationError
        It is no completed analysis.
    """
    types = {
        "text": arrow.string(),
        "time": arrow.timestamp("ms", tz="UTC"),
        "number": arrow.float64(),
        "count": arrow.int64(),
        "flag": arrow.bool_(),
    }
    schema = arrow.schema(
        [
            arrow.field(
                column.name,
                types["text" if column.unit == "zone" else column.kind],
                metadata={"unit": column.unit, "meaning": column.meaning},
            )
            for column in COLUMNS
        ],
        metadata={"note": RESEARCH_USE},
    )
    rows = [_typed(row) for row in rows_of(response, zone=zone)]
    table = arrow.Table.from_pylist(rows, schema=schema)
    write_table(table, path)


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    times = {name: datetime.fromisoformat(row[name]) for name in ("start", "end") if name in row}
    return row | times
