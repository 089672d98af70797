"""What the busiest minute of a day needs, beside what there is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.scale_arrivals import DAY, RUSH_SHARE, RUSH_SPREAD
from bench.scale_policies import Policies, template_defaults
from bench.scale_prices import Recording, World

ROOM = 1.15  # instances for those of the busiest minute, for what has waited while they started


@dataclass(frozen=True)
class Need:
    """One limit and what is needed of it in the busiest minute."""

    name: str
    needed: float
    limit: float

    @property
    def share(self) -> float:
        """Above 1, the limit bites."""
        return self.needed / self.limit


def peak_rate(a_day: int, *, nights: bool) -> float:
    """Return the recordings that come in the busiest second, on average."""
    if not nights:
        return a_day / DAY
    rush = RUSH_SHARE * a_day / (RUSH_SPREAD * math.sqrt(2 * math.pi))
    return rush + (1 - RUSH_SHARE) * a_day / DAY


def instance_seconds(
    world: World, recording: Recording, *, concurrency: int, in_hand: int
) -> float:
    """Return what a busy instance takes for each recording: by what of it is busy all the time.

    That is its network, the slots of its analyses, or all the jobs that it is given.
    """
    given = world.instance
    busy = given.busy_core_factor if concurrency > 1 else 1.0
    download = recording.megabytes / given.megabytes_a_second
    analysis = recording.analysis_seconds * busy
    whole = download + analysis + given.overhead_seconds
    return max(download, analysis / concurrency, whole / in_hand)


def containers(world: World, recording: Recording, a_day: int) -> float:
    """Return the serverless containers that work in the busiest second."""
    return peak_rate(a_day, nights=recording is world.night) * world.serverless.seconds(recording)


def needs(world: World, policies: Policies, recording: Recording, a_day: int) -> list[Need]:
    """Return each limit with what the busiest minute needs, the tightest first."""
    rate = peak_rate(a_day, nights=recording is world.night)
    rest = template_defaults()
    found = [
        Need(
            "instances (MaxInstances)",
            busy_instances(world, policies, recording, a_day),
            policies.maximum,
        ),
        Need(
            "API requests a second (ThrottlingRateLimit)",
            rate * world.requests_a_job,
            float(rest["ThrottlingRateLimit"]),
        ),
        Need(
            "serverless containers (MaxConcurrency)",
            containers(world, recording, a_day),
            world.serverless.max_concurrency,
        ),
    ]
    return sorted(found, key=lambda need: -need.share)


def busy_instances(world: World, policies: Policies, recording: Recording, a_day: int) -> float:
    """Return the instances that work in the busiest second."""
    rate = peak_rate(a_day, nights=recording is world.night)
    return rate * instance_seconds(
        world, recording, concurrency=policies.concurrency, in_hand=policies.in_hand
    )


def enough_instances(world: World, policies: Policies, recording: Recording, a_day: int) -> int:
    """Return a maximum with which a day's busiest hour is worked off as it comes.

    The policies' own where that is enough.
    """
    busy = busy_instances(world, policies, recording, a_day)
    return max(policies.maximum, math.ceil(ROOM * busy))
