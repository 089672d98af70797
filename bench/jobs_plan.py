"""What the fault run submits and what it breaks on the way: all drawn from one seed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class JobFault(StrEnum):
    """What happens to one job's requests and messages."""

    REPEATED = "POST repeated"
    RACED = "POST sent twice at once"
    CONTRADICTED = "POST with the same id and another body"
    UNANSWERED = "POST whose answer was lost, sent again"
    ABANDONED = "POST whose answer was lost, never sent again"
    TOLD_TWICE = "message published twice"
    TOLD_LATE = "message published again at the end"
    STALE_FAILURE = "failure published after the outcome"


class IncidentKind(StrEnum):
    """What happens to the whole stack."""

    SERVER_KILLED = "model server killed under a job of the queue"
    FAST_SERVER_KILLED = "serverless container killed under a job"
    FUNCTION_KILLED = "function killed at work"
    SUBSCRIPTIONS_LOST = "subscriptions of the completion function missing"
    PUBLISHING_DENIED = "results written and not told: endpoint may not publish"
    TABLE_DENIED = "completion function may not write"
    FAST_LANE_DENIED = "fast lane's function may neither write nor publish"
    FAST_MESSAGES_LOST = "messages in the fast lane's queue lost"
    UNREADABLE_MESSAGE = "message that nobody can read"
    SAGEMAKER_KILLED = "SageMaker killed, stack started again"


SHARES: Mapping[JobFault, float] = {
    JobFault.REPEATED: 0.04,
    JobFault.RACED: 0.02,
    JobFault.CONTRADICTED: 0.02,
    JobFault.UNANSWERED: 0.02,
    JobFault.TOLD_TWICE: 0.03,
    JobFault.TOLD_LATE: 0.02,
    JobFault.STALE_FAILURE: 0.03,
}
ABANDONED_SHARE = 0.01
BAD_SHARE = 0.03
LONG_SHARE = 0.05
# Functions that have a part in a job, by the stack's outputs
KILLED_FUNCTIONS = ("ApiFunctionName", "FastLaneFunctionName", "CompletionFunctionName")
# Incidents come while this part of the jobs is being submitted
FIRST, LAST = 0.05, 0.9


@dataclass(frozen=True)
class PlannedJob:
    """One job: what is asked for, and what goes wrong."""

    job_id: str
    recording: str  # name of one of the recordings
    options: Mapping[str, bool]
    faults: frozenset[JobFault] = frozenset()

    @property
    def may_be_missing(self) -> bool:
        """Whether nobody was told that the job was accepted."""
        return JobFault.ABANDONED in self.faults


@dataclass(frozen=True)
class Incident:
    """Something that happens to the stack."""

    kind: IncidentKind
    after: int  # jobs submitted before it
    outcomes: int = 0  # inferences that end before it is over, where it lasts
    function: str = ""  # which is killed


@dataclass(frozen=True)
class Plan:
    """A whole run."""

    jobs: Sequence[PlannedJob]
    incidents: Sequence[Incident] = field(default=())


def draw(
    count: int,
    seed: int,
    *,
    run: str,
    good: Sequence[str],
    bad: Sequence[str],
    long: Sequence[str] = (),
) -> Plan:
    """Draw a run.

    Parameters
    ----------
    count
        Jobs.
    seed
        The same seed gives the same run.
    run
        First part of the jobs' ids.
    good, bad, long
        Names of recordings that can, and cannot, be analysed, and of such as take longer.
    """
    source = random.Random(seed)
    jobs = [_job(f"{run}-{number:05d}", source, good, bad, long or good) for number in range(count)]
    lasting = max(3, count // 200)
    numbers = {
        IncidentKind.SERVER_KILLED: (3 + count // 1000, 0),
        IncidentKind.FAST_SERVER_KILLED: (3 + count // 500, 0),
        IncidentKind.FUNCTION_KILLED: (6 + count // 250, 0),
        IncidentKind.FAST_LANE_DENIED: (1 + count // 5000, 3),
        IncidentKind.FAST_MESSAGES_LOST: (1 + count // 2000, 0),
        IncidentKind.SUBSCRIPTIONS_LOST: (1 + count // 5000, lasting),
        IncidentKind.PUBLISHING_DENIED: (1 + count // 5000, lasting),
        IncidentKind.TABLE_DENIED: (1 + count // 5000, 3),
        IncidentKind.UNREADABLE_MESSAGE: (2, 0),
        IncidentKind.SAGEMAKER_KILLED: (1 + count // 5000, 0),
    }
    incidents = [
        Incident(
            kind,
            int(count * source.uniform(FIRST, LAST)),
            outcomes,
            source.choice(KILLED_FUNCTIONS) if kind is IncidentKind.FUNCTION_KILLED else "",
        )
        for kind, (number, outcomes) in numbers.items()
        for _ in range(number)
    ]
    return Plan(jobs, sorted(incidents, key=lambda incident: incident.after))


def _job(
    job_id: str,
    source: random.Random,
    good: Sequence[str],
    bad: Sequence[str],
    long: Sequence[str],
) -> PlannedJob:
    kind = source.random()
    recording = source.choice(
        bad if kind < BAD_SHARE else long if kind < BAD_SHARE + LONG_SHARE else good
    )
    options = {
        name: source.random() < 0.5
        for name in ("removeHiccups", "includeFullIntervals", "extractEvents")
    }
    drawn = frozenset(fault for fault, share in SHARES.items() if source.random() < share)
    if source.random() < ABANDONED_SHARE:
        # Its caller does nothing else
        drawn = frozenset({JobFault.ABANDONED})
    return PlannedJob(job_id, recording, options, drawn)
