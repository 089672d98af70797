"""The asynchronous endpoint's queue and instances, in simulated time."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import simpy

from bench.scale_prices import Instance, Recording


@dataclass(slots=True, eq=False)
class Job:
    """One recording, or ``size`` of them that come one after another."""

    arrived: float  # s
    recording: Recording
    size: int = 1
    queued: float = 0.0  # s, when it was last put into the queue
    ended: float | None = None  # s


@dataclass(slots=True, eq=False)
class Machine:
    """One instance of the endpoint."""

    running: list[Job] = field(default_factory=list)
    network_free: float = 0.0  # s, when the downloads that it has begun are done
    slots: list[float] = field(default_factory=list)  # s, when each has done its analyses
    billed_from: float = 0.0  # s
    alive: bool = True


class Fleet:
    """A queue that instances take from, oldest job first."""

    def __init__(
        self,
        environment: simpy.Environment,
        given: Instance,
        *,
        concurrency: int,
        in_hand: int,
        ttl: float,
        random: np.random.Generator,
    ) -> None:
        self.environment = environment
        self.given = given
        self.concurrency = concurrency  # jobs that an instance analyses at once
        self.in_hand = in_hand  # jobs that it has at once; the others are downloaded meanwhile
        self.ttl = ttl
        self.random = random
        self.machines: list[Machine] = []
        self.free: list[Machine] = []  # once for each job that it has room for
        self.starting = 0
        self.stopping = 0
        self.waiting: deque[Job] = deque()
        self.waiting_size = 0
        self.running_size = 0
        self.requeueing = 0  # jobs whose instance went, not found again yet
        self.expired = 0
        self.interrupted = 0
        self.billed_seconds = 0.0
        self.most = 0  # instances at once
        self.done: list[Job] = []
        self.done_size = 0

    @property
    def desired(self) -> int:
        """Instances, those that start included."""
        return len(self.machines) + self.starting

    @property
    def backlog(self) -> int:
        """Jobs that wait or are in work."""
        return self.waiting_size + self.running_size

    @property
    def in_flight(self) -> int:
        """Jobs that are accepted and not settled."""
        return self.backlog + self.requeueing

    @property
    def is_updating(self) -> bool:
        """Whether SageMaker is changing the number of instances, and takes no other change."""
        return self.starting > 0 or self.stopping > 0

    def submit(self, job: Job) -> None:
        """Put a job into the queue."""
        job.queued = self.environment.now
        self.waiting.append(job)
        self.waiting_size += job.size
        self.dispatch()

    def dispatch(self) -> None:
        """Give waiting jobs to instances that have room, and drop those that have expired."""
        self.expire()
        while self.waiting and self.free:
            machine = self.free.pop()
            if machine.alive:
                self._begin(machine, self.waiting.popleft())

    def expire(self) -> None:
        """Drop jobs that have waited for longer than their time to live."""
        while self.waiting and self.environment.now - self.waiting[0].queued > self.ttl:
            job = self.waiting.popleft()
            self.waiting_size -= job.size
            self.expired += job.size

    def start(self, number: int) -> None:
        """Start instances, each of which takes its time."""
        self.starting += number
        self.most = max(self.most, self.desired)
        for _ in range(number):
            self.environment.process(self._start())

    def stop(self, number: int) -> None:
        """Stop instances whether or not they are in the middle of a job.

        Which of them go, SageMaker does not say. Their jobs are found and queued again later.
        """
        chosen = self.random.choice(len(self.machines), number, replace=False)
        going = [self.machines[index] for index in chosen]
        self.machines = [machine for machine in self.machines if machine not in going]
        self.stopping += 1
        for machine in going:
            machine.alive = False
            self.billed_seconds += self.environment.now - machine.billed_from
            for job in machine.running:
                self.interrupted += job.size
                self.running_size -= job.size
                self.requeueing += job.size
                self.environment.process(self._requeue(job))
        self.environment.process(self._stopped())

    def bill(self) -> float:
        """Return the instances' time up to now, s."""
        now = self.environment.now
        return self.billed_seconds + sum(now - machine.billed_from for machine in self.machines)

    def _start(self) -> simpy.events.ProcessGenerator:
        begun = self.environment.now
        yield self.environment.timeout(self.random.uniform(*self.given.start_seconds))
        self.starting -= 1
        machine = Machine(billed_from=begun, slots=[0.0] * self.concurrency)
        self.machines.append(machine)
        self.free.extend([machine] * self.in_hand)
        self.dispatch()

    def _stopped(self) -> simpy.events.ProcessGenerator:
        yield self.environment.timeout(self.given.stop_seconds)
        self.stopping -= 1

    def _requeue(self, job: Job) -> simpy.events.ProcessGenerator:
        yield self.environment.timeout(self.given.requeue_seconds)
        self.requeueing -= job.size
        self.submit(job)

    def _begin(self, machine: Machine, job: Job) -> None:
        now = self.environment.now
        self.waiting_size -= job.size
        self.running_size += job.size
        machine.running.append(job)
        # Downloads of an instance share its network, one behind the other
        download = job.recording.megabytes * job.size / self.given.megabytes_a_second
        machine.network_free = max(now, machine.network_free) + download
        shared = self.concurrency > 1 and len(machine.running) > 1
        slower = self.given.busy_core_factor if shared else 1.0
        analysis = job.recording.analysis_seconds * slower
        # Analysed in turn: by the slot that is free first, once the recording is there
        turn = max(machine.network_free, heapq.heappop(machine.slots))
        # Of jobs that come one after another, each is downloaded while the last is analysed
        if job.size > 1:
            turn = max(turn, now + analysis * (job.size - 1))
        heapq.heappush(machine.slots, turn + analysis)
        work = turn + analysis + self.given.overhead_seconds - now
        event = self.environment.timeout(work, (machine, job))
        event.callbacks.append(self._end)

    def _end(self, event: simpy.events.Event) -> None:
        machine, job = event.value  # type: ignore[misc]
        if not machine.alive:
            return
        machine.running.remove(job)
        self.running_size -= job.size
        job.ended = self.environment.now
        self.done.append(job)
        self.done_size += job.size
        self.free.append(machine)
        self.dispatch()
