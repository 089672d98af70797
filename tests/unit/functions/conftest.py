"""The functions as Lambda would run them, on moto's tables and buckets."""

from __future__ import annotations

import copy
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from moto import mock_aws

ROOT = Path(__file__).resolve().parents[3]
EVENTS = ROOT / "events"

RECORDINGS = "femo-recordings"
ADDITIONAL = "partner-recordings"
REQUESTS = "femo-requests"
TABLE = "femo-jobs"
ENDPOINT = "femo-dev"
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:Deployment"

ENVIRONMENT = {
    "JOBS_TABLE_NAME": TABLE,
    "RECORDINGS_BUCKET_NAME": RECORDINGS,
    "ADDITIONAL_RECORDINGS_BUCKET_NAME": ADDITIONAL,
    "REQUESTS_BUCKET_NAME": REQUESTS,
    "ENDPOINT_NAME": ENDPOINT,
    "MAX_RECORDING_MEGABYTES": "100",
    "REQUEST_TTL_SECONDS": "21600",
    "INVOCATION_TIMEOUT_SECONDS": "3600",
    "JOB_RETENTION_DAYS": "90",
    "MAX_WAITING_REQUESTS": "2",
    "MIN_INSTANCES": "0",
    "MAX_INSTANCES": "4",
    "CONCURRENT_JOBS_PER_INSTANCE": "2",
    "EXPECTED_JOB_SECONDS": "15",
    "FAST_LANE_ENDPOINT_NAME": "femo-dev-fast",
    "FAST_LANE_CONCURRENCY": "4",
    "MODEL_PACKAGE_GROUP_NAME": ENDPOINT,
    "DEPLOYMENT_STATE_MACHINE_ARN": MACHINE,
    "TOKEN_URL": "https://sign-in.example.com/oauth2/token",
    "POWERTOOLS_SERVICE_NAME": "test",
    "POWERTOOLS_METRICS_NAMESPACE": "femo-dev",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}

PACKAGES = {
    "femo_jobs", "femo_api", "femo_completion", "femo_fast_lane", "femo_http", "femo_in_flight",
    "femo_models_api", "femo_sweeper",
}  # fmt: skip

# As Lambda lays them out: each function's package, and the layer that they share.
for _folder in (
    "shared/python",
    "api",
    "models",
    "completion",
    "sweeper",
    "in_flight",
    "fast_lane",
):
    sys.path.insert(0, str(ROOT / "functions" / _folder))
# Powertools reads its settings when it is imported.
_POWERTOOLS = {name: value for name, value in ENVIRONMENT.items() if name.startswith("POWERTOOLS")}
os.environ |= _POWERTOOLS

import femo_jobs.observability  # noqa: E402, F401
from femo_api import backlog  # noqa: E402
from femo_api.settings import api_settings  # noqa: E402
from femo_jobs import clients  # noqa: E402
from femo_jobs.configuration import configuration  # noqa: E402
from femo_jobs.table import JobTable  # noqa: E402

for _name in _POWERTOOLS:
    del os.environ[_name]

from tests.unit.imports import Modules, imported_apart, take_out  # noqa: E402
from tests.unit.template.documents import template  # noqa: E402

# The functions' modules that the files of these tests hold, while other tests are run
_MODULES: Modules = {}


class LambdaContext:
    """What a handler may know of its invocation."""

    function_name = "test"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:test"
    aws_request_id = "11111111-2222-3333-4444-555555555555"
    log_group_name = "test"
    log_stream_name = "test"
    remaining_milliseconds = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_milliseconds


