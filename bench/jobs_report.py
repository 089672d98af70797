"""The figures of a run of `bench.jobs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["percentile", "show", "summary"]


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def summary(
    jobs: int,
    seconds: float,
    *,
    posts: list[float],
    latencies: list[float],
    faults: Mapping[str, int],
    lanes: Mapping[str, int],
) -> dict[str, Any]:
    """Return the figures of a run.

    Parameters
    ----------
    jobs : int
    seconds : float
        That the run took.
    posts, latencies : list of float
        s, of each request, and from each request to its outcome.
    faults : mapping
        How many of each kind were injected.
    lanes : mapping
        How many jobs each lane has answered.
    """
    return {
        "jobs": jobs,
        "seconds": round(seconds, 1),
        "jobsPerSecond": round(jobs / seconds, 2),
        "postMilliseconds": {
            "p50": round(percentile(posts, 0.5) * 1000),
            "p99": round(percentile(posts, 0.99) * 1000),
        },
        "secondsToOutcome": {
            "p50": round(percentile(latencies, 0.5), 1),
            "p99": round(percentile(latencies, 0.99), 1),
        },
        "lanes": dict(sorted(lanes.items())),
        "faults": dict(sorted(faults.items())),
    }


def show(figures: dict[str, Any]) -> None:
    """Print the table."""
    post, outcome = figures["postMilliseconds"], figures["secondsToOutcome"]
    print("| what | measured |\n|---|---|")
    print(f"| jobs | {figures['jobs']} in {figures['seconds']:.0f} s |")
    print(f"| jobs/s | {figures['jobsPerSecond']} |")
    print(f"| POST /jobs, p50 / p99 | {post['p50']} / {post['p99']} ms |")
    print(f"| from POST to outcome, p50 / p99 | {outcome['p50']} / {outcome['p99']} s |")
    for lane, number in figures["lanes"].items():
        print(f"| jobs answered by lane: {lane} | {number} |")
    for kind, number in figures["faults"].items():
        print(f"| {kind} | {number} |")
