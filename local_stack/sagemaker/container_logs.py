"""Carries what containers write into CloudWatch Logs, as SageMaker does."""

import logging
import queue
import threading
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_stack.sagemaker.identity import Roles

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
BATCH = 500


class ContainerLogs:
    """A queue of log lines and the thread that delivers them."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles
        self._lines: queue.Queue[tuple[str, str, int, str]] = queue.Queue(maxsize=100_000)
        self._known: set[tuple[str, str]] = set()
        threading.Thread(target=self._deliver, daemon=True).start()

    def write(self, group: str, stream: str, line: str) -> None:
        """Add a line; dropped if the queue is full, so that no container waits for logs."""
        try:
            self._lines.put_nowait((group, stream, int(time.time() * 1000), line or " "))
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
            grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
            for group, stream, moment, line in batch:
                event = {"timestamp": moment, "message": line}
                grouped.setdefault((group, stream), []).append(event)
            for (group, stream), events in grouped.items():
                try:
                    self._put(group, stream, events)
                except (BotoCoreError, ClientError) as error:
                    logger.warning("%d log lines of %s are lost: %s", len(events), group, error)

    def _put(self, group: str, stream: str, events: list[dict[str, Any]]) -> None:
        client = self._roles.client("logs")
        if (group, stream) not in self._known:
            for create, arguments in (
                (client.create_log_group, {"logGroupName": group}),
                (client.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
            ):
                try:
                    create(**arguments)
                except client.exceptions.ResourceAlreadyExistsException:
                    continue
            self._known.add((group, stream))
        client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
