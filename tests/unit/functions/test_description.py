"""The OpenAPI document and the answers: a client that is made from the one is not surprised."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from femo_result.errors import ApiCode, JobCode
from scripts import describe_api, describe_result
from tests.unit.result.examples import events_result
from tests.unit.template.documents import resources

from .conftest import ROOT, Answer

Call = Callable[..., Answer]


@pytest.fixture
def described(call: Call) -> dict[str, Any]:
    document: dict[str, Any] = call("GET", "/openapi.json").body
    return document


@pytest.fixture
def queueing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that takes every job."""
    from femo_jobs.submission import Submission

    monkeypatch.setattr(
        "femo_api.submitting.submit",
        lambda job, _settings: Submission(f"s3://femo-requests/results/{job.job_id}.out", None),
    )


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def codes(answer: dict[str, Any]) -> set[str]:
    """The codes that the description names for a status."""
    return set(answer["content"]["application/json"]["examples"])


def disagreement(described: dict[str, Any], path: str, method: str, answer: Answer) -> str | None:
    """Say where an answer is not one that the description names."""
    operation = described["paths"][path][method.lower()]
    documented = operation["responses"].get(str(int(answer.status)))
    if documented is None:
        return f"{method} {path}: {answer.status} is not described"
    if answer.status >= 400 and answer.code not in codes(documented):
        return f"{method} {path}: {answer.code} is not described with {answer.status}"
    schema = documented["content"]["application/json"]["schema"]
    whole = {**schema, "components": described["components"]}
    fault = next(Draft202012Validator(whole).iter_errors(answer.body), None)
    return f"{method} {path}: {fault.message}" if fault else None


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["", "\x00", "\ud800", "𝟙", "a/../b", "%2e%2e%2f", "a//b", "s3://", "s3:///", "٣", "\u202e",
         "2025-06-04T14:30:00Z", "0001-01-01T00:00:00Z", "a" * 5000, "unique-job-id", "0" * 64,
         "input-data/recording.dat", "true", "1e400", "{}"]
    ),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["jobId", "s3Key", "requestTime", "removeHiccups", "includeFullIntervals", "extractEvents",
     "subjectId", "fileName", "sizeBytes", "sha256", "limit", "status", "from", "to", "nextToken",
     "JobId", "", "x" * 100]
)  # fmt: skip
SOUND = st.sampled_from(
    [
        {"jobId": "unique-job-id", "s3Key": "input-data/recording.dat"},
        {"jobId": "another", "s3Key": "input-data/recording.dat", "extractEvents": False},
        {"fileName": "r.dat", "sizeBytes": 1000},
        {"sha256": ["0" * 64], "sizeBytes": 1000},
        {},
    ]
)
BODIES = st.one_of(
    st.tuples(SOUND, st.dictionaries(NAMES, VALUES, max_size=2)).map(
        lambda pair: json.dumps(pair[0] | pair[1])
    ),
    VALUES.map(json.dumps),
    st.text(max_size=50),
    st.sampled_from(["", "{", "[" * 3000, '{"a":' * 3000, "\ufeff{}", "NaN", "1" * 5000]),
    st.none(),
)
QUERIES = st.one_of(
    st.none(),
    st.dictionaries(NAMES, st.text(max_size=30) | st.sampled_from(["1", "Queued", "-1", "1.0"])),
    st.dictionaries(NAMES, st.lists(st.text(max_size=5), min_size=2, max_size=2), max_size=1),
)
PARTS = st.text(
    st.characters(codec="utf-8", exclude_characters="/?#"), min_size=1, max_size=80
) | st.sampled_from(["unique-job-id", "a" * 64, "%00", "%2e%2e", "A" * 43 + ".7", "A" * 22 + ".7"])
TYPES = st.sampled_from(
    ["application/json"] * 4
    + ["application/json; charset=utf-8", "text/plain", "application/xml", "", "a/b/c", "é"]
)
ROUTES = st.sampled_from(
    [
        ("GET", "/health"),
        ("GET", "/openapi.json"),
        ("GET", "/service"),
        ("GET", "/jobs"),
        ("POST", "/jobs"),
        ("GET", "/jobs/{jobId}"),
        ("GET", "/jobs/{jobId}/result"),
        ("POST", "/uploads"),
        ("POST", "/uploads/{uploadId}/complete"),
    ]
)


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(route=ROUTES, part=PARTS, body=BODIES, query=QUERIES, content_type=TYPES)
def test_whatever_is_sent_is_answered_as_described_and_breaks_nothing(
    call: Call,
    queueing: None,
    described: dict[str, Any],
    recording: str,
    route: tuple[str, str],
    part: str,
    body: str | None,
    query: dict[str, Any] | None,
    content_type: str,
) -> None:
    method, path = route
    answer = call(
        method,
        re.sub(r"\{\w+\}", lambda _: part, path),
        body,
        query=query,
        headers={"Content-Type": content_type},
    )
    assert answer.status < 500, answer.body
    assert disagreement(described, path, method, answer) is None


