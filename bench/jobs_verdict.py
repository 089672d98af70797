"""Holds what the API says of the jobs at the end against what had to become of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

QUEUED = "Queued"
LANES = ("serverless", "asynchronous")


class FaultKind(StrEnum):
    """What is off with a job."""

    LOST = "lost"
    STUCK = "stuck"
    DOUBLED = "counted twice"
    WRONG = "wrong outcome"
    NO_LANE = "lane not told"
    UNKNOWN = "never submitted"


@dataclass(frozen=True)
class Expectation:
    """What has to become of a job."""

    job_id: str
    status: str
    result: str | None = None  # digest of a completed job's result
    error_code: str | None = None  # of a failed one
    may_be_missing: bool = False


@dataclass(frozen=True)
class Finding:
    """What the API lists."""

    job_id: str
    status: str
    result: str | None = None
    error_code: str | None = None
    lane: str | None = None


@dataclass(frozen=True)
class Fault:
    """A job that is off."""

    kind: FaultKind
    job_id: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.job_id}: {self.kind}" + (f" ({self.detail})" if self.detail else "")


def judge(expected: Iterable[Expectation], listed: Iterable[Finding]) -> list[Fault]:
    """Return every job that is lost, stuck, counted twice, wrong or not ours."""
    found = list(listed)
    times = Counter(finding.job_id for finding in found)
    faults = [
        Fault(FaultKind.DOUBLED, job_id, f"listed {count} times")
        for job_id, count in times.items()
        if count > 1
    ]
    by_id = {finding.job_id: finding for finding in found}
    wanted = {expectation.job_id: expectation for expectation in expected}
    faults += [Fault(FaultKind.UNKNOWN, job_id) for job_id in times if job_id not in wanted]
    for expectation in wanted.values():
        finding = by_id.get(expectation.job_id)
        if finding is None:
            if not expectation.may_be_missing:
                faults.append(Fault(FaultKind.LOST, expectation.job_id))
        elif finding.status == QUEUED:
            faults.append(Fault(FaultKind.STUCK, expectation.job_id))
        elif difference := _difference(expectation, finding):
            faults.append(Fault(FaultKind.WRONG, expectation.job_id, difference))
        elif finding.lane not in LANES:
            faults.append(Fault(FaultKind.NO_LANE, expectation.job_id, str(finding.lane)))
    return faults


def _difference(expectation: Expectation, finding: Finding) -> str:
    if finding.status != expectation.status:
        return f"{finding.status} ({finding.error_code}), not {expectation.status}"
    if finding.error_code != expectation.error_code:
        return f"error {finding.error_code}, not {expectation.error_code}"
    if finding.result != expectation.result:
        return "another result"
    return ""
