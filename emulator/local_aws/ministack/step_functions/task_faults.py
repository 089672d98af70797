"""Failures of tasks that a test asks for, so that it can redrive any state of a real machine."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.services import stepfunctions as sfn

from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (PrivateName("services.stepfunctions", "_ExecutionError", kind=type),)

ERROR = "LocalAws.RequestedFailure"

_planned: dict[str, list[str]] = {}
_lock = threading.Lock()


def plan(request: Mapping[str, Any]) -> dict[str, Any]:
    """Have tasks of a state machine fail, each once, the next time that they run.

    Parameters
    ----------
    request
        ``stateMachineArn``, and ``before`` and ``after``: the states whose task fails without
        having been made, and after it was made, its answer lost. What was planned before and has
        not happened is forgotten.

    Returns
    -------
    dict
        ``forgotten``: what that was.
    """
    moments: Sequence[str] = [
        f"{moment} {state}" for moment in ("before", "after") for state in request.get(moment, [])
    ]
    with _lock:
        forgotten = _planned.pop(request["stateMachineArn"], [])
        _planned[request["stateMachineArn"]] = list(moments)
    return {"forgotten": forgotten}


def meet(state_machine_arn: str, state: str, moment: str) -> None:
    """Raise if a failure is planned for this moment; it is then over."""
    with _lock:
        planned = _planned.get(state_machine_arn, [])
        if f"{moment} {state}" not in planned:
            return
        planned.remove(f"{moment} {state}")
    raise sfn._ExecutionError(ERROR, f"asked for {moment} the task of {state}")
