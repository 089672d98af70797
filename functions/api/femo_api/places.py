"""The places to wait in: how many requests wait for their job at once, over all instances of the
function.

They are attributes of one row, each the time at which it is free again at the latest. A function
that is killed leaves nothing behind for longer than that. To take a place costs one write, or two
where the first choice was taken; the row stays below 1 KB, one unit.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_jobs.keys import TABLE_KEY
from femo_jobs.observability import logger
from femo_jobs.rows import marshal
from femo_jobs.table import JobTable

# The function lives 29 s at most; the rest is for clocks that differ.
LEASE_SECONDS = 35
_TRIES = 2
_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Place:
    """A place that is taken."""

    number: int
    lease: int  # microseconds since the epoch; the last six digits are by chance: whose it is


def take(table: JobTable, most: int) -> Place | None:
    """Take one of ``most`` places; None where all are taken, or where that is not known."""
    if not most:
        return None
    now = int(time.time())
    lease = (now + LEASE_SECONDS) * _MICROSECONDS + secrets.randbelow(_MICROSECONDS)
    free = list(range(most))
    try:
        for _ in range(_TRIES):
            place = Place(secrets.choice(free), lease)
            taken = _claim(table, place, now * _MICROSECONDS)
            if taken is None:
                return place
            free = [number for number in range(most) if taken.get(number, 0) < now * _MICROSECONDS]
            if not free:
                return None
    except (BotoCoreError, ClientError) as error:
        # Nobody has to wait here: the job is accepted, and its caller is told to come again.
        logger.exception("no place to wait in", error_type=type(error).__name__)
    return None


def leave(table: JobTable, place: Place) -> None:
    """Free a place. Where that fails it is free at the end of its lease."""
    try:
        table.client.update_item(
            TableName=table.name,
            Key=_key(table),
            UpdateExpression="REMOVE #place",
            ConditionExpression="#place = :lease",
            ExpressionAttributeNames={"#place": _attribute(place.number)},
            ExpressionAttributeValues=marshal({":lease": place.lease}),
        )
    except (BotoCoreError, ClientError) as error:
        logger.info("place to wait in not freed", error_type=type(error).__name__)


def _claim(table: JobTable, place: Place, now: int) -> dict[int, int] | None:
    """Take a place that is free; where it is not, return until when each place is taken."""
    try:
        table.client.update_item(
            TableName=table.name,
            Key=_key(table),
            UpdateExpression="SET #place = :lease",
            ConditionExpression="attribute_not_exists(#place) OR #place < :now",
            ExpressionAttributeNames={"#place": _attribute(place.number)},
            ExpressionAttributeValues=marshal({":lease": place.lease, ":now": now}),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        row: dict[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]
        return {
            int(name.removeprefix("p")): int(value["N"])
            for name, value in row.items()
            if name != TABLE_KEY
        }
    return None


def _attribute(number: int) -> str:
    return f"p{number}"


def _key(table: JobTable) -> dict[str, Any]:
    return marshal({TABLE_KEY: table.keys.of_places()})
