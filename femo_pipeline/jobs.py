"""The SageMaker job behind a state of an execution: its name, its status, what it logs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from femo_pipeline.stack import Clients

__all__ = ["JOB_STATES", "Job", "find_job", "last_lines", "progress_of"]

# State of training.asl.json -> kind of its job and the part of its name that says which
JOB_STATES = {
    "ExtractFeatures": ("Processing", "extract"),
    "PrepareDataset": ("Processing", "prepare"),
    "Train": ("Training", "train"),
    "Evaluate": ("Processing", "evaluate"),
}
# As the state machine cuts the execution's digest
DIGEST_LENGTH = 12
LINES = 200


@dataclass(frozen=True)
class Job:
    """A processing or training job."""

    name: str
    kind: str  # Processing or Training
    status: str  # SageMaker's word for where it stands

    @property
    def log_group(self) -> str:
        """Where in CloudWatch Logs its containers write."""
        return f"/aws/sagemaker/{self.kind}Jobs"


def find_job(clients: Clients, execution_arn: str, state: str) -> Job | None:
    """Return the newest job of a state, or None where there is none (yet)."""
    if state not in JOB_STATES:
        return None
    kind, step = JOB_STATES[state]
    digest = hashlib.sha256(execution_arn.encode()).hexdigest()[:DIGEST_LENGTH]
    wanted: dict[str, Any] = {
        "NameContains": f"{step}-{digest}",
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": 1,
    }
    if kind == "Training":
        trainings = clients.sagemaker.list_training_jobs(**wanted)["TrainingJobSummaries"]
        if not trainings:
            return None
        name = trainings[0]["TrainingJobName"]
        described = clients.sagemaker.describe_training_job(TrainingJobName=name)
        return Job(name, kind, described.get("SecondaryStatus", described["TrainingJobStatus"]))
    processings = clients.sagemaker.list_processing_jobs(**wanted)["ProcessingJobSummaries"]
    if not processings:
        return None
    return Job(processings[0]["ProcessingJobName"], kind, processings[0]["ProcessingJobStatus"])


def progress_of(clients: Clients, job: Job) -> tuple[int, int] | None:
    """Return how many units of work are done, and of how many, over all hosts of a job.

    None where its containers have not said.
    """
    done = total = 0
    for lines in _streams(clients, job):
        for line in reversed(lines):
            record = _record(line)
            if record.get("event") == "progress":
                done += int(record["done"])
                total += int(record["total"])
                break
    return (done, total) if total else None


def last_lines(clients: Clients, job: Job, *, most: int) -> list[str]:
    """Return the end of what each host of a job logged."""
    return [line for lines in _streams(clients, job) for line in lines[-most:]]


def _streams(clients: Clients, job: Job) -> Sequence[Sequence[str]]:
    try:
        streams = clients.logs.describe_log_streams(
            logGroupName=job.log_group, logStreamNamePrefix=f"{job.name}/"
        )["logStreams"]
        return [
            [
                event["message"].rstrip()
                for event in clients.logs.get_log_events(
                    logGroupName=job.log_group,
                    logStreamName=stream["logStreamName"],
                    limit=LINES,
                    startFromHead=False,
                )["events"]
            ]
            for stream in streams
        ]
    except ClientError:
        # No logs yet, or not ours to read: they are an extra, a run goes on without them
        return []


def _record(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
