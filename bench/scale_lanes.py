"""One simulated day: where each recording goes, how long it takes and what it costs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import simpy
from numpy.typing import NDArray

from bench.scale_arrivals import DAY, arrivals, batched
from bench.scale_controller import Controller
from bench.scale_fleet import Fleet, Job
from bench.scale_policies import Policies
from bench.scale_prices import Recording, Serverless, World

Lane = Literal["asynchronous", "serverless", "mixed"]
LANES: tuple[Lane, ...] = ("asynchronous", "serverless", "mixed")
MOST_JOBS = 2_000_000  # simulated one by one; beyond it each stands for some
TOGETHER = 3600.0  # s after midnight, of recordings that come at once
AFTER = 7 * 3600.0  # s after the day's end: the longest time to live, and an hour


@dataclass(frozen=True)
class Day:
    """What became of the recordings of some days."""

    waits: NDArray[np.float64]  # s from upload to result, each standing for as many recordings
    recordings: int
    days: int
    expired: int
    refused: int  # by the serverless lane's limits
    interrupted: int  # an instance was stopped under it
    instance_hours: float
    most_instances: int
    usd: float  # without the front door

    def wait(self, percent: float) -> float | None:
        """Return a percentile of the waits, s; None where nothing was answered."""
        return float(np.percentile(self.waits, percent)) if len(self.waits) else None


class Functions:
    """The serverless endpoint: a container for each job at work."""

    def __init__(
        self,
        environment: simpy.Environment,
        given: Serverless,
        *,
        patience: float,
        random: np.random.Generator,
    ) -> None:
        self.environment = environment
        self.given = given
        self.patience = patience  # s that a caller tries again for
        self.random = random
        self.busy = 0
        self.busy_size = 0
        self.idle: list[float] = []  # since when, s, the longest first
        self.waiting: deque[Job] = deque()
        self.billed_seconds = 0.0
        self.done: list[Job] = []

    @property
    def has_room(self) -> bool:
        """Whether a request is not answered with 429 now."""
        return self.busy < self.given.max_concurrency

    def submit(self, job: Job) -> None:
        """Analyse a job now, or as soon as there is room for a caller that tries again."""
        if self.has_room:
            self._begin(job)
        else:
            self.waiting.append(job)

    def _begin(self, job: Job) -> None:
        now = self.environment.now
        self.busy += 1
        self.busy_size += job.size
        work = self.given.seconds(job.recording) * job.size
        self.billed_seconds += work
        while self.idle and now - self.idle[0] > self.given.warm_seconds:
            self.idle.pop(0)
        if self.idle:
            self.idle.pop()
        else:
            work += self.random.uniform(*self.given.cold_seconds)
        event = self.environment.timeout(work, job)
        event.callbacks.append(self._end)

    def _end(self, event: simpy.events.Event) -> None:
        job: Job = event.value  # type: ignore[assignment]
        job.ended = self.environment.now
        self.done.append(job)
        self.busy -= 1
        self.busy_size -= job.size
        self.idle.append(self.environment.now)
        while self.waiting and self.environment.now - self.waiting[0].arrived > self.patience:
            self.waiting.popleft()
        if self.waiting:
            self._begin(self.waiting.popleft())


def simulate(
    world: World,
    policies: Policies,
    recording: Recording,
    a_day: int,
    lane: Lane,
    *,
    seed: int,
    one_at_a_time: bool = False,
    at_once: bool = False,
    counts_both: bool = False,
    most_jobs: int = MOST_JOBS,
) -> Day:
    """Simulate one day, and the hours after it until everything is settled.

    Parameters
    ----------
    recording
        ``world.hour`` or ``world.night``; all are of one size.
    a_day
        Recordings a day on average; exactly these where they come ``at_once``, to no instance.
    one_at_a_time
        Whether target tracking takes away no more than one instance at a time.
    counts_both
        Whether JobsInFlight counts the serverless lane's jobs, too.
    most_jobs
        Above it each simulated job stands for some. As the policies count jobs, this is true only
        where the fleet is at its maximum all the time.
    """
    random = np.random.default_rng(seed)
    nights = recording is world.night
    came = np.full(a_day, TOGETHER) if at_once else arrivals(a_day, nights=nights, random=random)
    times, size = batched(came, most_jobs)
    environment = simpy.Environment()
    fleet = Fleet(
        environment,
        world.instance,
        concurrency=policies.concurrency,
        in_hand=policies.in_hand,
        ttl=policies.ttl,
        random=random,
    )
    functions = Functions(environment, world.serverless, patience=policies.ttl, random=random)
    if lane != "serverless":
        others = (lambda: functions.busy_size) if counts_both else (lambda: 0)
        controller = Controller(environment, fleet, policies, world.scaling, others)
        controller.one_at_a_time = one_at_a_time
    jobs = (Job(moment, recording, size) for moment in times)
    refuses = lane == "serverless" and not world.serverless.admits(recording)
    if not refuses:
        environment.process(_arrive(fleet, functions, jobs, lane))
    environment.run(until=DAY + AFTER)
    return _told(world, fleet, functions, len(times) * size, refuses=refuses)


def _arrive(
    fleet: Fleet, functions: Functions, jobs: Iterable[Job], lane: Lane
) -> simpy.events.ProcessGenerator:
    environment, given = fleet.environment, functions.given
    for job in jobs:
        if job.arrived > environment.now:
            yield environment.timeout(job.arrived - environment.now)
        takes = lane == "mixed" and functions.has_room and given.admits(job.recording)
        if takes or lane == "serverless":
            functions.submit(job)
        else:
            fleet.submit(job)


def _told(world: World, fleet: Fleet, functions: Functions, number: int, *, refuses: bool) -> Day:
    done = fleet.done + functions.done
    answered = sum(job.size for job in done)
    seconds = fleet.bill()
    usd = seconds / 3600 * world.instance.usd_an_hour
    usd += functions.billed_seconds * world.serverless.usd_a_second
    return Day(
        waits=np.array([job.ended - job.arrived for job in done if job.ended is not None]),
        recordings=number,
        days=1,
        expired=0 if refuses else number - answered,
        refused=number if refuses else 0,
        interrupted=fleet.interrupted,
        instance_hours=seconds / 3600,
        most_instances=fleet.most,
        usd=usd,
    )


def together(days: list[Day]) -> Day:
    """Return some days as one."""
    return Day(
        waits=np.concatenate([day.waits for day in days]),
        recordings=sum(day.recordings for day in days),
        days=sum(day.days for day in days),
        expired=sum(day.expired for day in days),
        refused=sum(day.refused for day in days),
        interrupted=sum(day.interrupted for day in days),
        instance_hours=sum(day.instance_hours for day in days),
        most_instances=max(day.most_instances for day in days),
        usd=sum(day.usd for day in days),
    )
