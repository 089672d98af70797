"""The fault run finds every job that is off, and breaks the same things for the same seed."""

from __future__ import annotations

import pytest

from bench.jobs_plan import KILLED_FUNCTIONS, IncidentKind, JobFault, draw
from bench.jobs_verdict import Expectation, FaultKind, Finding, judge

DONE = Expectation("a", "Completed", result="r")


@pytest.mark.parametrize(
    ("expected", "listed", "fault"),
    [
        (DONE, [], FaultKind.LOST),
        (DONE, [Finding("a", "Queued")], FaultKind.STUCK),
        (DONE, [Finding("a", "Completed", "r", lane="serverless")] * 2, FaultKind.DOUBLED),
        (DONE, [Finding("a", "Completed", "other")], FaultKind.WRONG),
        (DONE, [Finding("a", "Expired", error_code="expired")], FaultKind.WRONG),
        (DONE, [Finding("a", "Completed", "r")], FaultKind.NO_LANE),
        (
            Expectation("a", "Failed", error_code="not_a_recording"),
            [Finding("a", "Failed", error_code="processing_failed")],
            FaultKind.WRONG,
        ),
        (
            DONE,
            [Finding("a", "Completed", "r", lane="serverless"), Finding("b", "Queued")],
            FaultKind.UNKNOWN,
        ),
    ],
)
def test_a_job_that_is_off_is_told(
    expected: Expectation, listed: list[Finding], fault: FaultKind
) -> None:
    assert [found.kind for found in judge([expected], listed)] == [fault]


def test_nothing_is_told_of_jobs_that_are_as_they_must_be() -> None:
    abandoned = Expectation("b", "Completed", result="r", may_be_missing=True)
    assert judge([DONE, abandoned], [Finding("a", "Completed", "r", lane="serverless")]) == []
    both = [
        Finding("a", "Completed", "r", lane="serverless"),
        Finding("b", "Completed", "r", lane="asynchronous"),
    ]
    assert judge([DONE, abandoned], both) == []


def test_a_run_is_drawn_from_its_seed_alone() -> None:
    def drawn(seed: int) -> object:
        return draw(500, seed, run="r", good=["g"], bad=["b"], long=["l"])

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_a_long_run_has_every_fault_and_every_incident_in_the_midst_of_it() -> None:
    plan = draw(2000, 1, run="r", good=["g"], bad=["b"], long=["l"])
    assert {fault for job in plan.jobs for fault in job.faults} == set(JobFault)
    assert {incident.kind for incident in plan.incidents} == set(IncidentKind)
    assert all(0 < incident.after < 2000 for incident in plan.incidents)
    assert len({job.job_id for job in plan.jobs}) == 2000
    assert {job.recording for job in plan.jobs} == {"g", "b", "l"}
    killed = {one.function for one in plan.incidents if one.kind is IncidentKind.FUNCTION_KILLED}
    assert killed == set(KILLED_FUNCTIONS)
