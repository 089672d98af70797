"""What CloudWatch shows of the endpoint's queue."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_jobs import clients
from femo_jobs.observability import logger

PERIOD_SECONDS = 60
EMPTY_SECONDS = 600  # an empty queue is believed when it has been seen for so long
LOOK_BACK_SECONDS = 3600
LATE_SECONDS = 300  # a point can come so late; without one, the queue is not known
GAP_SECONDS = 180  # points may be missing in between, but not for longer


@dataclass
class Backlog:
    """The queue of an endpoint, looked up once and only when asked.

    Its size counts jobs that are being analysed, too:
    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
    """

    endpoint_name: str
    now: int  # s since the epoch
    is_unavailable: bool = False  # True where CloudWatch was asked and did not answer
    _known: bool = False
    _empty_since: int | None = None
    _asking: threading.Lock = field(default_factory=threading.Lock)

    def has_lost(self, submitted_at: int) -> bool:
        """Say whether a job is not in the queue any more that was queued at ``submitted_at``.

        False where that is not known.
        """
        if self.now - submitted_at < EMPTY_SECONDS:
            return False
        with self._asking:  # threads that come later find the answer
            if not self._known:
                self._empty_since = self._look()
                self._known = True
        return self._empty_since is not None and submitted_at < self._empty_since

    def _look(self) -> int | None:
        try:
            answer = clients.cloudwatch().get_metric_statistics(
                Namespace="AWS/SageMaker",
                MetricName="ApproximateBacklogSize",
                Dimensions=[{"Name": "EndpointName", "Value": self.endpoint_name}],
                StartTime=datetime.fromtimestamp(self.now - LOOK_BACK_SECONDS, UTC),
                EndTime=datetime.fromtimestamp(self.now, UTC),
                Period=PERIOD_SECONDS,
                Statistics=["Maximum"],
            )
        except (BotoCoreError, ClientError) as error:
            self.is_unavailable = True
            logger.exception("backlog not known", error_type=type(error).__name__)
            return None
        return empty_since(answer["Datapoints"], self.now)


def empty_since(points: list[Any], now: int) -> int | None:
    """Return since when the queue has been empty, for EMPTY_SECONDS at least and until now.

    Parameters
    ----------
    points
        CloudWatch's: ``Timestamp``, and ``Maximum`` of the period that begins there.
    now
        s since the epoch.

    Returns
    -------
    int or None
        s since the epoch; None where the queue was not empty so long, or is not known.
    """
    run: list[int] = []
    last = now - LATE_SECONDS + GAP_SECONDS
    for moment, size in sorted(map(_point, points), reverse=True):
        if size > 0 or last - moment > GAP_SECONDS:
            break
        last = moment
        run.append(moment)
    if not run or run[0] + PERIOD_SECONDS - run[-1] < EMPTY_SECONDS:
        return None
    return run[-1]


def _point(point: Mapping[str, Any]) -> tuple[int, float]:
    return int(point["Timestamp"].timestamp()), float(point["Maximum"])
