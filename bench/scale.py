"""`make bench-scale`: waiting and cost by recordings a day, by lane, simulated.

With the policies as deployed, measured service times, and the limits and prices of
``bench/scale.toml``. ``--compare`` tries other policies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click
from tqdm import tqdm

from bench.scale_lanes import LANES, MOST_JOBS, Day, Lane, simulate, together
from bench.scale_limits import containers, enough_instances, needs
from bench.scale_math import compiled
from bench.scale_policies import Policies, Signal, deployed
from bench.scale_prices import Recording, World, read_world

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "scale.png"
SIZES = "1,100,10000,100000,1000000"
SATURATED_JOBS = 100_000  # simulated where all that there is works and most of them wait
COMPARED_A_DAY = 10_000  # nights
AT_ONCE = 1000  # nights
STYLES: dict[Lane, str] = {"asynchronous": "o-", "serverless": "s-", "mixed": "x--"}


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    recording: str
    a_day: int
    lane: str
    maximum: int | None  # instances
    day: Day
    front_door: float  # USD per 1,000

    def cells(self) -> list[str]:
        """Return the line's texts."""
        day = self.day
        lost = day.expired + day.refused
        return [
            self.recording,
            f"{self.a_day:,}",
            self.lane,
            "-" if self.maximum is None else f"{self.maximum:,}",
            *(_duration(day.wait(percent)) for percent in (50, 95, 99)),
            f"{100 * lost / day.recordings:.1f}" if lost else "0",
            f"{day.interrupted * 1000 / day.recordings:.1f}",
            f"{day.instance_hours / max(1, day.days):,.1f}",
            self.cost(),
        ]

    def cost(self) -> str:
        """Return USD per 1,000 answered recordings, or a word."""
        answered = self.day.recordings - self.day.expired - self.day.refused
        if not answered:
            return "none answered"
        return f"{self.day.usd * 1000 / answered + self.front_door:,.2f}"


HEADINGS = (
    "recording",
    "a day",
    "lane",
    "most instances",
    "wait p50",
    "p95",
    "p99",
    "expired %",
    "begun anew per 1,000",
    "instance hours a day",
    "USD per 1,000",
)


