"""Has CloudFormation delete the stack itself, and waits for that."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_pipeline.removal.account import GONE, Account, Target
from femo_pipeline.removal.waiting import Failure, Tell, pauses

__all__ = ["STACK", "delete_stack"]

STACK = "Stack"
SECONDS = 3600.0  # longest wait
UNDER_WAY = "DELETE_IN_PROGRESS"
ENDED = ("DELETE_COMPLETE", "DELETE_SKIPPED")


def delete_stack(account: Account, target: Target, tell: Tell) -> list[Failure]:
    """Delete a stack; return what could not be deleted."""
    stack_id = str(target.stack_id)
    try:
        account.cloudformation.delete_stack(StackName=stack_id)
        status = _wait(account, target, tell)
        stuck = [] if status in (GONE, UNDER_WAY) else _stuck(account, stack_id)
    except (ClientError, BotoCoreError) as error:
        status, stuck = str(error), []
    if status == GONE:
        return []
    if stuck:
        return [_failure(target, *one, "take away what the reason names") for one in stuck]
    todo = {UNDER_WAY: "CloudFormation goes on by itself"}.get(status, "see the stack's events")
    return [_failure(target, target.stack, status, todo)]


def _failure(target: Target, name: str, reason: str, todo: str) -> Failure:
    return Failure(STACK, name, reason, f"{todo}; then: femo remove {target.stack}")


def _wait(account: Account, target: Target, tell: Tell) -> str:
    """Return the stack's status once its deletion has ended, or the wait has."""
    stack_id = str(target.stack_id)
    deadline = time.monotonic() + SECONDS * account.patience
    waits = pauses(account.poll_seconds)
    told = -1
    while True:
        stack = account.cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
        status: str = stack["StackStatus"]
        if status != UNDER_WAY or time.monotonic() >= deadline:
            return status
        left = sum(one["ResourceStatus"] not in ENDED for one in _resources(account, stack_id))
        if left != told:
            tell(f"{STACK}: {target.stack}, {left} resources left")
            told = left
        threading.Event().wait(next(waits))


def _resources(account: Account, stack_id: str) -> Iterator[Any]:
    pages = account.cloudformation.get_paginator("list_stack_resources").paginate(
        StackName=stack_id
    )
    for page in pages:
        yield from page["StackResourceSummaries"]


def _stuck(account: Account, stack_id: str) -> list[tuple[str, str]]:
    """Return the resources that could not be deleted, and why."""
    return [
        (
            f"{one['LogicalResourceId']} ({one.get('PhysicalResourceId', '')})",
            one.get("ResourceStatusReason", "CloudFormation does not say why"),
        )
        for one in _resources(account, stack_id)
        if one["ResourceStatus"] == "DELETE_FAILED"
    ]
