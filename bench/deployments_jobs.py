"""The jobs of `bench.deployments`: each that was accepted is followed to its end."""

from __future__ import annotations

import sys
import time
import uuid
from functools import partial
from typing import Any

from bench.engine import ROOT
from bench.jobs_stack import KeptStack, patiently
from femo_client import ApiError, FemoClient

sys.path.insert(0, str(ROOT / "functions" / "shared" / "python"))

from femo_jobs.keys import DEFAULT_KEYS

PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.25
OLDER_SECONDS = 900  # a job that no instance has is seen by the queue's quarter of an hour
BATCH = 100  # DynamoDB's limit of a BatchGetItem


class Jobs:
    """Jobs of one recording, by the queue.

    Parameters
    ----------
    stack
        Where they go.
    api
        A client of it.
    key
        The uploaded recording's.
    """

    def __init__(self, stack: KeptStack, api: FemoClient, key: str) -> None:
        self._stack = stack
        self._api = api
        self._key = key
        self._accepted: list[str] = []
        self.refused = 0

    def submit(self, count: int) -> None:
        """Submit jobs; those that are refused, as nothing serves, are not accepted."""
        for _ in range(count):
            job_id = f"drill-{uuid.uuid4()}"
            try:
                self._api.submit(self._key, job_id=job_id)
            except ApiError as error:
                if error.status != 503:
                    raise
                self.refused += 1
            else:
                self._accepted.append(job_id)

    def unfinished(self) -> list[str]:
        """Wait until every accepted job is settled; return those that are not Completed.

        Where the queue holds none any more and some are open, the clock is turned on: the
        sweeper looks at them as it does by itself minutes later.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            rows = self._rows()
            if all(rows.get(job, {}).get("status", {}).get("S") != "Queued" for job in rows):
                break
            if not self._stack.queued() and not self._stack.undelivered():
                self._turn_clock(rows)
            time.sleep(LOOK_SECONDS)
        rows = self._rows()
        done = {job for job, row in rows.items() if row["status"]["S"] == "Completed"}
        left = [job for job in self._accepted if job not in done]
        self._accepted = []
        return left

    def _rows(self) -> dict[str, dict[str, Any]]:
        table = self._stack.outputs["JobsTableName"]
        found: dict[str, dict[str, Any]] = {}
        client = self._stack.client("dynamodb")
        for start in range(0, len(self._accepted), BATCH):
            some = self._accepted[start : start + BATCH]
            keys = [{"jobKey": {"S": DEFAULT_KEYS.job(job)}} for job in some]
            request = {table: {"Keys": keys, "ConsistentRead": True}}
            answer = patiently(partial(client.batch_get_item, RequestItems=request))
            found |= {row["jobId"]["S"]: row for row in answer["Responses"][table]}
        return found

    def _turn_clock(self, rows: dict[str, dict[str, Any]]) -> None:
        """Let a quarter of an hour pass for what is open, and have the sweeper look."""
        self._stack.control("advance", {"seconds": OLDER_SECONDS})
        for row in rows.values():
            if row["status"]["S"] != "Queued":
                continue
            older = {
                name: {"N": str(int(row[name]["N"]) - OLDER_SECONDS)}
                for name in ("submittedAt", "submissionAt")
                if "N" in row.get(name, {})
            }
            due = {"nextCheckAt": {"N": str(int(time.time()) - 1)}}
            self._stack.client("dynamodb").put_item(
                TableName=self._stack.outputs["JobsTableName"], Item=row | older | due
            )
        self._stack.client("lambda").invoke(
            FunctionName=self._stack.outputs["SweeperFunctionName"], Payload=b"{}"
        )