def days_of(a_day: int) -> int:
    """Return how many days are simulated: the fewer come, the more days tell."""
    return max(1, min(30, 1000 // a_day))


def lane_row(
    world: World,
    policies: Policies,
    recording: Recording,
    a_day: int,
    lane: Lane,
    *,
    seed: int,
    counts_both: bool = False,
) -> Row:
    """Simulate one line of the table."""
    saturated = {
        "asynchronous": policies.maximum < enough_instances(world, policies, recording, a_day) / 2,
        "serverless": containers(world, recording, a_day) > 2 * world.serverless.max_concurrency,
        "mixed": False,
    }
    most = SATURATED_JOBS if saturated[lane] else MOST_JOBS
    days = [
        simulate(
            world,
            policies,
            recording,
            a_day,
            lane,
            seed=seed + number,
            most_jobs=most,
            counts_both=counts_both,
        )
        for number in range(days_of(a_day))
    ]
    maximum = None if lane == "serverless" else policies.maximum
    door = world.front_door_usd_a_thousand
    return Row(recording.name, a_day, lane, maximum, together(days), door)


def plan(
    world: World, policies: Policies, sizes: list[int]
) -> Iterator[tuple[Recording, int, Lane, Policies]]:
    """Yield what to simulate: with the default maximum, and where that is too small, with more."""
    for recording in (world.hour, world.night):
        for a_day in sizes:
            enough = enough_instances(world, policies, recording, a_day)
            larger = replace(policies, maximum=enough)
            for lane in LANES:
                if lane == "asynchronous" and larger != policies:
                    yield recording, a_day, lane, policies
                yield recording, a_day, lane, larger


def alternatives(policies: Policies) -> Iterator[tuple[str, Policies]]:
    """Yield the policies as deployed, and others."""
    tracking = policies.tracking
    yield "as deployed", policies
    whole = f"IF(FILL(inflight, 0) > 0 AND FILL(each, 0) < {tracking.target}, {tracking.target}, "
    hold = Signal(
        sources={"each": "ApproximateBacklogSizePerInstance", "inflight": "JobsInFlight"},
        expressions=(("held", compiled(whole + "FILL(each, 0))")),),
        returned="held",
    )
    yield (
        "every instance held while a job is in flight",
        replace(policies, tracking=replace(tracking, signal=hold)),
    )
    blind = replace(tracking.signal, sources={**tracking.signal.sources, "done": "none"})
    yield (
        "an instance goes between two short jobs",
        replace(policies, tracking=replace(tracking, signal=blind)),
    )
    yield "wake one instance", replace(policies, wake=replace(policies.wake, steps=((0.0, 1),)))
    for target in (10, 20, 40):
        yield (
            f"TargetBacklogPerInstance {target}",
            replace(policies, tracking=replace(tracking, target=float(target))),
        )
    for seconds in (0, 900):
        yield (
            f"ScaleInCooldownSeconds {seconds}",
            replace(policies, tracking=replace(tracking, in_cooldown=float(seconds))),
        )
    yield "ConcurrentJobsPerInstance 3", deployed({"ConcurrentJobsPerInstance": 3})
    for maximum in (4, 8, 12, 24, 32):
        yield f"MaxInstances {maximum}", replace(policies, maximum=maximum)


def compare(world: World, policies: Policies, seed: int) -> str:
    """Return a table of other policies, for a day's nights and for nights that come at once."""
    tried = [(name, other, False) for name, other in alternatives(policies)]
    tried.append(("as deployed, instances taken away one at a time", policies, True))
    lines = []
    for name, other, slow in tqdm(tried, desc="Comparing"):
        day, burst = (
            together(
                [
                    simulate(
                        world,
                        other,
                        world.night,
                        number,
                        "asynchronous",
                        seed=seed + turn,
                        one_at_a_time=slow,
                        at_once=at_once,
                    )
                    for turn in range(3)
                ]
            )
            for number, at_once in ((COMPARED_A_DAY, False), (AT_ONCE, True))
        )
        cells = [name]
        for found in (day, burst):
            cells += [_duration(found.wait(95)), f"{found.instance_hours / found.days:.1f}"]
        lines.append([*cells, f"{day.interrupted * 1000 / day.recordings:.1f}"])
    a_day, at_once = f"{COMPARED_A_DAY:,} nights a day", f"{AT_ONCE:,} nights at once"
    headings = (
        *("policy", f"{a_day}: wait p95", "instance hours"),
        *(f"{at_once}: wait p95", "instance hours", "begun anew per 1,000 a day"),
    )
    return table(headings, lines)


def limits(world: World, policies: Policies, sizes: list[int]) -> str:
    """Return what the busiest minute needs, beside the limits."""
    lines = []
    for recording in (world.hour, world.night):
        for a_day in sizes:
            found = needs(world, policies, recording, a_day)
            biting = [need.name for need in found if need.share > 1]
            by_name = sorted(found, key=lambda need: need.name)
            lines.append(
                [recording.name, f"{a_day:,}"]
                + [f"{need.needed:,.1f} of {need.limit:,.0f}" for need in by_name]
                + [biting[0] if biting else "none"]
            )
    names = sorted(need.name for need in found)
    return table(("recording", "a day", *names, "bites first"), lines)


def table(headings: tuple[str, ...], lines: list[list[str]]) -> str:
    """Return Markdown."""
    rows = [list(headings), ["---"] * len(headings), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "none answered"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def draw(rows: list[Row], path: Path) -> None:
    """Draw the wait and the cost over recordings a day."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(2, 2, figsize=(9, 6), sharex=True, layout="constrained")
    for column, recording in enumerate(dict.fromkeys(row.recording for row in rows)):
        for lane in LANES:
            mine = {r.a_day: r for r in rows if (r.recording, r.lane) == (recording, lane)}
            told = [r for r in mine.values() if r.day.wait(95) is not None]
            sizes = [row.a_day for row in told]
            panels[0, column].plot(sizes, [r.day.wait(95) for r in told], STYLES[lane], label=lane)
            costs = [float(row.cost().replace(",", "")) for row in told]
            panels[1, column].plot(sizes, costs, STYLES[lane], label=lane)
        panels[0, column].set(title=f"recordings of {recording}", ylabel="wait p95 (s)")
        panels[1, column].set(xlabel="recordings a day", ylabel="USD per 1,000")
    for axes in panels.flat:
        axes.set(xscale="log", yscale="log")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


@click.command()
@click.option("--sizes", default=SIZES, show_default=True, help="Recordings a day.")
@click.option("--seed", default=1, show_default=True)
@click.option("--set", "changes", multiple=True, metavar="PARAMETER=VALUE", help="Of the template.")
@click.option("--compare", "compares", is_flag=True, help="Try other policies instead.")
@click.option("--count-both-lanes", "counts_both", is_flag=True, help="In JobsInFlight.")
@click.option("--plot", is_flag=True, help="Draw the picture of docs/scale.md.")
def main(
    sizes: str, seed: int, changes: tuple[str, ...], compares: bool, counts_both: bool, plot: bool
) -> None:
    """Simulate, and print Markdown."""
    world = read_world()
    try:
        policies = deployed(dict(change.split("=", 1) for change in changes))
        numbers = [int(size) for size in sizes.split(",")]
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if compares:
        print(compare(world, policies, seed))
        return
    jobs = list(plan(world, policies, numbers))
    rows = [
        lane_row(world, tried, recording, a_day, lane, seed=seed, counts_both=counts_both)
        for recording, a_day, lane, tried in tqdm(jobs, desc="Simulating", unit="row")
    ]
    print(table(HEADINGS, [row.cells() for row in rows]))
    print("\n" + limits(world, policies, numbers))
    print(f"\nPrices and limits of {world.dated}, us-east-1; see bench/scale.toml for sources.")
    if plot:
        draw(rows, PICTURE)


if __name__ == "__main__":
    main()
