"""Scaling is told of every job of the queue without an outcome: none loses its instance."""

from __future__ import annotations

import importlib
import json
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.unit.imports import imported_apart
from tests.unit.template.documents import template

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
        described = template()["Resources"]["JobTable"]["Properties"]
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            **{
                part: described[part]
                for part in ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
            },
        )
        yield client


def put(client: Any, job_id: str, *, is_open: bool, is_fast: bool = False) -> None:
    keys = importlib.import_module("femo_jobs.keys")
    item = {"jobKey": {"S": keys.DEFAULT_KEYS.job(job_id)}}
    if is_open:
        partition_of = keys.DEFAULT_KEYS.of_fast_lane if is_fast else keys.DEFAULT_KEYS.of_queue
        partition = partition_of(keys.shard_of(job_id))
        item |= {"openKey": {"S": partition}, "nextCheckAt": {"N": "1"}}
    client.put_item(TableName=TABLE, Item=item)


@pytest.mark.parametrize("number", [0, 30])
def test_instances_are_held_for_the_queues_open_jobs_alone_and_none_for_none(
    table: Any, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    put(table, "settled", is_open=False)
    for index in range(5):
        put(table, f"fast-{index}", is_open=True, is_fast=True)
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


def test_every_page_of_every_shard_is_added_up(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(30):
        put(table, f"open-{index}", is_open=True)
    jobs = importlib.import_module("femo_jobs.table").JobTable(table, TABLE)
    whole = table.query
    monkeypatch.setattr(table, "query", lambda **query: whole(**query, Limit=2))
    assert importlib.import_module("femo_jobs.open_jobs").count_queue(jobs) == 30
