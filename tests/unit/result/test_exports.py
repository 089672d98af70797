"""The exports of a result, as others read them: CSV by pandas, FHIR by its own models."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from fhir.resources.R4B.bundle import Bundle  # R4 itself is no longer there; see docs/exports.md
from pydantic import ValidationError

from femo_result import read_response
from femo_result.exports import COLUMNS, csv_of, fhir_of, rows_of
from femo_result.exports.fhir_codes import LOCAL_CODES, LOCAL_SYSTEM
from femo_result.words import RESEARCH_USE

from .examples import events_response

NULLS = ("movement_count", "hiccup_bouts", "movements")
LOINC = "http://loinc.org"


def press(start: float, *, why_not: str | None = None, matched: bool | None = None) -> Any:
    return {
        "start": f"2025-01-06T21:{int(start) // 60:02d}:00.000Z",
        "end": f"2025-01-06T21:{int(start) // 60:02d}:00.400Z",
        "start_seconds": start,
        "end_seconds": start + 0.4,
        "judged": why_not is None,
        "why_not": why_not,
        "matched": matched,
    }


@pytest.fixture
def response() -> dict[str, Any]:
    """A night with two presses, of which one could be judged, and a subject."""
    night = events_response() | {"jobId": "night-1", "subjectId": "S-007"}
    night["result"]["presses"] = [press(300, why_not="gap"), press(600, matched=True)]
    night["result"]["notices"] = [{"code": "sensor_off", "text": "A sensor, the third, was off."}]
    night["result"]["events"].append(
        {
            "event_type": "maternal_body_movement",
            "start_t": "2025-01-06T21:20:00.000Z",
            "end_t": "2025-01-06T21:25:00.000Z",
        }
    )
    return night


@pytest.fixture
def unjudged(response: dict[str, Any]) -> dict[str, Any]:
    """The same night, of which nothing could be judged."""
    result = response["result"]
    result |= dict.fromkeys((*NULLS, "expected_kicks", "movements_in_hiccup_bouts"))
    result["hiccup_bouts_status"] = "not looked for"
    result["recording"] |= {"judged_seconds": 0.0, "judged_status": "none"}
    result["recording"]["judged_explanation"] = "None of 30.0 min could be judged."
    nulls = (
        "kicks", "kicks_per_analysed_hour", "longest_quiet_seconds", "movement_minutes",
        "still_minutes", "undilated_movement_minutes",
    )  # fmt: skip
    result["summary"] |= dict.fromkeys(nulls)
    return response


def table(response: dict[str, Any], **options: Any) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(csv_of(response, **options)))


def summary(response: dict[str, Any]) -> pd.Series[Any]:
    return table(response).set_index("kind").loc["summary"]


def test_a_table_tells_first_how_much_was_judged_then_all_that_happened_in_order(
    response: dict[str, Any],
) -> None:
    rows = table(response)
    assert list(rows.columns) == [column.name for column in COLUMNS]
    assert rows["kind"].iloc[0] == "summary"
    assert rows["judged_seconds"].iloc[0] == 1200
    assert RESEARCH_USE in rows["text"].iloc[0]
    assert Counter(rows["kind"]) == {
        "summary": 1, "unjudged": 1, "gap": 1, "movement": 1, "press": 2, "hiccup_bout": 1,
        "maternal_body_movement": 1, "notice": 1,
    }  # fmt: skip
    assert rows["start_seconds"][1:-1].is_monotonic_increasing
    assert rows["text"].iloc[-1] == "A sensor, the third, was off."


def test_the_numbers_of_the_summary_are_those_of_the_result(response: dict[str, Any]) -> None:
    row = summary(response)
    assert (row["movement_count"], row["movements_per_judged_hour"]) == (1, 3.0)
    assert (row["hiccup_bout_count"], row["press_count"]) == (1, 2)
    assert (row["job_id"], row["subject_id"]) == ("night-1", "S-007")


def test_each_row_has_its_time_in_utc_and_that_is_its_seconds_from_the_start(
    response: dict[str, Any],
) -> None:
    rows = table(response).dropna(subset="start")
    start = pd.to_datetime(rows["start"])
    since = (start - start.iloc[0]).dt.total_seconds()
    assert since.to_list() == pytest.approx(rows["start_seconds"].to_list(), abs=1e-3)
    assert rows["start_local"].isna().all()


def test_local_time_follows_the_zone_through_the_change_of_the_clocks(
    response: dict[str, Any],
) -> None:
    response["result"]["recording"]["start"] = "2025-10-26T00:50:00.000Z"
    rows = rows_of(response, zone=ZoneInfo("Europe/Berlin"))
    assert rows[0]["start_local"] == "2025-10-26T02:50:00.000+02:00"
    assert rows[0]["end_local"] == "2025-10-26T02:20:00.000+01:00"


def test_what_is_not_known_is_empty_in_a_table_and_never_nought(unjudged: dict[str, Any]) -> None:
    row = summary(unjudged)
    assert row[["movement_count", "movements_per_judged_hour", "hiccup_bout_count"]].isna().all()
    assert row["judged_seconds"] == 0
    assert row["press_count"] == 2


def test_a_press_that_could_not_be_judged_is_neither_matched_nor_missed(
    response: dict[str, Any],
) -> None:
    presses = table(response).query("kind == 'press'")
    assert presses["reason"].iloc[0] == "gap"
    assert presses["judged"].astype(str).to_list() == ["False", "True"]
    assert pd.isna(presses["matched"].iloc[0])
    assert presses["matched"].astype(str).iloc[1] == "True"


def observations(bundle: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The Observations by code, once the bundle has stood before the models of FHIR."""
    Bundle.model_validate_json(json.dumps(bundle))
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in bundle["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "Observation":
            (coding,) = resource["code"]["coding"]
            found.setdefault(coding["code"], []).append(resource)
    return found


def test_a_count_by_a_device_never_bears_the_code_of_what_the_mother_reports(
    response: dict[str, Any],
) -> None:
    found = observations(fhir_of(response))
    codings = {
        code: {one["code"]["coding"][0]["system"] for one in some} for code, some in found.items()
    }
    assert codings.pop("57088-7") == {LOINC}
    assert set.union(*codings.values()) == {LOCAL_SYSTEM}
    assert set(codings) <= set(LOCAL_CODES)
    assert [one["effectivePeriod"]["start"] for one in found["57088-7"]] == [
        "2025-01-06T21:05:00.000Z",
        "2025-01-06T21:10:00.000Z",
    ]
    for one in found["57088-7"]:
        assert one["performer"] == [one["subject"]]


def test_a_count_carries_its_judged_time_its_device_and_ucum_units(
    response: dict[str, Any],
) -> None:
    bundle = fhir_of(response)
    (count,) = observations(bundle)["movement-count"]
    assert count["valueQuantity"] == {
        "value": 1,
        "unit": "movements",
        "system": "http://unitsofmeasure.org",
        "code": "{movements}",
    }
    parts = {part["code"]["coding"][0]["code"]: part for part in count["component"]}
    assert parts["judged-time"]["valueQuantity"]["value"] == 1200
    assert parts["movement-rate"]["valueQuantity"]["code"] == "/h"
    assert parts["expected-low"]["dataAbsentReason"]["text"] == "left out"
    by_url = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    software = by_url[count["device"]["reference"]]
    assert software["resourceType"] == "Device"
    assert by_url[software["parent"]["reference"]]["deviceName"][0]["name"] == "FeMo belt"
    assert [
        by_url[one["reference"]]["code"]["coding"][0]["code"] for one in count["hasMember"]
    ] == ["movement"]


def test_every_reference_in_a_bundle_leads_somewhere_in_it(response: dict[str, Any]) -> None:
    bundle = fhir_of(response)
    known = {entry["fullUrl"] for entry in bundle["entry"]}
    assert len(known) == len(bundle["entry"])
    named = set(_references(bundle))
    assert named
    assert named <= known


def _references(part: Any) -> Any:
    if isinstance(part, list):
        return [name for one in part for name in _references(one)]
    if not isinstance(part, dict):
        return []
    own = [part["reference"]] if isinstance(part.get("reference"), str) else []
    return own + [name for one in part.values() for name in _references(one)]


def test_time_that_was_not_judged_is_told_by_its_stretches_and_reasons(
    response: dict[str, Any],
) -> None:
    (told,) = observations(fhir_of(response))["unjudged-time"]
    assert told["valueQuantity"]["value"] == 600
    (gap,) = told["component"]
    assert gap["code"]["coding"][0]["code"] == "gap"
    assert gap["valuePeriod"] == {
        "start": "2025-01-06T21:05:00.000Z",
        "end": "2025-01-06T21:06:00.000Z",
    }


def test_what_is_not_known_is_absent_with_its_reason_and_never_nought(
    unjudged: dict[str, Any],
) -> None:
    found = observations(fhir_of(unjudged))
    for code in ("movement-count", "longest-quiet", "hiccup-bout-count", "time-to-ten"):
        (one,) = found[code]
        assert "valueQuantity" not in one
        assert one["dataAbsentReason"]["coding"][0]["code"] == "not-performed"
    for code in ("movement-count", "longest-quiet", "time-to-ten"):
        told = found[code][0]["dataAbsentReason"]["text"]
        assert told == "None of 30.0 min could be judged.", code
    for part in found["movement-count"][0]["component"][1:]:
        assert part["dataAbsentReason"]["coding"][0]["code"] == "not-performed"
    assert found["judged-time"][0]["valueQuantity"]["value"] == 0
    assert "movement" not in found


def test_what_did_not_come_about_in_judged_time_is_not_told_as_not_measured(
    response: dict[str, Any],
) -> None:
    response["result"]["summary"] |= {
        "analysed_seconds_to_tenth_kick": None,
        "longest_quiet_seconds": None,
        "kicks_per_analysed_hour": None,
    }
    found = observations(fhir_of(response))
    for code, words in (("time-to-ten", "ten movements"), ("longest-quiet", "without movement")):
        why = found[code][0]["dataAbsentReason"]
        assert why["coding"][0]["code"] == "not-applicable"
        assert words in why["text"]
    parts = {
        part["code"]["coding"][0]["code"]: part for part in found["movement-count"][0]["component"]
    }
    for code in ("movement-rate", "expected-low", "expected-high"):
        assert parts[code]["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    first, _ = found["57088-7"]  # a press in a gap was compared with nothing
    (*_, matched) = first["component"]
    assert matched["dataAbsentReason"]["coding"][0]["code"] == "not-performed"


@pytest.mark.parametrize("subject", ["S-007", None])
def test_the_subject_is_a_pseudonym_and_nothing_else(
    response: dict[str, Any], subject: str | None
) -> None:
    if subject is None:
        del response["subjectId"]
    patient = fhir_of(response)["entry"][0]["resource"]
    assert set(patient) == {"resourceType", "id", "meta", "identifier"}
    (identifier,) = patient["identifier"]
    assert identifier.get("value") == subject
    assert ("_value" in identifier) == (subject is None)
    observations(fhir_of(response))


def test_the_same_pseudonym_of_two_sites_is_not_the_same_mother(response: dict[str, Any]) -> None:
    bundle = fhir_of(response)
    assert bundle["entry"][0]["resource"]["identifier"] == [{"value": "S-007"}]
    assert bundle["identifier"] == {"value": "night-1"}
    told = fhir_of(response, subject_system="https://example.org/study")
    assert told["entry"][0]["resource"]["identifier"] == [
        {"system": "https://example.org/study", "value": "S-007"}
    ]
    observations(told)
    assert "system" not in str(
        fhir_of(response | {"subjectId": None}, subject_system="https://example.org/study")
        ["entry"][0]["resource"]["identifier"]
    )  # fmt: skip


def test_no_export_says_whether_all_is_well(response: dict[str, Any]) -> None:
    told = json.dumps(fhir_of(response)).lower() + csv_of(response).lower()
    assert RESEARCH_USE.lower() in told
    for word in ("interpretation", "normal", "all well", "reassur"):
        assert word not in told


def test_the_same_result_gives_the_same_bundle_and_another_one_other_ids(
    response: dict[str, Any],
) -> None:
    typed = fhir_of(read_response(response))
    assert fhir_of(response)["entry"][1:] == fhir_of(dict(response))["entry"][1:]
    assert [entry["fullUrl"] for entry in typed["entry"]] == [
        entry["fullUrl"] for entry in fhir_of(response)["entry"]
    ]
    other = {entry["fullUrl"] for entry in fhir_of(response | {"jobId": "b"})["entry"]}
    assert not other & {entry["fullUrl"] for entry in typed["entry"]}


def test_a_summary_without_events_is_exported_too(response: dict[str, Any]) -> None:
    result = response["result"]
    del result["events"], result["event_count"]
    result |= {
        "before_hiccup_removal": result["summary"],
        "after_hiccup_removal": None,
        "hiccups": None,
    }
    response["output_type"] = "metadata"
    assert "movement-count" in observations(fhir_of(response))
    assert "maternal_body_movement" not in set(table(response)["kind"])


@pytest.mark.parametrize("writer", [csv_of, fhir_of])
def test_what_is_no_result_is_refused(writer: Any, response: dict[str, Any]) -> None:
    del response["result"]["recording"]
    with pytest.raises(ValidationError, match="recording"):
        writer(response)


@pytest.mark.parametrize("subject", ["Anna Müller", "S-7\n# of another", "", 7, "\ud800"])
@pytest.mark.parametrize("writer", [csv_of, fhir_of])
def test_a_subject_that_the_service_would_not_have_taken_is_refused(
    writer: Any, response: dict[str, Any], subject: Any
) -> None:
    with pytest.raises(ValidationError, match="subjectId"):
        writer(response | {"subjectId": subject})


def test_a_column_says_what_it_is_and_in_which_unit() -> None:
    for column in COLUMNS:
        assert len(column.meaning.split()) >= 2, column.name
        assert column.unit or column.kind in ("text", "flag"), column.name


def test_the_writers_need_nothing_but_pydantic() -> None:
    code = "import sys, femo_result.exports\nprint(*{n.partition('.')[0] for n in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"numpy", "pandas", "fhir", "httpx", "femo_signal"}
