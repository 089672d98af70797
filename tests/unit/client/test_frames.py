"""A result as tables: times of a zone, columns without rows, and nothing where nothing is known."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from femo_client import NoResultError, to_dataframe
from femo_result import EventsResult, MetadataResult, read_result
from tests.unit.result.examples import events_result


def result(**changes: Any) -> EventsResult | MetadataResult:
    return read_result("events", events_result() | changes)


@pytest.mark.parametrize("table", ["movements", "events", "hiccup_bouts"])
def test_every_row_and_field_of_a_list_is_in_its_table(table: Any) -> None:
    made = to_dataframe(result(), table)
    rows = events_result()[table]
    assert len(made) == len(rows)
    assert set(made.columns) == set(rows[0])
    first = "start_t" if table == "events" else "start"
    assert made[first][0] == pd.Timestamp(rows[0][first])


def test_times_are_those_of_the_zone_that_was_asked_for() -> None:
    starts = to_dataframe(result(), zone="Europe/Berlin")["start"]
    assert starts[0].isoformat() == "2025-01-06T22:10:00+01:00"
    assert str(to_dataframe(result())["start"].dt.tz) == "UTC"


def test_a_list_in_which_nothing_was_found_has_its_columns_and_zoned_times() -> None:
    made = to_dataframe(result(movements=[]), zone="Europe/Berlin")
    assert made.empty
    assert {"start", "end", "probability", "sensors"} <= set(made.columns)
    assert str(made["start"].dt.tz) == "Europe/Berlin"
    assert {"why_not", "matched"} <= set(to_dataframe(result(), "presses").columns)


def test_what_could_not_be_judged_is_no_empty_table() -> None:
    unjudged = result(movements=None, movement_count=None, hiccup_bouts=None,
                      hiccup_bouts_status="not looked for: too short")  # fmt: skip
    with pytest.raises(NoResultError, match="could be judged") as error:
        to_dataframe(unjudged)
    assert error.value.code == "not_judged"
    with pytest.raises(NoResultError, match="too short"):
        to_dataframe(unjudged, "hiccup_bouts")


def test_metadata_have_no_events() -> None:
    whole = {"before_hiccup_removal": events_result()["summary"], "after_hiccup_removal": None,
             "hiccups": None}  # fmt: skip
    metadata = read_result("metadata", events_result() | whole)
    with pytest.raises(NoResultError, match="metadata"):
        to_dataframe(metadata, "events")
