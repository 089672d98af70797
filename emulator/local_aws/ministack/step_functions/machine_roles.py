"""What an execution does with its machine's role: sessions, clients, and questions to IAM."""

import functools
import threading
import time
from typing import Any

import boto3
from botocore.config import Config
from ministack.services import stepfunctions as sfn

from local_aws.ministack.iam.authorization import authorize
from local_aws.ministack.iam.service_sessions import (
    REGION,
    SESSION_SECONDS,
    NotTrustedError,
    assume,
)
from local_aws.ministack.private_names import PrivateName
from local_aws.ministack.step_functions.executions import Execution

PRIVATE_NAMES = (
    PrivateName("services.stepfunctions", "_ExecutionError", kind=type),
    PrivateName("services.stepfunctions", "_state_machines"),
)


def authorize_machine(execution: Execution, checks: list[dict[str, Any]]) -> dict[str, Any]:
    """Ask IAM whether the role of an execution's machine may do something."""
    credentials = session_of(execution).get_credentials()
    assert credentials is not None
    return authorize(
        {
            "accessKeyId": credentials.access_key,
            "sessionToken": credentials.token,
            "checks": checks,
        }
    )


def _role_of(execution: Execution) -> str:
    machine = sfn._state_machines[execution["stateMachineArn"]]
    role: str = machine["roleArn"]
    return role


_sessions: dict[tuple[str, str], tuple[float, boto3.Session]] = {}
_sessions_lock = threading.Lock()


def client(execution: Execution, service: str) -> Any:
    """Return a client that acts with the role of an execution's machine."""
    session = session_of(execution)
    with _sessions_lock:  # creating clients is not thread-safe
        return _make_client(session, service)


@functools.lru_cache(maxsize=64)
def _make_client(session: boto3.Session, service: str) -> Any:
    return session.client(
        service,  # type: ignore[call-overload]
        # A state's own Retry is the only one
        config=Config(retries={"total_max_attempts": 1}, read_timeout=900),
    )


def session_of(execution: Execution) -> boto3.Session:
    """Return a session of the role of an execution's machine.

    Raises
    ------
    _ExecutionError
        If the role does not trust Step Functions.
    """
    role_arn, source_arn = _role_of(execution), execution["stateMachineArn"]
    with _sessions_lock:
        known = _sessions.get((role_arn, source_arn))
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        try:
            credentials = assume(role_arn, "states.amazonaws.com", source_arn)
        except NotTrustedError as error:
            raise sfn._ExecutionError("States.TaskFailed", str(error)) from error
        session = boto3.Session(
            credentials["AccessKeyId"],
            credentials["SecretAccessKey"],
            credentials["SessionToken"],
            region_name=REGION,
        )
        _sessions[role_arn, source_arn] = (time.monotonic() + SESSION_SECONDS / 2, session)
        return session
