"""A removal: what there is, taking it away in order, and what became of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_pipeline.errors import StackError
from femo_pipeline.removal.account import Account, Target
from femo_pipeline.removal.kept import Kept, kept
from femo_pipeline.removal.stack_deletion import STACK, delete_stack
from femo_pipeline.removal.steps import AFTER, BEFORE, Step
from femo_pipeline.removal.waiting import Failure, Tell, is_denied, pauses

__all__ = ["Plan", "Report", "look", "remove"]

OPEN_INDEX = "open-by-next-check"


@dataclass(frozen=True)
class Plan:
    """What a removal would take away, and what it would leave."""

    target: Target
    found: Mapping[str, tuple[str, ...]]  # title of a step -> what there is
    open_jobs: int | None  # None where it cannot be told, or the stack has gone
    kept: tuple[Kept, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to take away."""
        return not self.target.is_there and not any(self.found.values())

    def as_json(self) -> dict[str, Any]:
        """Return the plan as JSON holds it."""
        return {
            "stack": self.target.stack,
            "stackStatus": self.target.status,
            "openJobs": self.open_jobs,
            "found": {title: list(names) for title, names in self.found.items()},
            "kept": [one.as_json() for one in self.kept],
        }


@dataclass(frozen=True)
class Report:
    """What a removal has done."""

    target: Target
    removed: tuple[tuple[str, str], ...]  # step and name, in order
    failures: tuple[Failure, ...]
    kept: tuple[Kept, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON holds it."""
        return {
            "stack": self.target.stack,
            "removed": [{"step": step, "name": name} for step, name in self.removed],
            "failures": [one.as_json() for one in self.failures],
            "kept": [one.as_json() for one in self.kept],
        }


def look(account: Account, target: Target) -> Plan:
    """Find all that a removal would take away.

    Raises
    ------
    StackError
        If a service cannot be asked.
    """
    found = {}
    for step in (*BEFORE, *(() if target.is_there else AFTER)):
        try:
            found[step.title] = tuple(step.find(account, target))
        except (ClientError, BotoCoreError) as error:
            raise StackError(
                f"{step.title} of {target.names} cannot be looked up: {error}; "
                f"this needs {step.needs}"
            ) from error
    return Plan(target, found, _open_jobs(account, target), tuple(kept(account, target)))


def _open_jobs(account: Account, target: Target) -> int | None:
    """Count the jobs without an outcome, of every workspace; the index holds no others."""
    table = target.resource("JobTable")
    if table is None or not target.is_there:
        return None
    scan = account.dynamodb.get_paginator("scan")
    try:
        pages = scan.paginate(TableName=table.name, IndexName=OPEN_INDEX, Select="COUNT")
        return sum(page["Count"] for page in pages)
    except (ClientError, BotoCoreError):
        # A table with earlier keys, or one that has gone or is not ours to read
        return None


def remove(account: Account, target: Target, tell: Tell) -> Report:
    """Take a stack away, with what its machines have made.

    What cannot be taken away ends it before the stack goes, so that it can be tried again.

    Parameters
    ----------
    account : Account
    target : Target
    tell : callable
        Called with each line of progress.
    """
    left = tuple(kept(account, target))
    removed: list[tuple[str, str]] = []
    for step in BEFORE:
        if failures := _take(account, target, step, removed, tell):
            return Report(target, tuple(removed), tuple(failures), left)
    if target.is_there:
        if failures := delete_stack(account, target, tell):
            return Report(target, tuple(removed), tuple(failures), left)
        removed.append((STACK, target.stack))
    failures = [
        failure for step in AFTER for failure in _take(account, target, step, removed, tell)
    ]
    return Report(target, tuple(removed), tuple(failures), left)


def _take(
    account: Account, target: Target, step: Step, removed: list[tuple[str, str]], tell: Tell
) -> list[Failure]:
    """Take away what a step finds, until it finds nothing more."""
    seen: dict[str, str | None] = {}  # name -> why it was refused last
    deadline = time.monotonic() + step.seconds * account.patience
    waits = pauses(account.poll_seconds)
    try:
        while there := list(step.find(account, target)):
            for name in there:
                if name not in seen:
                    tell(f"{step.title}: {name}")
                seen[name] = _asked(account, step, name)
            if any(map(is_denied, seen.values())) or time.monotonic() >= deadline:
                break
            threading.Event().wait(next(waits))
    except (ClientError, BotoCoreError) as error:
        return [_failure(target, step, "(all)", str(error))]
    removed += [(step.title, name) for name in seen if name not in there]
    return [_failure(target, step, name, seen[name]) for name in there]


def _asked(account: Account, step: Step, name: str) -> str | None:
    """Ask for a thing to be taken away; return why not, where that is refused."""
    try:
        step.end(account, name)
    except (ClientError, BotoCoreError) as error:
        return str(error)
    return None


def _failure(target: Target, step: Step, name: str, reason: str | None) -> Failure:
    if reason is None:
        reason = f"still there after {step.seconds / 60:.0f} min"
        todo = "it goes on by itself"
    elif is_denied(reason):
        todo = f"have {step.needs} allowed"
    else:
        todo = "see the reason"
    return Failure(step.title, name, reason, f"{todo}; then: femo remove {target.stack}")
