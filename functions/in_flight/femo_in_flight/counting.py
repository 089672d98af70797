"""Counts the jobs that have been accepted and have no outcome yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from femo_jobs.jobs import OPEN_INDEX, OPEN_SHARD

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["count_open_jobs"]


def count_open_jobs(client: DynamoDBClient, table: str) -> int:
    """Return the number of open jobs.

    The index holds open jobs alone, by their keys: a count of thousands reads few pages.
    """
    counted = 0
    start: dict[str, Any] = {}
    while True:
        page = client.query(
            TableName=table,
            IndexName=OPEN_INDEX,
            Select="COUNT",
            KeyConditionExpression="openShard = :open",
            ExpressionAttributeValues={":open": {"S": OPEN_SHARD}},
            **start,
        )
        counted += page["Count"]
        if "LastEvaluatedKey" not in page:
            return counted
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