def test_an_answer_that_is_not_described_would_be_noticed(described: dict[str, Any]) -> None:
    for answer in (
        Answer(418, {}, {"error": {"code": "teapot", "message": "x"}}),
        Answer(404, {}, {"error": {"code": "unheard_of", "message": "x"}}),
        Answer(404, {}, {"error": {"code": "job_not_found"}}),
        Answer(200, {}, {"jobId": "a", "status": "Lost"}),
    ):
        assert disagreement(described, "/jobs/{jobId}", "GET", answer)


def test_every_code_of_the_api_is_described_on_some_route(described: dict[str, Any]) -> None:
    from femo_api.errors import Code

    named = {
        code
        for _path, _method, operation in operations(described)
        for status, answer in operation["responses"].items()
        if int(status) >= 400
        for code in codes(answer)
    }
    # Of an address that is none, and so of no route; the template's gateway answers first.
    elsewhere = {Code.NO_SUCH_ROUTE, Code.METHOD_NOT_ALLOWED, Code.BAD_REQUEST}
    assert named == {str(code) for code in Code} - {str(code) for code in elsewhere}


def test_every_code_that_a_job_can_end_with_is_described(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    field = schemas["JobErrorView"]["properties"]["code"]
    told = set(re.findall(r"[a-z]+(?:_[a-z0-9]+)*", field["description"]))
    assert {str(code) for code in JobCode} <= told
    assert schemas["JobCode"]["enum"] == [str(code) for code in JobCode]
    assert {"type": "string"} in field["anyOf"], "a newer container's code would be refused"


@pytest.mark.parametrize("codes", [ApiCode, JobCode])
def test_every_code_is_explained_where_the_codes_are_listed(
    described: dict[str, Any], codes: type[ApiCode] | type[JobCode]
) -> None:
    listed = described["components"]["schemas"][codes.__name__]
    assert listed["x-enumDescriptions"] == {str(code): code.sentence for code in codes}


def test_the_stored_document_is_that_of_the_routes() -> None:
    assert describe_api.STORED.read_text() == describe_api.text(), (
        "run python -m scripts.describe_api"
    )


def test_the_document_is_the_same_however_often_it_is_written() -> None:
    assert describe_api.text() == describe_api.text()


def test_the_document_is_one_that_tools_can_read(described: dict[str, Any]) -> None:
    validate(described)


def test_the_document_names_the_addresses_of_the_stack_that_serves_it(
    described: dict[str, Any],
) -> None:
    flows = described["components"]["securitySchemes"]["oauth2"]["flows"]
    assert described["servers"] == [{"url": "/dev"}]
    assert flows["clientCredentials"]["tokenUrl"] == "https://sign-in.example.com/oauth2/token"
    assert flows["authorizationCode"]["authorizationUrl"] == (
        "https://sign-in.example.com/oauth2/authorize"
    )
    assert "example.com/prod" not in json.dumps(described)


def test_a_scope_can_be_asked_for_by_whom_the_template_gives_it_to(
    described: dict[str, Any],
) -> None:
    flows = described["components"]["securitySchemes"]["oauth2"]["flows"]
    clients = dict(resources("AWS::Cognito::UserPoolClient"))
    for client, flow in (("MachineClient", "clientCredentials"),
                         ("PersonClient", "authorizationCode")):  # fmt: skip
        given = set(clients[client]["AllowedOAuthScopes"]) - {"openid"}
        assert set(flows[flow]["scopes"]) == given
    needed = {
        scope
        for _, _, operation in operations(described)
        for demand in operation.get("security", [])
        for scope in demand["oauth2"]
    }
    assert needed == set(flows["authorizationCode"]["scopes"])


def test_every_answer_and_every_body_has_an_example_that_is_true_to_its_description(
    described: dict[str, Any],
) -> None:
    components = {"components": described["components"]}
    used = set()
    for path, method, operation in operations(described):
        if path == "/openapi.json":
            continue
        for status, answer in operation["responses"].items():
            if status == "303":
                continue
            content = answer["content"]["application/json"]
            if int(status) < 400:
                used.add(f"{operation['operationId']}.{status}.json")
                Draft202012Validator(content["schema"] | components).validate(content["example"])
            for example in content.get("examples", {}).values():
                Draft202012Validator(content["schema"] | components).validate(example["value"])
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            wanted = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            for example in wanted["examples"]:
                Draft202012Validator(wanted | components).validate(example)
            assert wanted["examples"], (path, method)
    assert used == {path.name for path in describe_api.EXAMPLES.iterdir()}


def test_operations_have_names_that_generated_clients_can_bear(described: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name) for name in names), names


