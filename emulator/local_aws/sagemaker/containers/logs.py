"""Carries what containers write into CloudWatch Logs with their role, as SageMaker does."""

import logging
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.sagemaker.errors import ServiceError
from local_aws.sagemaker.identity import Roles

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
BATCH = 500


@dataclass(frozen=True)
class Stream:
    """Where one container's lines go, and the role that writes them there."""

    group: str
    name: str
    role: str

    def __str__(self) -> str:
        return f"{self.group} {self.name}"


class ContainerLogs:
    """A queue of log lines and the thread that delivers them."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles
        self._lines: queue.Queue[tuple[Stream, int, str]] = queue.Queue(maxsize=100_000)
        self._known: set[Stream] = set()
        threading.Thread(target=self._deliver, daemon=True).start()

    def write(self, stream: Stream, line: str) -> None:
        """Add a line; dropped if the queue is full, so that no container waits for logs."""
        try:
            self._lines.put_nowait((stream, int(time.time() * 1000), line or " "))
        except queue.Full:
            return

    def _deliver(self) -> None:
        while True:
            batch = [self._lines.get()]
            time.sleep(FLUSH_SECONDS)
            while len(batch) < BATCH:
                try:
                    batch.append(self._lines.get_nowait())
                except queue.Empty:
                    break
            grouped: dict[Stream, list[dict[str, Any]]] = {}
            for stream, moment, line in batch:
                event = {"timestamp": moment, "message": line}
                grouped.setdefault(stream, []).append(event)
            for stream, events in grouped.items():
                try:
                    self.put(stream, events)
                except (BotoCoreError, ClientError, ServiceError) as error:
                    logger.warning("%d log lines of %s are lost: %s", len(events), stream, error)

    def put(self, stream: Stream, events: list[dict[str, Any]]) -> None:
        """Write events into a stream, which is made if it is not there, or not any more."""
        client = self._roles.client("logs", stream.role)
        names = {"logGroupName": stream.group, "logStreamName": stream.name}
        if stream in self._known:
            try:
                client.put_log_events(**names, logEvents=events)
                return
            except client.exceptions.ResourceNotFoundException:
                self._known.discard(stream)
        for create, arguments in (
            (client.create_log_group, {"logGroupName": stream.group}),
            (client.create_log_stream, names),
        ):
            try:
                create(**arguments)
            except client.exceptions.ResourceAlreadyExistsException:
                continue
        client.put_log_events(**names, logEvents=events)
        self._known.add(stream)