@dataclass(frozen=True)
class Answer:
    """An answer of the API."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        code: str = self.body["error"]["code"]
        return code


def event(name: str) -> dict[str, Any]:
    """Read a sample event."""
    document: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return document


@pytest.fixture(scope="package", autouse=True)
def own_modules() -> Iterator[None]:
    """Leave none of the functions' modules to other tests: they have read this environment.

    The order of tests can leave this folder and come back: then the modules are the same again.
    """
    if not _MODULES:
        _MODULES.update(take_out(PACKAGES))
    with imported_apart(PACKAGES, _MODULES):
        yield


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An AWS with the template's table and our buckets in it."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    configuration.cache_clear()
    api_settings.cache_clear()
    backlog.forget()
    with mock_aws():
        described = template()["Resources"]["JobTable"]["Properties"]
        clients.dynamodb().create_table(
            TableName=TABLE,
            **{
                key: described[key]
                for key in (
                    "BillingMode",
                    "AttributeDefinitions",
                    "KeySchema",
                    "GlobalSecondaryIndexes",
                )
            },
        )
        for bucket in (RECORDINGS, ADDITIONAL, REQUESTS):
            clients.s3().create_bucket(
                Bucket=bucket,
                CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
            )
        yield
    configuration.cache_clear()


@pytest.fixture
def table() -> JobTable:
    return JobTable(clients.dynamodb(), TABLE)


@pytest.fixture
def sagemaker() -> Iterator[Stubber]:
    """The endpoint: each invocation must be announced, and each announced one must come."""
    with Stubber(clients.sagemaker_runtime()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def queued(sagemaker: Stubber) -> Callable[..., None]:
    """Announce that SageMaker will queue a job, and where the outcome of that attempt will be."""

    def announce(job_id: str, *, attempt: int = 1, place: str | None = None) -> None:
        place = place or job_id
        sagemaker.add_response(
            "invoke_endpoint_async",
            {
                "InferenceId": job_id,
                "OutputLocation": output_uri(place),
                "FailureLocation": failure_uri(place),
            },
            {
                "EndpointName": ENDPOINT,
                "InputLocation": f"s3://{REQUESTS}/requests/{job_id}.json",
                "InferenceId": ANY,
                "CustomAttributes": f"job={job_id};attempt={attempt}",
                "ContentType": "application/json",
                "Accept": "application/json",
                "RequestTTLSeconds": 21600,
                "InvocationTimeoutSeconds": 3600,
            },
        )

    return announce


@pytest.fixture
def refuse(sagemaker: Stubber) -> Callable[..., None]:
    """Announce that SageMaker will refuse a job."""

    def announce(code: str, message: str = "", status: int = 400) -> None:
        sagemaker.add_client_error(
            "invoke_endpoint_async",
            code,
            message,
            status,
            expected_params=dict.fromkeys(
                (
                    "EndpointName",
                    "InputLocation",
                    "InferenceId",
                    "CustomAttributes",
                    "ContentType",
                    "Accept",
                    "RequestTTLSeconds",
                    "InvocationTimeoutSeconds",
                ),
                ANY,
            ),
        )

    return announce


def output_uri(job_id: str) -> str:
    return f"s3://{REQUESTS}/results/{job_id}.out"


def failure_uri(job_id: str) -> str:
    return f"s3://{REQUESTS}/failures/{job_id}-error.out"


def put(uri: str, body: Any) -> None:
    """Write an object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    clients.s3().put_object(Bucket=bucket, Key=key, Body=data)


def result_of(job_id: str, **changes: Any) -> dict[str, Any]:
    """The container's response."""
    return {
        "jobId": job_id,
        "status": "Completed",
        "processing_time_seconds": 45.2,
        "output_type": "events",
        "result": {"event_count": 1, "events": [{"event_type": "inferred_kick"}]},
        "completedTimeStamp": "2025-06-04T14:31:00.000Z",
    } | changes


@pytest.fixture
def call() -> Callable[..., Answer]:
    """Call the API as API Gateway does."""
    from femo_api.handler import handler

    return caller(handler)


def caller(handler: Callable[..., dict[str, Any]]) -> Callable[..., Answer]:
    """Return what calls a function behind the API as API Gateway does."""

    def send(
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        resource: str | None = None,
        base_path: str | None = None,
        claims: dict[str, str] | None = None,
    ) -> Answer:
        request = copy.deepcopy(event("api_submit_job"))
        several = {
            name: value if isinstance(value, list) else [value]
            for name, value in (query or {}).items()
        }
        request |= {
            "httpMethod": method,
            # A custom domain has no stage in its address, and leaves its base path in the path.
            "path": f"{base_path or ''}{path}",
            "resource": resource or path,
            "body": body if body is None or isinstance(body, str) else json.dumps(body),
            # API Gateway gives of a repeated parameter the last here, and all there.
            "queryStringParameters": (
                {name: values[-1] for name, values in several.items()} if several else None
            ),
            "multiValueQueryStringParameters": several or None,
        }
        request["requestContext"] |= {
            "path": f"{'/dev' if base_path is None else base_path}{path}",
            "httpMethod": method,
        }
        if claims is not None:
            request["requestContext"]["authorizer"] = {"claims": claims}
        for name, value in (headers or {}).items():
            request["headers"][name] = value
            request["multiValueHeaders"][name] = [value]
        return unpack(handler(request, LambdaContext()))

    return send


def unpack(answer: dict[str, Any]) -> Answer:
    headers = {name.lower(): value for name, value in answer.get("headers", {}).items()}
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        headers[name.lower()] = values[-1]
    assert not answer.get("isBase64Encoded")  # API Gateway would pass it on as it is
    is_json = headers.get("content-type", "").startswith("application/json")
    body = json.loads(answer["body"]) if is_json else answer["body"]
    return Answer(answer["statusCode"], headers, body)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the functions log."""
    from femo_jobs.observability import logger

    text = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", text)
    return text


@pytest.fixture
def recording() -> str:
    """Key of a recording in our bucket."""
    put(f"s3://{RECORDINGS}/input-data/recording.dat", b"a recording")
    return "input-data/recording.dat"