def test_every_word_that_the_service_is_told_in_is_explained_where_it_stands(
    described: dict[str, Any],
) -> None:
    schemas = described["components"]["schemas"]
    for view, name, words in (
        ("LaneView", "state", {"off", "cold", "starting", "ready"}),
        ("ServerlessLaneView", "state", {"off", "cold", "starting", "ready"}),
        ("WaitView", "basis", set(schemas["WaitBasis"]["enum"])),
        ("WarmLaneView", "effect", set(schemas["WarmUpEffect"]["enum"])),
    ):
        told = set(re.findall(r"[a-z_]+", schemas[view]["properties"][name]["description"]))
        assert words <= told, (view, words - told)
    for view in ("LanesView", "WarmLanesView"):
        assert set(schemas[view]["required"]) == {"asynchronous", "serverless"}


def test_what_the_gateway_says_before_the_function_is_asked_is_described(
    described: dict[str, Any],
) -> None:
    ((_, api),) = resources("AWS::Serverless::Api")
    open_routes = {"/health", "/openapi.json"}
    by_kind = {
        kind: json.loads(answer["ResponseTemplates"]["application/json"])["error"]["code"]
        for kind, answer in api["GatewayResponses"].items()
    }
    for path, method, operation in operations(described):
        for kind, code in by_kind.items():
            if kind == "MISSING_AUTHENTICATION_TOKEN":  # of an address that is none
                continue
            if path in open_routes and kind in {"UNAUTHORIZED", "EXPIRED_TOKEN", "ACCESS_DENIED"}:
                continue
            default = {"DEFAULT_4XX": 403, "DEFAULT_5XX": 500}.get(kind)
            status = api["GatewayResponses"][kind].get("StatusCode", default)
            assert code in codes(operation["responses"][str(status)]), (path, method, kind)


def test_a_token_without_the_scope_is_described_as_the_gateway_answers_it(
    described: dict[str, Any],
) -> None:
    ((_, api),) = resources("AWS::Serverless::Api")
    assert api["GatewayResponses"]["UNAUTHORIZED"]["StatusCode"] == 401
    for path, method, operation in operations(described):
        if operation.get("security"):
            assert "scope" in operation["responses"]["401"]["description"], (path, method)
            assert "scope" not in operation["responses"]["403"]["description"], (path, method)


def test_every_code_with_a_time_to_wait_tells_it() -> None:
    from femo_api import errors

    for refusal in (
        errors.model_not_deployed(),
        errors.backlog_full(0.1),
        errors.backlog_full(1e9),
        errors.service_busy(),
        errors.submission_uncertain(),
    ):
        assert 0 < int(refusal.headers["Retry-After"]) <= 3600
    ((_, api),) = resources("AWS::Serverless::Api")
    throttled = api["GatewayResponses"]["THROTTLED"]
    assert throttled["ResponseParameters"]["Headers"]["Retry-After"].strip("'").isdecimal()


def test_a_result_is_described_field_by_field(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    shown = {"$ref": "#/components/schemas/JobView", "components": described["components"]}
    job = {
        "jobId": "a",
        "status": "Completed",
        "createdAt": "2025-06-04T14:30:00.000Z",
        "s3Key": "s3://bucket/recording.dat",
        "source": {"s3Key": "s3://bucket/recording.dat"},
        "removeHiccups": True,
        "includeFullIntervals": False,
        "extractEvents": True,
        "output_type": "events",
        "result": events_result(),
    }
    Draft202012Validator(shown).validate(job)
    assert Draft202012Validator(shown).is_valid(job | {"result": None})
    del job["result"]["recording"]["judged_seconds"]
    assert not Draft202012Validator(shown).is_valid(job)
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(described)))
    assert named <= set(schemas)
    assert "#/$defs/" not in json.dumps(described)


def test_no_name_of_the_api_is_taken_by_a_part_of_the_result() -> None:
    from femo_api import contract, service_contract

    parts = describe_result.schema()["$defs"]
    assert not {
        name for name in parts if hasattr(contract, name) or hasattr(service_contract, name)
    }


def test_the_page_for_backends_tells_of_every_status_that_is_described(
    described: dict[str, Any],
) -> None:
    page = (Path(ROOT) / "docs" / "backends.md").read_text()
    table = page.split("| status | meaning |")[1].split("\n\n")[0]
    told = set(re.findall(r"\b[1-5]\d\d\b", table))
    answered = {
        status for _, _, operation in operations(described) for status in operation["responses"]
    }
    assert answered - {"201"} <= told
