"""What `bench.deployments` does to the deployment machine: failures, stops, overlaps, quotas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bench.engine import ROOT

MACHINE = ROOT / "statemachines" / "deployment.asl.json"
BACKLOG_JOBS = 100
FEW_JOBS = 2


class Situation(StrEnum):
    """What a deployment finds."""

    SERVING = "another package serves"
    BAD = "the model fails its smoke job"
    OTHER_TYPE = "what serves has another instance type"
    NOTHING = "nothing serves"
    BAD_FIRST = "nothing serves, and the model fails its smoke job"
    BROKEN = "the endpoint has failed"
    NO_FAST_LANE = "there is no fast lane"
    BROKEN_FAST_LANE = "the fast lane has failed"


class Moment(StrEnum):
    """When a task fails: without having been made, or its answer lost."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True)
class Failure:
    """One task that fails once."""

    state: str
    moment: Moment
    machine: str = "Deployment"

    def __str__(self) -> str:
        where = "" if self.machine == "Deployment" else f" of the {self.machine.lower()}"
        return f"{self.moment} {self.state}{where}"


@dataclass(frozen=True)
class Scenario:
    """One thing that is done, from a served, proven and scaling endpoint.

    Parameters
    ----------
    failures
        Tasks that fail; each must have come.
    stopped_at
        The state in which the execution is stopped; empty: it is not.
    newer_at
        The state at which a newer deployment, of what served before, is started; empty: none.
    quota
        Instances of the endpoint's type that the account may have; None: no limit.
    backlog
        Jobs that wait when the deployment begins.
    """

    situation: Situation = Situation.SERVING
    failures: tuple[Failure, ...] = ()
    stopped_at: str = ""
    newer_at: str = ""
    quota: int | None = None
    backlog: int = FEW_JOBS

    def __str__(self) -> str:
        parts = [f"fails {', '.join(map(str, self.failures))}"] if self.failures else []
        parts += [f"stopped at {self.stopped_at}"] if self.stopped_at else []
        parts += [f"a newer one at {self.newer_at}"] if self.newer_at else []
        parts += [f"quota {self.quota}"] if self.quota is not None else []
        parts += [f"{self.backlog} jobs wait"] if self.backlog != FEW_JOBS else []
        done = "; ".join(parts) or "nothing is done"
        return done if self.situation is Situation.SERVING else f"{self.situation}: {done}"


# Where a state is come by; all others lie on the way of every deployment
SITUATION_OF = {
    "DescribePreviousConfig": Situation.BAD,
    "DescribeRolledBackEndpoint": Situation.BAD,
    "HoldWhileGoingBack": Situation.BAD,
    "RollBack": Situation.BAD,
    "Tell": Situation.BAD,
    "StopScaling": Situation.OTHER_TYPE,
    "CreateEndpoint": Situation.NOTHING,
    "Withdraw": Situation.BAD_FIRST,
    "ForgetProof": Situation.BAD_FIRST,
    "RemoveBrokenEndpoint": Situation.BROKEN,
    "CreateFastLane": Situation.NO_FAST_LANE,
    "RemoveBrokenFastLane": Situation.BROKEN_FAST_LANE,
}
# What has to fail first
LEADS_TO = {
    "ForgetFastLane": ("ProveFastLane", Moment.BEFORE),
    "TurnFastLaneOff": ("ProveFastLane", Moment.BEFORE),
    "TellNotCleaned": ("ListOldConfigs", Moment.BEFORE),
    "TakeProofBack": ("RecordProof", Moment.BEFORE),
}
OF_RESTORATION = ("LookForScaling", "MeasureScaling")
# Where two meet: the newer one looks who is at work
OF_MEETING = ("ReadLease", "HandOver")
MEETING_STATE = "WaitForSmokeJob"
STOPS = (
    ("WaitForEndpoint", Situation.SERVING),
    ("TrackBacklog", Situation.SERVING),
    ("WaitForSmokeJob", Situation.SERVING),
    ("WaitForFastLane", Situation.SERVING),
    ("WaitForRollBack", Situation.BAD),
    ("WaitForEndpoint", Situation.OTHER_TYPE),
    ("WaitForEndpoint", Situation.NOTHING),
)
MEETINGS = ("HoldBeforeChange", "WaitForEndpoint", "WaitForSmokeJob", "WaitForFastLane")
# A newer deployment that fails early, with an older one at work that gives way to it
EARLY = ("AcquireEndpoint", "CreateModel", "HoldBeforeChange")
OLD_AND_NEW = 2  # instances of an update of one


def tasks(machine: Path = MACHINE) -> list[str]:
    """Return the names of the machine's task states, in their order."""
    states = json.loads(machine.read_text())["States"]
    return [name for name, state in states.items() if state["Type"] == "Task"]


def scenarios(names: list[str]) -> list[Scenario]:
    """Return everything that is done, given the machine's task states."""
    return [
        Scenario(),
        *(Scenario(situation, stopped_at=state) for state, situation in STOPS),
        *_meetings(),
        *_quotas(),
        *_backlogs(),
        *_in_restorations(),
        *(_failing(state, moment) for state in names for moment in Moment),
    ]


def _failing(state: str, moment: Moment) -> Scenario:
    failure = Failure(state, moment)
    if state in OF_RESTORATION:
        failure = Failure(state, moment, "Restoration")
        return Scenario(failures=(Failure("HoldBeforeChange", Moment.BEFORE), failure))
    if state in OF_MEETING:
        return Scenario(failures=(failure,), newer_at=MEETING_STATE)
    before = (Failure(*LEADS_TO[state]),) if state in LEADS_TO else ()
    return Scenario(SITUATION_OF.get(state, Situation.SERVING), (*before, failure))


def _in_restorations() -> Iterator[Scenario]:
    """Restorations that fail themselves: the check that comes by time is all that is left."""
    unproven = Failure("HoldWhileProving", Moment.BEFORE)
    for state in (
        "AcquireEndpoint",
        "DescribePreviousConfig",
        "RollBack",
        "RegisterScalableTarget",
    ):
        yield Scenario(failures=(unproven, Failure(state, Moment.AFTER, "Restoration")))


def _meetings() -> Iterator[Scenario]:
    for state in MEETINGS:
        yield Scenario(newer_at=state)
    yield Scenario(Situation.BAD, newer_at="WaitForRollBack")
    for state in EARLY:
        yield Scenario(failures=(Failure(state, Moment.AFTER, "newer"),), newer_at=MEETING_STATE)


def _quotas() -> Iterator[Scenario]:
    for quota in range(OLD_AND_NEW):
        yield Scenario(quota=quota)
        yield Scenario(Situation.OTHER_TYPE, quota=quota)
    yield Scenario(Situation.NOTHING, quota=0)


def _backlogs() -> Iterator[Scenario]:
    for situation in (Situation.SERVING, Situation.BAD):
        yield Scenario(situation, backlog=BACKLOG_JOBS)
    for state in ("DescribeEndpoint", "HoldWhileProving"):
        yield Scenario(failures=(Failure(state, Moment.BEFORE),), backlog=BACKLOG_JOBS)
    yield Scenario(stopped_at="WaitForEndpoint", backlog=BACKLOG_JOBS)
    yield Scenario(newer_at="WaitForSmokeJob", backlog=BACKLOG_JOBS)
    yield Scenario(quota=1, backlog=BACKLOG_JOBS)
