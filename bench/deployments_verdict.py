"""Holds what a deployment has left against what docs/deployment.md says that it leaves."""

from __future__ import annotations

from dataclasses import dataclass

POLICIES = 2  # the backlog is tracked, and the first job wakes


@dataclass(frozen=True)
class Course:
    """How it came: what served, what was asked for, what was reached.

    Parameters
    ----------
    before
        The package that served and was proven; empty: none.
    asked
        The package of the deployment that was started last.
    outcome
        Of that deployment: its outcome, or the execution's status where it has none.
    proof_recorded
        Whether a deployment of ``asked`` came past recording its model as proven.
    endpoint_created
        Whether it had made the endpoint, where none served.
    model_fails
        Whether its model cannot answer the smoke job.
    never_came
        Failures that were planned and did not happen.
    """

    before: str
    asked: str
    outcome: str
    proof_recorded: bool = False
    endpoint_created: bool = False
    model_fails: bool = False
    never_came: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sight:
    """What is there once everything has ended.

    Parameters
    ----------
    status
        Of the endpoint; empty: there is none.
    package, config
        What it serves.
    proven
        The configuration that a later failure goes back to.
    fast_package
        What the fast lane serves, where jobs are sent to it; None: they are not.
    has_target, policies, wakes
        Whether it scales: target, number of policies, alarm that calls the second one.
    grew, woke
        Whether a backlog brought an instance, and the first job one where there was none.
    unfinished
        Jobs that were accepted and are not Completed.
    """

    status: str
    package: str = ""
    config: str = ""
    proven: str = ""
    fast_package: str | None = None
    has_target: bool = False
    policies: int = 0
    wakes: bool = False
    grew: bool = False
    woke: bool = False
    unfinished: tuple[str, ...] = ()

    @property
    def serves(self) -> bool:
        """Whether there is an endpoint that answers."""
        return self.status == "InService"

    @property
    def scales(self) -> bool:
        """Whether it has all that scales it, and it did."""
        has_all = self.has_target and self.policies == POLICIES and self.wakes
        return has_all and self.grew and self.woke


def right_package(course: Course) -> str:
    """Return the package that has to serve in the end; empty: none."""
    if not course.model_fails and (course.outcome == "DEPLOYED" or course.proof_recorded):
        return course.asked
    if course.before or course.outcome == "WITHDRAWN":
        return course.before
    # There is none to go back to, and nothing says that the new one is bad
    return course.asked if course.endpoint_created else ""


def service_faults(course: Course, sight: Sight) -> list[str]:
    """Return what is wrong with what serves, and with what scales it."""
    right = right_package(course)
    if not right:
        return [f"{sight.package} serves, and nothing should"] if sight.serves else []
    if not sight.serves:
        return [f"nothing serves ({sight.status or 'no endpoint'}), not {right}"]
    faults = []
    if sight.package != right:
        faults.append(f"{sight.package or 'another model'} serves, not {right}")
    if sight.proven != sight.config and (course.before or course.proof_recorded):
        faults.append(f"proven is {sight.proven or 'nothing'}, not {sight.config}")
    if sight.fast_package not in (None, sight.package):
        faults.append(f"the fast lane answers by {sight.fast_package}")
    if not sight.has_target:
        faults.append("no scalable target")
    if sight.policies != POLICIES:
        faults.append(f"{sight.policies} of {POLICIES} scaling policies")
    if not sight.wakes:
        faults.append("no alarm that wakes it")
    return faults


def faults(course: Course, sight: Sight) -> list[str]:
    """Return everything that is wrong."""
    found = [f"never came: {failure}" for failure in course.never_came]
    found += service_faults(course, sight)
    if right_package(course) and sight.serves:
        found += [] if sight.grew else ["a backlog brought no instance"]
        found += [] if sight.woke else ["the first job woke no instance"]
    if sight.unfinished:
        few = ", ".join(sight.unfinished[:3])
        found.append(f"{len(sight.unfinished)} jobs are not Completed: {few}")
    return found
