"""The description of the result: complete, and the same in every place that shows it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from femo_result import EventsResult, NoticeCode, read_common, read_response
from femo_result.codes import NOTICE_MEANINGS
from femo_result.words import lasting, lasting_of
from scripts import describe_result

from .examples import events_response, events_result

SCHEMA = describe_result.schema()
FIELDS = [
    (name, field, facts)
    for name, definition in SCHEMA["$defs"].items()
    for field, facts in definition["properties"].items()
]


def test_the_stored_schema_is_that_of_the_model() -> None:
    assert describe_result.SCHEMA.read_text() == describe_result.schema_text(), (
        "run python -m scripts.describe_result"
    )


def test_the_page_is_that_of_the_model() -> None:
    assert describe_result.PAGE.read_text() == describe_result.page(), (
        "run python -m scripts.describe_result"
    )


@pytest.mark.parametrize(("name", "field", "facts"), FIELDS)
def test_every_field_is_described_and_every_number_has_a_unit(
    name: str, field: str, facts: dict[str, Any]
) -> None:
    assert len(facts.get("description", "").split()) >= 2, (name, field)
    if any(f'"type": "{kind}"' in json.dumps(facts) for kind in ("number", "integer")):
        assert "x-unit" in json.dumps(facts), (name, field)


def test_every_code_of_a_notice_is_explained() -> None:
    assert list(NOTICE_MEANINGS) == list(NoticeCode)


def test_the_description_needs_nothing_but_pydantic() -> None:
    code = (
        "import sys\nfrom femo_result import Result\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "pydantic" in loaded
    assert not loaded & {"numpy", "scipy", "httpx", "boto3", "femo_signal", "femo_client"}


def test_what_a_newer_service_adds_breaks_no_older_client() -> None:
    newer = events_response() | {"newer": 1}
    newer["result"]["newer"] = {"a": 1}
    newer["result"]["recording"]["newer"] = None
    newer["result"]["recording"]["unjudged_seconds"]["fog"] = 1.0
    newer["result"]["model"]["method"] = "third"
    newer["result"]["notices"] = [{"code": "unheard_of", "text": "A thing.", "newer": 1}]
    newer["result"]["movements"][0]["newer"] = 1
    response = read_response(newer)
    assert response.result.notices[0].code == "unheard_of"
    assert response.result.recording.unjudged_seconds["fog"] == 1
    assert read_common(newer["result"]).movement_count == 1
    Draft202012Validator(SCHEMA).validate(newer)


@pytest.mark.parametrize("fault", ["unknown", "missing", "code", "not finite", "nested"])
def test_what_is_not_described_is_never_sent(fault: str) -> None:
    result = events_result()
    EventsResult.model_validate(result)
    if fault == "unknown":
        result["newer"] = 1
    elif fault == "missing":
        del result["movement_count"]
    elif fault == "code":
        result["notices"] = [{"code": "unheard_of", "text": "A thing."}]
    elif fault == "not finite":
        result["movements"][0]["probability"] = float("nan")
    else:
        result["recording"]["newer"] = 1
    with pytest.raises(ValidationError):
        EventsResult.model_validate(result)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (0.04, "less than 0.1 s"), (0.25, "0.2 s"), (5.9, "5.9 s"), (9.97, "10 s"),
     (59.4, "59 s"), (59.9, "1.0 min"), (750, "12.5 min"), (7200, "2 h 00 min")],
)  # fmt: skip
def test_a_length_of_time_is_never_rounded_to_nothing(seconds: float, told: str) -> None:
    assert lasting(seconds) == told


def test_a_share_of_a_length_names_minutes_once() -> None:
    assert lasting_of(5, 1800) == "5 s of 30.0 min"
    assert lasting_of(1200, 1800) == "20.0 of 30.0 min"
    assert lasting_of(1200, 28800) == "20.0 min of 8 h 00 min"
