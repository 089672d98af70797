"""When alarms are evaluated: by the clock, and when a test lets time pass.

That time passes means here that all there is becomes older, by the same amount in both processes.
"""

import logging
import os
import threading
import time
from typing import Any

from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import cloudwatch

from local_aws.ministack import sagemaker_link
from local_aws.ministack.cloudwatch import alarms
from local_aws.ministack.iam.service_sessions import REGION
from local_aws.ministack.private_names import PrivateName

logger = logging.getLogger(__name__)

PRIVATE_NAMES = (
    PrivateName("core.responses", "set_request_account_id"),
    PrivateName("core.responses", "set_request_region"),
    PrivateName("services.cloudwatch", "_metrics"),
)

STEP_SECONDS = 60
PERIOD_SECONDS = 10.0
# An idle laptop's user would else wait for minutes until the first job has an instance again
TO_ZERO_VARIABLE = "LOCAL_AWS_SCALES_TO_ZERO"

_turn = threading.Lock()


def apply() -> None:
    """Evaluate in a thread, for as long as MiniStack runs."""
    least = 0 if os.environ.get(TO_ZERO_VARIABLE) == "1" else 1
    threading.Thread(target=_evaluate_forever, args=(least,), daemon=True).start()


def _evaluate_forever(least: int) -> None:
    set_request_account_id("test")
    set_request_region(REGION)
    while True:
        time.sleep(PERIOD_SECONDS)
        try:
            with _turn:
                alarms.evaluate_all(least)
        except Exception:  # the next turn may succeed, and the fault must be seen
            logger.exception("The alarms were not evaluated")


def advance(request: dict[str, Any]) -> dict[str, Any]:
    """Let time pass at once, minute by minute, and say which policies were called.

    Parameters
    ----------
    request
        ``seconds``: how long; 0 publishes and evaluates what is there now.

    Raises
    ------
    ValueError
        If that is no time.
    """
    seconds = float(request.get("seconds", 0))
    if seconds < 0:
        raise ValueError("time does not run backwards")
    called = []
    with _turn:
        while True:
            step = min(seconds, STEP_SECONDS)
            age(step)
            sagemaker_link.post("advance", {"seconds": step})
            called += alarms.evaluate_all()
            seconds -= step
            if seconds <= 0:
                break
    return {"called": called}


def age(seconds: float) -> None:
    """Let all data have come so much earlier."""
    for points in list(cloudwatch._metrics.values()):
        for point in points:
            point["Timestamp"] -= seconds
