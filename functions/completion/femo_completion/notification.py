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
        job_id = message.get("inferenceId")
        if not isinstance(job_id, str) or not job_id:
            raise NotificationError("the message has no inferenceId")
        try:
            status = InvocationStatus(str(message.get("invocationStatus")))
        except ValueError as error:
            raise NotificationError("the message has no known invocationStatus") from error
        parameters = message.get("responseParameters")
        places = parameters if isinstance(parameters, dict) else {}
        return cls(
            job_id=job_id,
            status=status,
            output_location=_text(places, "outputLocation"),
            failure_location=_text(places, "failureLocation"),
        )


def _text(values: dict[str, Any], name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) and value else None
