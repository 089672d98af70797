"""SageMaker's message about an asynchronous inference."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from femo_jobs.errors import NotificationError


class InvocationStatus(StrEnum):
    """How an inference ended."""

    COMPLETED = "Completed"
    FAILED = "Failed"
    EXPIRED = "Expired"


@dataclass(frozen=True)
class Notification:
    """What we use of a message."""

    job_id: str
    inference_id: str  # of the attempt that ended
    status: InvocationStatus
    output_location: str | None
    failure_location: str | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of an SNS message.

        ``failureReason`` is left out: it can hold account ids.

        Raises
        ------
        NotificationError
            If it is not a message about an inference.
        """
        try:
            message = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise NotificationError("the message is not JSON") from error
        if not isinstance(message, dict):
            raise NotificationError("the message is not a JSON object")
        inference_id = _text(message, "inferenceId")
        if inference_id is None:
            raise NotificationError("the message has no inferenceId")
        try:
            status = InvocationStatus(str(message.get("invocationStatus")))
        except ValueError as error:
            raise NotificationError("the message has no known invocationStatus") from error
        parameters = message.get("responseParameters")
        places = parameters if isinstance(parameters, dict) else {}
        return cls(
            job_id=_job_id(message) or inference_id,
            inference_id=inference_id,
            status=status,
            output_location=_text(places, "outputLocation"),
            failure_location=_text(places, "failureLocation"),
        )


def _job_id(message: dict[str, Any]) -> str | None:
    """Return the job that the attributes name which SageMaker echoes.

    None for an inference without them: of the deployment machine, or of a job that an earlier
    version has queued under the job's own id.
    """
    parameters = message.get("requestParameters")
    attributes = _text(parameters, "customAttributes") if isinstance(parameters, dict) else None
    pairs = (pair.partition("=") for pair in (attributes or "").split(";"))
    return {name: value for name, _, value in pairs}.get("job") or None


def _text(values: dict[str, Any], name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) and value else None
