"""An execution of a state machine: starting it, following it, and how it ended."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_pipeline.errors import PipelineError, StackError
from femo_pipeline.jobs import Job, find_job, last_lines, progress_of
from femo_pipeline.stack import Stack

__all__ = ["Ending", "Position", "follow", "redrive", "start"]

RECENT_EVENTS = 50
LOG_LINES = 8
FINAL = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass(frozen=True)
class Position:
    """Where an execution stands."""

    state: str
    seconds: float  # since the state was entered
    job: Job | None = None
    progress: tuple[int, int] | None = None  # units of work done, and of how many


@dataclass(frozen=True)
class Ending:
    """How an execution ended."""

    arn: str
    status: str  # SUCCEEDED, FAILED, TIMED_OUT or ABORTED
    seconds: float
    output: Mapping[str, Any]  # empty unless it succeeded
    state: str | None = None  # the state that did not succeed
    error: str = ""
    reason: str = ""
    job: Job | None = None
    log_lines: tuple[str, ...] = ()


def start(
    stack: Stack, execution_input: Mapping[str, Any], *, machine_arn: str | None = None
) -> str:
    """Start an execution and return its ARN.

    Parameters
    ----------
    stack : Stack
    execution_input : mapping
    machine_arn : str, optional
        Of another machine than the one that trains.

    Raises
    ------
    StackError
        If Step Functions refuses.
    """
    try:
        started = stack.clients.states.start_execution(
            stateMachineArn=machine_arn or stack.machine_arn, input=json.dumps(execution_input)
        )
    except (ClientError, BotoCoreError) as error:
        machine = "training" if machine_arn is None else "deployment"
        raise StackError(f"the {machine} machine cannot be started: {error}") from error
    return started["executionArn"]


def redrive(stack: Stack, arn: str) -> None:
    """Let a failed execution go on from the state that did not succeed.

    Raises
    ------
    StackError
        If Step Functions refuses.
    """
    try:
        stack.clients.states.redrive_execution(executionArn=arn)
    except (ClientError, BotoCoreError) as error:
        raise StackError(f"{arn} cannot be redriven: {error}") from error


def follow(stack: Stack, arn: str, show: Callable[[Position], None]) -> Ending:
    """Wait until an execution ends.

    Parameters
    ----------
    stack : Stack
    arn : str
    show : callable
        Called with each new position.

    Raises
    ------
    PipelineError
        If AWS cannot be asked any more; the execution itself goes on.
    """
    pause = threading.Event()
    try:
        while True:
            execution = stack.clients.states.describe_execution(executionArn=arn)
            if execution["status"] in FINAL:
                return _ending(stack, arn, execution)
            if (position := _position(stack, arn)) is not None:
                show(position)
            pause.wait(stack.poll_seconds)
    except (ClientError, BotoCoreError) as error:
        raise PipelineError(f"{arn} cannot be followed: {error}; it goes on by itself") from error


def _position(stack: Stack, arn: str) -> Position | None:
    entered = _last_state(stack, arn)
    if entered is None:
        return None
    state, moment = entered
    job = find_job(stack.clients, arn, state)
    progress = progress_of(stack.clients, job) if job else None
    return Position(state, (datetime.now(UTC) - moment).total_seconds(), job, progress)


def _last_state(stack: Stack, arn: str) -> tuple[str, datetime] | None:
    events = stack.clients.states.get_execution_history(
        executionArn=arn, reverseOrder=True, maxResults=RECENT_EVENTS
    )["events"]
    for event in events:
        if "stateEnteredEventDetails" in event:
            return event["stateEnteredEventDetails"]["name"], event["timestamp"]
    return None


def _ending(stack: Stack, arn: str, execution: Mapping[str, Any]) -> Ending:
    seconds = (execution["stopDate"] - execution["startDate"]).total_seconds()
    if execution["status"] == "SUCCEEDED":
        return Ending(arn, "SUCCEEDED", seconds, json.loads(execution["output"]))
    entered = _last_state(stack, arn)
    state = entered[0] if entered else None
    job = find_job(stack.clients, arn, state) if state else None
    lines = last_lines(stack.clients, job, most=LOG_LINES) if job else []
    return Ending(
        arn,
        execution["status"],
        seconds,
        {},
        state=state,
        error=execution.get("error", ""),
        reason=reason_of(execution.get("cause", "")),
        job=job,
        log_lines=tuple(lines),
    )


def reason_of(cause: str) -> str:
    """Return what a person needs of an execution's cause.

    The cause of a failed job is the whole description of the job; its reason is one member.
    """
    try:
        described = json.loads(cause)
    except ValueError:
        return cause
    if not isinstance(described, dict):
        return cause
    # A processing job's ExitMessage is what the container said, FailureReason what SageMaker did
    for member in ("ExitMessage", "FailureReason", "errorMessage"):
        if described.get(member):
            return str(described[member])
    return cause
