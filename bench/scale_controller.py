"""CloudWatch and Application Auto Scaling, as they look at the endpoint once a minute.

- Step scaling: an alarm of M of N datapoints; while it rings, a step is taken after each cooldown.
- Target tracking: in proportion to the metric, after ``out_datapoints`` above the target or
  ``in_datapoints`` below a share of it. A cooldown begins when a change is complete; a larger
  scale-out is let through, and a scale-out ends the cooldown of a scale-in:
  https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
- While SageMaker changes the number of instances, it takes no other change.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

import simpy

from bench.scale_fleet import Fleet
from bench.scale_math import Value
from bench.scale_policies import Policies
from bench.scale_prices import Scaling

NEVER = -math.inf


class Controller:
    """Starts and stops a fleet's instances."""

    def __init__(
        self,
        environment: simpy.Environment,
        fleet: Fleet,
        policies: Policies,
        given: Scaling,
        others_in_flight: Callable[[], int] = lambda: 0,
    ) -> None:
        self.environment = environment
        self.fleet = fleet
        self.policies = policies
        self.given = given
        self.others_in_flight = others_in_flight
        self.one_at_a_time = False  # a scale-in of target tracking
        seen = 1 + int(given.metric_delay_seconds // given.period_seconds)
        kept = max(given.in_datapoints, given.out_datapoints, policies.wake.evaluated) + seen
        self.hidden = seen - 1  # datapoints that are not visible yet
        self.tracked: deque[Value] = deque(maxlen=kept)
        self.wake: deque[Value] = deque(maxlen=kept)
        self.done_before = 0
        self.known: dict[tuple[int, ...], tuple[Value, Value]] = {}
        self.out_done = self.in_done = NEVER  # when the last change was complete
        self.before_out = 0  # instances
        self.changing = ""
        environment.process(self._run())

    def _run(self) -> simpy.events.ProcessGenerator:
        self._scale_to(self.policies.minimum)
        while True:
            yield self.environment.timeout(self.given.period_seconds)
            self.fleet.expire()
            self._measure()
            self._note_completion()
            if not self.fleet.is_updating:
                self._step() or self._track_out() or self._track_in()

    def _measure(self) -> None:
        state = (
            self.fleet.backlog,
            len(self.fleet.machines),
            self.fleet.in_flight + self.others_in_flight(),
            self.fleet.done_size - self.done_before,
        )
        self.done_before = self.fleet.done_size
        if state not in self.known:
            self.known[state] = self._signals(*state)
        tracked, wake = self.known[state]
        self.tracked.append(tracked)
        self.wake.append(wake)

    def _signals(
        self, backlog: int, instances: int, in_flight: int, done: int
    ) -> tuple[Value, Value]:
        metrics: dict[str, Value] = {
            "ApproximateBacklogSize": float(backlog),
            "ApproximateBacklogSizePerInstance": backlog / instances if instances else None,
            "HasBacklogWithoutCapacity": float(backlog > 0 and not instances),
            "JobsInFlight": float(in_flight),
            # The number of samples of both: an instance's each minute, a job's as it ends
            "CPUUtilization": float(instances) if instances else None,
            "TotalProcessingTime": float(done) if done else None,
        }
        tracking, wake = self.policies.tracking.signal, self.policies.wake.signal
        return tracking.value(metrics), wake.value(metrics)

    def _note_completion(self) -> None:
        if self.changing and not self.fleet.is_updating:
            if self.changing == "out":
                self.out_done, self.in_done = self.environment.now, NEVER
            else:
                self.in_done = self.environment.now
            self.changing = ""

    def _visible(self, points: deque[Value], number: int) -> list[Value]:
        end = len(points) - self.hidden
        return list(points)[max(0, end - number) : max(0, end)]

    def _cooling_out(self, seconds: float) -> bool:
        return self.environment.now - self.out_done < seconds

    def _step(self) -> bool:
        wake = self.policies.wake
        points = self._visible(self.wake, wake.evaluated)
        high = [point for point in points if point is not None and point >= wake.threshold]
        if len(high) < wake.to_alarm or points[-1] is None or self._cooling_out(wake.cooldown):
            return False
        if points[-1] < wake.threshold:
            return False
        return self._scale_to(self.fleet.desired + wake.instances(points[-1]))

    def _track_out(self) -> bool:
        tracking = self.policies.tracking
        points = self._visible(self.tracked, self.given.out_datapoints)
        if len(points) < self.given.out_datapoints or not self.fleet.desired:
            return False
        if any(point is None or point <= tracking.target for point in points):
            return False
        # In the cooldown, what was added counts as part of what is wanted
        cooling = self._cooling_out(tracking.out_cooldown)
        basis = self.before_out if cooling and self.before_out else self.fleet.desired
        wanted = math.ceil(basis * (points[-1] or 0.0) / tracking.target)
        return wanted > self.fleet.desired and self._scale_to(wanted)

    def _track_in(self) -> bool:
        tracking = self.policies.tracking
        points = self._visible(self.tracked, self.given.in_datapoints)
        limit = self.given.in_share * tracking.target
        if len(points) < self.given.in_datapoints:
            return False
        if any(point is None or point >= limit for point in points):
            return False
        if self.environment.now - self.in_done < tracking.in_cooldown:
            return False
        if self._cooling_out(tracking.out_cooldown):
            return False
        wanted = math.ceil(self.fleet.desired * (points[-1] or 0.0) / tracking.target)
        if self.one_at_a_time:
            wanted = max(wanted, self.fleet.desired - 1)
        return wanted < self.fleet.desired and self._scale_to(wanted)

    def _scale_to(self, wanted: int) -> bool:
        wanted = min(max(wanted, self.policies.minimum), self.policies.maximum)
        change = wanted - self.fleet.desired
        if change > 0:
            self.before_out, self.changing = self.fleet.desired, "out"
            self.fleet.start(change)
        elif change < 0:
            self.changing = "in"
            self.fleet.stop(-change)
        return change != 0
