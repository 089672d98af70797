"""A stack for `bench.jobs`, with a model in service, and what SageMaker publishes there."""

from __future__ import annotations

import io
import json
import signal
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from bench.engine import trained_model
from bench.jobs_files import Recordings
from bench.jobs_stack import POLL_SECONDS, KeptStack

__all__ = ["message", "put_model_into_service", "running"]


def message(job_id: str, row: dict[str, Any], *, failed: bool) -> str:
    """Return what SageMaker publishes about a job."""
    document = {
        "awsRegion": "us-east-1",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "receivedTime": "2026-01-01T00:00:00.000Z",
        "invocationStatus": "Failed" if failed else "Completed",
        "requestParameters": {
            "accept": "application/json",
            "contentType": "application/json",
            "customAttributes": f"job={job_id};attempt={row['attempts']['N']}",
        },
        "inferenceId": row["submissionId"]["S"],
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    if failed:
        document["failureReason"] = "ServerError: stale"
        document["responseParameters"] = {"failureLocation": row["failureLocation"]["S"]}
    else:
        document["responseParameters"] = {
            "contentType": "application/json",
            "outputLocation": row["outputLocation"]["S"],
        }
    return json.dumps(document)


def put_model_into_service(stack: KeptStack, recordings: Recordings) -> None:
    """Deploy a small model with the deployment machine."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in ("model.txt", "model.json"):
            archive.add(trained_model() / name, arcname=name)
    s3, bucket = stack.client("s3"), stack.outputs["ModelsBucketName"]
    s3.put_object(Bucket=bucket, Key="bench/model.tar.gz", Body=content.getvalue())
    s3.upload_file(str(next(iter(recordings.good.values()))), bucket, "smoke/recording.dat")
    states = stack.client("stepfunctions")
    arn = states.start_execution(
        stateMachineArn=stack.outputs["DeploymentStateMachineArn"],
        input=json.dumps({"modelDataUrl": f"s3://{bucket}/bench/model.tar.gz"}),
    )["executionArn"]
    while (state := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        time.sleep(POLL_SECONDS)
    if json.loads(state.get("output", "{}")).get("outcome") != "DEPLOYED":
        sys.exit(f"bench: error: no model is in service: {state}")


@contextmanager
def running(folder: Path, parameters: Sequence[str] = ()) -> Iterator[KeptStack]:
    """Give a stack of its own, and stop it whatever happens, Ctrl-C included."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGTERM, interrupt)
    stack = KeptStack(folder, parameters)
    try:
        stack.start()
        yield stack
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        stack.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, old)
