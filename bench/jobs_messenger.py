"""Who tells of jobs what SageMaker has told before, or never would, in `bench.jobs`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

from bench.engine import ROOT
from bench.jobs_callers import Progress
from bench.jobs_plan import JobFault, Plan
from bench.jobs_service import message
from bench.jobs_stack import KeptStack, patiently

sys.path.insert(0, str(ROOT / "functions" / "shared" / "python"))

from femo_jobs.keys import DEFAULT_KEYS

__all__ = ["MESSAGE_FAULTS", "Messenger"]

BATCH = 100  # DynamoDB's limit of a BatchGetItem
MESSAGE_FAULTS = (JobFault.TOLD_TWICE, JobFault.STALE_FAILURE)


class Messenger:
    """Publishes messages about jobs a second time, late, or contradicting what has happened."""

    def __init__(self, stack: KeptStack, plan: Plan, progress: Progress) -> None:
        self._stack = stack
        self._progress = progress
        self._late = [job.job_id for job in plan.jobs if JobFault.TOLD_LATE in job.faults]
        self._waiting = {
            job.job_id: [fault for fault in MESSAGE_FAULTS if fault in job.faults]
            for job in plan.jobs
            if job.faults & set(MESSAGE_FAULTS)
        }
        self.published = 0

    def work(self) -> int:
        """Publish about the jobs that have an outcome by now; return how many are left."""
        for job_id, row in self._rows(list(self._waiting)):
            if row["status"]["S"] == "Queued":
                continue
            for fault in self._waiting.pop(job_id):
                self._publish(job_id, row, stale=fault is JobFault.STALE_FAILURE)
                self._progress.count(fault)
        return len(self._waiting)

    def tell_late(self) -> None:
        """Publish the late messages."""
        for job_id, row in self._rows(self._late):
            self._publish(job_id, row, stale=False)
            self._progress.count(JobFault.TOLD_LATE)

    def _rows(self, job_ids: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        table = self._stack.outputs["JobsTableName"]
        for start in range(0, len(job_ids), BATCH):
            keys = [
                {"jobKey": {"S": DEFAULT_KEYS.job(job_id)}}
                for job_id in job_ids[start : start + BATCH]
            ]
            request = {table: {"Keys": keys, "ConsistentRead": True}}
            found = patiently(partial(self._batch, request))
            for row in found["Responses"][table]:
                yield row["jobId"]["S"], row

    def _batch(self, request: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._stack.client("dynamodb").batch_get_item(RequestItems=request)
        return found

    def _publish(self, job_id: str, row: dict[str, Any], *, stale: bool) -> None:
        failed = stale or row["status"]["S"] != "Completed"
        topic = self._stack.outputs["ErrorTopicArn" if failed else "SuccessTopicArn"]
        text = message(job_id, row, failed=failed)
        patiently(lambda: self._stack.client("sns").publish(TopicArn=topic, Message=text))
        self.published += 1
