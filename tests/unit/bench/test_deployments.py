"""The drill of the deployment machine tells of every wrong end, and leaves no task out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.deployments_plan import (
    BACKLOG_JOBS,
    LEADS_TO,
    SITUATION_OF,
    Failure,
    Moment,
    scenarios,
    tasks,
)
from bench.deployments_verdict import Course, Sight, faults

DEPLOYED = Course(before="femo/1", asked="femo/2", outcome="DEPLOYED", proof_recorded=True)
FAILED = Course(before="femo/1", asked="femo/2", outcome="FAILED")
NEW = Sight(
    status="InService",
    package="femo/2",
    config="c2",
    proven="c2",
    fast_package="femo/2",
    has_target=True,
    policies=2,
    wakes=True,
    grew=True,
    woke=True,
)
OLD = replace(NEW, package="femo/1", config="c1", proven="c1", fast_package="femo/1")
NOTHING = Sight(status="")


@pytest.mark.parametrize(
    ("course", "sight"),
    [
        (DEPLOYED, NEW),
        (FAILED, OLD),
        (FAILED, replace(OLD, fast_package=None)),
        (replace(FAILED, proof_recorded=True), NEW),
        (replace(FAILED, outcome="ROLLED_BACK", model_fails=True), OLD),
        (replace(FAILED, before="", outcome="WITHDRAWN", model_fails=True), NOTHING),
        (replace(FAILED, before=""), NOTHING),
        (replace(FAILED, before="", endpoint_created=True), replace(NEW, proven="")),
    ],
)
def test_an_end_as_the_documentation_promises_it_is_right(course: Course, sight: Sight) -> None:
    assert faults(course, sight) == []


@pytest.mark.parametrize(
    ("course", "sight", "word"),
    [
        (DEPLOYED, OLD, "serves, not femo/2"),
        (FAILED, NEW, "serves, not femo/1"),
        (replace(DEPLOYED, model_fails=True), NEW, "serves, not femo/1"),
        (replace(FAILED, outcome="NOT_ROLLED_BACK"), NEW, "serves, not femo/1"),
        (replace(FAILED, outcome="WITHDRAWN"), NOTHING, "nothing serves"),
        (FAILED, NOTHING, "nothing serves"),
        (FAILED, replace(OLD, status="Failed"), "nothing serves"),
        (replace(FAILED, before="", outcome="WITHDRAWN"), NEW, "nothing should"),
        (FAILED, replace(OLD, proven="c2"), "proven is c2"),
        (FAILED, replace(OLD, fast_package="femo/2"), "fast lane"),
        (FAILED, replace(OLD, fast_package=""), "fast lane"),
        (DEPLOYED, replace(NEW, has_target=False), "target"),
        (DEPLOYED, replace(NEW, policies=1), "policies"),
        (DEPLOYED, replace(NEW, wakes=False), "alarm"),
        (DEPLOYED, replace(NEW, grew=False), "backlog"),
        (DEPLOYED, replace(NEW, woke=False), "woke"),
        (DEPLOYED, replace(NEW, unfinished=("job-1",)), "job-1"),
        (replace(DEPLOYED, never_came=("before Tell",)), NEW, "never came"),
    ],
)
def test_a_wrong_end_is_told(course: Course, sight: Sight, word: str) -> None:
    (told,) = faults(course, sight)
    assert word in told


def test_every_task_of_the_machine_fails_before_and_after_its_call() -> None:
    names = tasks()
    failures = {
        replace(failure, machine="Deployment")
        for scenario in scenarios(names)
        for failure in scenario.failures
    }
    assert failures >= {Failure(name, moment) for name in names for moment in Moment}


def test_a_state_that_was_renamed_is_not_looked_for_in_vain() -> None:
    names = set(tasks())
    assert set(SITUATION_OF) | set(LEADS_TO) | {state for state, _ in LEADS_TO.values()} <= names


def test_stops_overlaps_quotas_and_a_backlog_are_tried() -> None:
    plan = scenarios(tasks())
    assert {scenario.quota for scenario in plan} == {None, 0, 1}
    assert any(scenario.stopped_at for scenario in plan)
    assert any(scenario.newer_at for scenario in plan)
    assert any(scenario.backlog == BACKLOG_JOBS for scenario in plan)
    assert len(set(map(str, plan))) == len(plan)
