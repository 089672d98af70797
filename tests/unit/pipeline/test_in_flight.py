"""Scaling is told of every job that has no outcome yet, so that none loses its instance."""

from __future__ import annotations

import importlib
import json
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.unit.imports import imported_apart

from .machines import ROOT

TABLE = "jobs"


class Context:
    """What Lambda tells a function about itself."""

    function_name = "in-flight"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:us-east-1:111122223333:function:in-flight"
    aws_request_id = "1"


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Any:
    for folder in ("shared/python", "in_flight"):
        monkeypatch.syspath_prepend(str(ROOT / "functions" / folder))
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "JOBS_TABLE_NAME": TABLE,
        "RECORDINGS_BUCKET_NAME": "recordings",
        "REQUESTS_BUCKET_NAME": "requests",
        "ENDPOINT_NAME": "femo-dev",
        "MAX_RECORDING_MEGABYTES": "1024",
        "REQUEST_TTL_SECONDS": "21600",
        "INVOCATION_TIMEOUT_SECONDS": "3600",
        "JOB_RETENTION_DAYS": "90",
        "POWERTOOLS_SERVICE_NAME": "in-flight",
        "POWERTOOLS_METRICS_NAMESPACE": "femo-dev",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    # Powertools and the settings read the environment when they are imported
    with imported_apart(("femo_jobs", "femo_in_flight")), mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "jobId", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": "jobId", "AttributeType": "S"},
                {"AttributeName": "openShard", "AttributeType": "S"},
                {"AttributeName": "checkAt", "AttributeType": "N"},
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "open-by-deadline",
                    "KeySchema": [
                        {"AttributeName": "openShard", "KeyType": "HASH"},
                        {"AttributeName": "checkAt", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        )
        yield client


def put(client: Any, job_id: str, *, is_open: bool) -> None:
    item = {"jobId": {"S": job_id}}
    if is_open:
        item |= {"openShard": {"S": "open"}, "checkAt": {"N": "1"}}
    client.put_item(TableName=TABLE, Item=item)


@pytest.mark.parametrize("number", [0, 3])
def test_the_metric_counts_the_open_jobs_alone_and_says_zero_too(
    table: Any, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    put(table, "settled", is_open=False)
    for index in range(number):
        put(table, f"open-{index}", is_open=True)

    event = json.loads((ROOT / "events" / "in_flight_scheduled.json").read_text())
    answer = importlib.import_module("femo_in_flight.handler").handler(event, Context())

    assert answer == {"jobsInFlight": number}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (metric,) = [line for line in lines if "_aws" in line]
    assert metric["JobsInFlight"] == [float(number)]
    (described,) = metric["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "femo-dev"
    # What the scaling policy asks CloudWatch for
    assert described["Dimensions"] == [["service"]]
    assert metric["service"] == "in-flight"


def test_pages_are_added_up(table: Any) -> None:
    counting = importlib.import_module("femo_in_flight.counting")

    class Pages:
        """A table of two pages."""

        def query(self, **arguments: Any) -> dict[str, Any]:
            if "ExclusiveStartKey" in arguments:
                return {"Count": 2}
            return {"Count": 5, "LastEvaluatedKey": {"jobId": {"S": "x"}}}

    assert counting.count_open_jobs(Pages(), TABLE) == 7
