"""Starts, redrives and looks into executions of the state machines."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterable
from typing import Any

import psutil

from .conftest import Stack

# For a run whose model does not matter
NO_GATE = {"metric": "f1", "minimum": 0, "gain": -1}


def begin(stack: Stack, machine: str, machine_input: dict[str, Any]) -> str:
    """Start an execution of ``Training``, ``Approval`` or ``Deployment``."""
    arn: str = stack.client("stepfunctions").start_execution(
        stateMachineArn=stack.outputs[f"{machine}StateMachineArn"], input=json.dumps(machine_input)
    )["executionArn"]
    return arn


def redrive(stack: Stack, arn: str) -> dict[str, Any]:
    """Redrive an execution, and return it once it has ended again."""
    stack.client("stepfunctions").redrive_execution(executionArn=arn)
    return stack.wait_for_execution(arn)


def entered(stack: Stack, arn: str) -> list[str]:
    """Return the states that an execution has entered, in order."""
    pages = stack.client("stepfunctions").get_paginator("get_execution_history")
    return [
        event["stateEnteredEventDetails"]["name"]
        for page in pages.paginate(executionArn=arn)
        for event in page["events"]
        if "stateEnteredEventDetails" in event
    ]


def plan_failures(
    stack: Stack, machine: str, *, before: Iterable[str] = (), after: Iterable[str] = ()
) -> list[str]:
    """Have tasks fail once each; return those that were planned and never came."""
    plan = {
        "stateMachineArn": stack.outputs[f"{machine}StateMachineArn"],
        "before": sorted(before),
        "after": sorted(after),
    }
    forgotten: list[str] = control(stack, "fail-tasks", plan)["forgotten"]
    return forgotten


def control(stack: Stack, route: str, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the local AWS for what no AWS has: failures, time that passes at once, quotas."""
    ministack = psutil.Process(stack.description["processes"]["MiniStack"])
    asked = urllib.request.Request(
        f"{stack.environment['AWS_ENDPOINT_URL']}/_local/{route}",
        json.dumps(request).encode(),
        {"X-Local-Aws-Key": ministack.environ()["LOCAL_AWS_KEY"]},
    )
    with urllib.request.urlopen(asked, timeout=120) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
