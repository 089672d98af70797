"""Does to the deployment machine what the plan says, and sees what is left."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tenacity import RetryError

from bench.deployments_ground import Ground
from bench.deployments_jobs import Jobs
from bench.deployments_plan import FEW_JOBS, Failure, Moment, Scenario, Situation
from bench.deployments_verdict import Course, Sight, faults, right_package, service_faults
from bench.jobs_stack import KeptStack, wait_for

EXECUTION_SECONDS = 300.0
FULL_INSTANCE = 6  # jobs: one above TargetBacklogPerInstance
MOST_MINUTES = 12  # the cool-down, an alarm's minutes, and the metric's
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass(frozen=True)
class Result:
    """What came of one scenario.

    Parameters
    ----------
    restored_by
        What brought it in order after the deployment: nothing, its restoration, or the check.
    seconds
        From the deployment's start until the restoration had ended; s.
    """

    scenario: Scenario
    course: Course
    sight: Sight
    restored_by: str
    seconds: float
    faults: tuple[str, ...]


class Drill:
    """One stack, one scenario after the other.

    Parameters
    ----------
    packages
        ARNs of two approved packages; the first one serves.
    """

    def __init__(self, stack: KeptStack, ground: Ground, jobs: Jobs, packages: list[str]) -> None:
        self._stack = stack
        self._ground = ground
        self._jobs = jobs
        self._packages = {arn.split(":model-package/")[1]: arn for arn in packages}
        self._machines = stack.client("stepfunctions")

    def run(self, scenario: Scenario) -> Result:
        """Do it, and judge what is left; what does not end in time is a fault too."""
        began = time.monotonic()
        try:
            return self._run(scenario)
        except RetryError:
            self._stack.control("sagemaker-controls", {"quotas": None})
            left = tuple(self._jobs.unfinished())
            course, sight = Course("", "", "NOT ENDED"), Sight("", unfinished=left)
            told = ("something did not end in its time",)
            return Result(scenario, course, sight, "", time.monotonic() - began, told)

    def _run(self, scenario: Scenario) -> Result:
        old = self._in_order()
        new = next(name for name in self._packages if name != old)
        self._ground.prepare(scenario.situation)
        began = time.monotonic()
        executions = self._deploy(scenario, old, new)
        for arn in executions:
            if self._wait(arn)["status"] == "SUCCEEDED":
                self._ground.end_lease(arn)
        self._wait_for_restorations(executions)
        seconds = time.monotonic() - began
        course = self._course(scenario, executions, old, new)
        sight, restored_by = self._restored(course, executions)
        self._ground.tidy()
        if right_package(course) and sight.serves:
            sight = self._scale(sight)
        else:
            self._in_order()
        sight = replace(sight, unfinished=tuple(self._jobs.unfinished()))
        return Result(scenario, course, sight, restored_by, seconds, tuple(faults(course, sight)))

    def _in_order(self) -> str:
        """Return the package that serves, is proven and scales; deploy one where none does."""
        self._ground.tidy()
        sight = self._ground.look()
        whole = sight.has_target and sight.wakes and sight.proven == sight.config
        if not (sight.serves and whole and sight.package in self._packages):
            arn = self.begin("Deployment", {"modelPackageArn": next(iter(self._packages.values()))})
            ended = self._wait(arn)
            if json.loads(ended.get("output", "{}")).get("outcome") != "DEPLOYED":
                raise RuntimeError(f"no model could be put back into service: {ended}")
            sight = self._ground.look()
        return sight.package

    def begin(self, machine: str, given: dict[str, str]) -> str:
        """Start an execution and return its ARN."""
        arn: str = self._machines.start_execution(
            stateMachineArn=self._stack.outputs[f"{machine}StateMachineArn"],
            input=json.dumps(given),
        )["executionArn"]
        return arn

    def _deploy(self, scenario: Scenario, old: str, new: str) -> list[str]:
        """Start the deployment, do to it what is planned, and return the executions."""
        if scenario.quota is not None:
            quotas = {
                f"{kind} for endpoint usage": scenario.quota
                for kind in ("ml.m5.large", "ml.m5.xlarge")
            }
            self._stack.control("sagemaker-controls", {"quotas": quotas})
        self._plan([one for one in scenario.failures if one.machine != "newer"])
        with self._ground.frozen() if scenario.backlog > FEW_JOBS else nullcontext():
            self._jobs.submit(scenario.backlog)
            arn = self.begin("Deployment", {"modelPackageArn": self._packages[new]})
            if scenario.backlog > FEW_JOBS:
                self._wait_until_in(arn, "UpdateEndpoint")
        self._jobs.submit(FEW_JOBS)
        if scenario.stopped_at:
            self._wait_until_in(arn, scenario.stopped_at)
            self._machines.stop_execution(executionArn=arn)
        if not scenario.newer_at:
            return [arn]
        self._wait_until_in(arn, scenario.newer_at)
        if newer := [one for one in scenario.failures if one.machine == "newer"]:
            self._plan(newer)
        return [arn, self.begin("Deployment", {"modelPackageArn": self._packages[old]})]

    def _plan(self, failures: Sequence[Failure]) -> None:
        for machine in ("Deployment", "Restoration"):
            mine = [
                one
                for one in failures
                if (one.machine == "Restoration") == (machine != "Deployment")
            ]
            self._stack.control(
                "fail-tasks",
                {
                    "stateMachineArn": self._stack.outputs[f"{machine}StateMachineArn"],
                    **{
                        str(moment): [one.state for one in mine if one.moment is moment]
                        for moment in Moment
                    },
                },
            )

    def _never_came(self) -> list[str]:
        """Return the planned failures that did not happen."""
        return [
            failure
            for machine in ("Deployment", "Restoration")
            for failure in self._stack.control(
                "fail-tasks",
                {"stateMachineArn": self._stack.outputs[f"{machine}StateMachineArn"]},
            )["forgotten"]
        ]

    def _events(self, arn: str) -> list[dict[str, Any]]:
        pages = self._machines.get_paginator("get_execution_history")
        return [event for page in pages.paginate(executionArn=arn) for event in page["events"]]

    def _states(self, arn: str, way: str) -> list[str]:
        """Return the states that an execution has ``Entered`` or ``Exited``."""
        details = f"state{way}EventDetails"
        return [event[details]["name"] for event in self._events(arn) if details in event]

    def _wait_until_in(self, arn: str, state: str) -> None:
        """Wait until an execution is in a state, or past it, or has ended."""
        wait_for(
            lambda: (
                state in self._states(arn, "Entered") or self._described(arn)["status"] in ENDED
            ),
            EXECUTION_SECONDS,
            every=0.05,
        )

    def _described(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = self._machines.describe_execution(executionArn=arn)
        return found

    def _wait(self, arn: str) -> dict[str, Any]:
        ended: dict[str, Any] = wait_for(
            lambda: self._described(arn)["status"] in ENDED and self._described(arn),
            EXECUTION_SECONDS,
        )
        return ended

    def _wait_for_restorations(self, executions: list[str]) -> None:
        """Wait for the restoration of each execution that did not succeed."""
        for arn in executions:
            if self._described(arn)["status"] == "SUCCEEDED":
                continue
            wait_for(partial(self._is_restored, arn), EXECUTION_SECONDS)

    def _is_restored(self, arn: str) -> bool:
        """Say whether the restoration that an execution has brought about is over."""
        machine = self._stack.outputs["RestorationStateMachineArn"]
        recent = self._machines.list_executions(stateMachineArn=machine, maxResults=20)
        for one in recent["executions"]:
            described = self._described(one["executionArn"])
            if json.loads(described["input"]).get("restore") == arn:
                return described["status"] in ENDED
        return False

    def _course(self, scenario: Scenario, executions: list[str], old: str, new: str) -> Course:
        last, asked = executions[-1], old if scenario.newer_at else new
        ended, exited = self._described(last), self._states(last, "Exited")
        made = (
            "CreateEndpoint" in exited
            or Failure("CreateEndpoint", Moment.AFTER) in scenario.failures
        )
        # An older one may have come to its end just before it was overtaken
        if any("Deployed" in self._states(arn, "Exited") for arn in executions[:-1]):
            old, new = new, old
        none_serves = scenario.situation in (Situation.NOTHING, Situation.BAD_FIRST)
        replaced = scenario.situation is not Situation.BROKEN or made
        return Course(
            before=old if replaced and not none_serves else "",
            asked=asked,
            outcome=json.loads(ended.get("output", "{}")).get("outcome", ended["status"]),
            proof_recorded="RecordProof" in exited and "Deployed" in exited,
            endpoint_created=made and none_serves,
            model_fails=scenario.situation in (Situation.BAD, Situation.BAD_FIRST),
            never_came=tuple(self._never_came()),
        )

    def _restored(self, course: Course, executions: list[str]) -> tuple[Sight, str]:
        """Look at what is left; where that is not right yet, the check may still come."""
        sight = self._ground.look()
        failed = any(self._described(arn)["status"] != "SUCCEEDED" for arn in executions)
        if not service_faults(course, sight):
            return sight, "its restoration" if failed else ""
        self._ground.pass_half_an_hour()
        return self._ground.look(), "the check"

    def _scale(self, sight: Sight) -> Sight:
        """See whether it scales out with a backlog, and wakes from no instance."""
        self._ground.resize(1)
        with self._ground.frozen():
            self._jobs.submit(FULL_INSTANCE)
            grew = self._pass_minutes_until(2)
        self._jobs_are_done()
        self._ground.resize(0)
        self._jobs.submit(1)
        return replace(sight, grew=grew, woke=self._pass_minutes_until(1))

    def _jobs_are_done(self) -> None:
        wait_for(lambda: not self._stack.queued(), EXECUTION_SECONDS)

    def _pass_minutes_until(self, instances: int) -> bool:
        """Let minutes pass until there are so many instances; say whether they came."""
        for _ in range(MOST_MINUTES):
            self._stack.control("advance", {"seconds": 60})
            if self._ground.instances() >= instances:
                return True
        return False
