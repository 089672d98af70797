"""The API as a whole: its errors, its description, its logs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.template.documents import resources, template

from .conftest import Answer, LambdaContext, event, unpack

Call = Callable[..., Answer]


def test_health_answers_without_a_token() -> None:
    from femo_api.handler import handler

    answer = unpack(handler(event("api_health"), LambdaContext()))
    assert (answer.status, answer.body) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "no_such_route"),
        ("GET", "/nowhere", 404, "no_such_route"),
        ("POST", "/jobs/", 404, "no_such_route"),
        ("GET", "/docs", 404, "no_such_route"),
        ("DELETE", "/jobs", 405, "method_not_allowed"),
        ("PUT", "/health", 405, "method_not_allowed"),
    ],
)
def test_a_wrong_route_has_the_shape_of_every_error(
    call: Call, method: str, path: str, status: int, code: str
) -> None:
    answer = call(method, path)
    assert (answer.status, answer.code) == (status, code)
    assert answer.body["error"]["message"]


def test_a_crash_shows_nothing_of_our_insides(
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    logged: io.StringIO,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("secret-recording.dat at arn:aws:s3:::secret")

    monkeypatch.setattr("femo_api.app.job_table", crash)
    answer = call("GET", "/jobs/a")
    assert (answer.status, answer.code) == (500, "internal_error")
    printed = capsys.readouterr()
    assert "secret" not in json.dumps(answer.body) + logged.getvalue() + printed.out + printed.err
    (line,) = map(json.loads, logged.getvalue().splitlines())
    assert line["level"] == "ERROR"
    assert line["exception_name"] == "RuntimeError"
    assert "app.py" in line["exception"]


def test_logs_hold_only_what_is_known_to_be_harmless(
    call: Call, logged: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    from femo_jobs.observability import logger

    logger.info("told", job_id="a", s3_key="private/recording.dat", body={"s3Key": "private"})
    call("POST", "/jobs", {"jobId": "a", "s3Key": "private/recording.dat"})
    printed = logged.getvalue() + capsys.readouterr().out
    assert '"job_id":"a"' in printed
    assert "private" not in printed
    assert "Bearer" not in printed


def document(call: Call) -> dict[str, Any]:
    answer = call("GET", "/openapi.json")
    assert answer.status == 200
    described: dict[str, Any] = answer.body
    return described


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_description_holds_every_route_of_the_template(call: Call) -> None:
    described = document(call)
    functions = dict(resources("AWS::Serverless::Function"))
    deployed = {
        (entry["Properties"]["Path"], entry["Properties"]["Method"].lower()): entry["Properties"]
        for name in ("ApiFunction", "ModelsFunction")
        for entry in functions[name]["Events"].values()
    }
    assert {(path, method) for path, method, _ in operations(described)} == set(deployed)
    for path, method, operation in operations(described):
        auth = deployed[path, method]["Auth"]
        scopes = [] if auth["Authorizer"] == "NONE" else auth["AuthorizationScopes"]
        assert operation.get("security", []) == ([{"oauth2": scopes}] if scopes else [])


def test_every_error_that_is_described_has_the_one_shape(call: Call) -> None:
    for path, method, operation in operations(document(call)):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                schema = answer["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorView"}, (path, method, status)


def test_the_description_names_the_statuses_of_the_contract(call: Call) -> None:
    described = document(call)
    assert set(described["paths"]["/jobs"]["post"]["responses"]) == {
        "200", "202", "400", "401", "403", "404", "409", "413", "422", "429", "500", "503", "504",
    }  # fmt: skip
    assert "Location" in described["paths"]["/jobs"]["post"]["responses"]["202"]["headers"]
    assert "Retry-After" in described["paths"]["/jobs"]["post"]["responses"]["503"]["headers"]


def test_every_reference_of_the_description_leads_somewhere(call: Call) -> None:
    described = document(call)

    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            for item in part.values():
                yield from references(item)
        elif isinstance(part, list):
            for item in part:
                yield from references(item)

    found = set(references(described))
    schemas = described["components"]["schemas"]
    found.add("#/components/schemas/AnalysisResponse")  # what resultUrl leads to
    assert found == {f"#/components/schemas/{name}" for name in schemas}


def test_the_description_says_under_which_stage_it_is_served(call: Call) -> None:
    assert document(call)["servers"] == [{"url": "/dev"}]


def test_the_gateways_own_errors_have_our_shape() -> None:
    ((_, api),) = resources("AWS::Serverless::Api")
    assert template()
    for kind, answer in api["GatewayResponses"].items():
        text = answer["ResponseTemplates"]["application/json"]
        assert set(json.loads(text)["error"]) == {"code", "message"}, kind


def test_the_gateways_own_errors_never_show_what_was_sent() -> None:
    ((_, api),) = resources("AWS::Serverless::Api")
    assert "DEFAULT_4XX" in api["GatewayResponses"]  # else its own words, which show the token
    for kind, answer in api["GatewayResponses"].items():
        assert "$" not in json.dumps(answer["ResponseTemplates"]), kind
