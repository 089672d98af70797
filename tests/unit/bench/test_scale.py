"""The simulated queue: it agrees with what can be worked out, and with what is deployed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simpy
from click.testing import CliRunner

from bench import scale
from bench.scale_arrivals import DAY, RUSH, arrivals, batched
from bench.scale_controller import Controller
from bench.scale_fleet import Fleet, Job
from bench.scale_lanes import TOGETHER, simulate
from bench.scale_limits import enough_instances, instance_seconds, needs, peak_rate
from bench.scale_math import compiled
from bench.scale_policies import ROOT, Policies, deployed, template_defaults
from bench.scale_prices import Recording, World, read_world


@pytest.fixture(scope="module")
def world() -> World:
    return read_world()


@pytest.fixture(scope="module")
def policies() -> Policies:
    return deployed()


def fleet_of(
    world: World, instances: int, *, concurrency: int = 1, in_hand: int = 1, ttl: float = 1e9
) -> Fleet:
    """Instances that are there from the beginning and take as long for a job alone or not."""
    environment = simpy.Environment()
    given = replace(
        world.instance,
        start_seconds=(0.0, 0.0),
        overhead_seconds=0.0,
        busy_core_factor=1.0,
        megabytes_a_second=1.0,
    )
    random = np.random.default_rng(3)
    fleet = Fleet(
        environment, given, concurrency=concurrency, in_hand=in_hand, ttl=ttl, random=random
    )
    fleet.start(instances)
    environment.run(until=1e-6)
    return fleet


def test_jobs_at_once_on_a_fixed_fleet_end_as_can_be_counted(world: World) -> None:
    fleet = fleet_of(world, 3)
    jobs = [Job(0.0, Recording("x", 0.0, 10.0)) for _ in range(7)]
    for job in jobs:
        fleet.submit(job)
    fleet.environment.run(until=100)
    assert [round(job.ended or 0) for job in jobs] == [10, 10, 10, 20, 20, 20, 30]
    assert fleet.bill() == pytest.approx(3 * 100)


@pytest.mark.parametrize(("concurrency", "in_hand"), [(1, 2), (2, 2), (2, 3)])
def test_the_instances_network_is_shared_by_its_jobs(
    world: World, concurrency: int, in_hand: int
) -> None:
    fleet = fleet_of(world, 1, concurrency=concurrency, in_hand=in_hand)
    jobs = [Job(0.0, Recording("x", 8.0, 5.0)) for _ in range(4)]
    for job in jobs:
        fleet.submit(job)
    fleet.environment.run(until=100)
    # 8 s each, one behind the other, while the job before is analysed for 5
    assert [round(job.ended or 0) for job in jobs] == [13, 21, 29, 37]


def test_no_more_jobs_are_analysed_at_once_than_there_are_slots(world: World) -> None:
    fleet = fleet_of(world, 1, concurrency=2, in_hand=3)
    jobs = [Job(0.0, Recording("x", 2.0, 10.0)) for _ in range(4)]
    for job in jobs:
        fleet.submit(job)
    fleet.environment.run(until=100)
    # Downloaded at 2, 4, 6 and, as the first job's place is free then, at 14
    assert [round(job.ended or 0) for job in jobs] == [12, 14, 22, 24]


def test_poisson_arrivals_wait_as_queueing_theory_says(world: World) -> None:
    # M/D/1 at a load of 0.5: the wait in the queue is load / (2 (1 - load)) services
    fleet = fleet_of(world, 1)
    load, number = 0.5, 40_000
    times = np.cumsum(np.random.default_rng(5).exponential(1 / load, number))

    def arrive() -> simpy.events.ProcessGenerator:
        for moment in times:
            yield fleet.environment.timeout(moment - fleet.environment.now)
            fleet.submit(Job(fleet.environment.now, Recording("x", 0.0, 1.0)))

    fleet.environment.run(until=1e-3)
    fleet.environment.process(arrive())
    fleet.environment.run()
    waits = [(job.ended or 0) - job.arrived - 1 for job in fleet.done]
    assert np.mean(waits) == pytest.approx(load / (2 * (1 - load)), rel=0.05)


def test_a_job_that_waits_longer_than_its_time_to_live_is_told_as_expired(world: World) -> None:
    fleet = fleet_of(world, 1, ttl=15.0)
    for _ in range(4):
        fleet.submit(Job(0.0, Recording("x", 0.0, 10.0)))
    fleet.environment.run(until=100)
    assert (len(fleet.done), fleet.expired, fleet.backlog) == (2, 2, 0)


def test_a_job_whose_instance_goes_is_done_later_and_once(world: World) -> None:
    fleet = fleet_of(world, 2)
    job = Job(0.0, Recording("x", 0.0, 10.0))
    fleet.submit(job)
    fleet.environment.run(until=5)
    fleet.stop(2)
    assert fleet.in_flight == 1
    fleet.start(1)
    fleet.environment.run(until=2000)
    assert fleet.done == [job]
    assert fleet.interrupted == 1
    assert job.ended == pytest.approx(5 + world.instance.requeue_seconds + 10)


def test_a_fleet_that_never_scales_costs_its_hours(world: World, policies: Policies) -> None:
    fixed = replace(policies, minimum=3, maximum=3)
    day = simulate(world, fixed, world.hour, 50, "asynchronous", seed=1)
    assert day.instance_hours == pytest.approx(3 * (24 + 7))
    assert day.usd == pytest.approx(3 * 31 * world.instance.usd_an_hour)


def test_serverless_costs_its_seconds_and_keeps_its_limits(
    world: World, policies: Policies
) -> None:
    day = simulate(world, policies, world.night, 300, "serverless", seed=1)
    seconds = world.serverless.seconds(world.night)
    assert day.usd == pytest.approx(day.recordings * seconds * world.serverless.usd_a_second)
    assert day.waits.max() <= seconds + world.serverless.cold_seconds[1]
    huge = Recording("week", 6000.0, 1.0)
    refused = simulate(world, policies, huge, 300, "serverless", seed=1)
    assert refused.refused == refused.recordings > 0
    assert refused.wait(50) is None


def test_what_serverless_cannot_take_goes_to_the_queue(world: World, policies: Policies) -> None:
    few = replace(world, serverless=replace(world.serverless, max_concurrency=2))
    day = simulate(few, policies, few.night, 60, "mixed", seed=1, at_once=True)
    assert len(day.waits) == 60
    assert np.sum(day.waits < 60) == 2, "the others waited for an instance"
    assert day.instance_hours > 0


def test_the_first_job_waits_for_alarm_and_instance(world: World, policies: Policies) -> None:
    day = simulate(world, policies, world.hour, 1, "asynchronous", seed=1, at_once=True)
    (wait,) = day.waits
    # Two datapoints, one late, then an instance
    shortest, longest = world.instance.start_seconds
    assert 120 + shortest < wait < 240 + longest
    assert day.most_instances == 1


def test_the_same_seed_gives_the_same_day(world: World, policies: Policies) -> None:
    days = [
        simulate(world, policies, world.night, 200, "mixed", seed=seed).waits for seed in (7, 7, 8)
    ]
    assert np.array_equal(days[0], days[1])
    assert not np.array_equal(days[0], days[2])


def test_most_nights_come_around_seven(world: World) -> None:
    times = arrivals(10_000, nights=True, random=np.random.default_rng(1))
    assert np.mean(abs(times - RUSH) < 3600) == pytest.approx(0.7, abs=0.05)
    busiest = np.histogram(times, bins=288, range=(0, DAY))[0].max() / 300
    assert busiest == pytest.approx(peak_rate(10_000, nights=True), rel=0.1)
    hours = arrivals(10_000, nights=False, random=np.random.default_rng(1))
    assert np.mean(abs(hours - RUSH) < 3600) == pytest.approx(2 / 24, abs=0.02)


def test_a_batch_stands_for_whole_groups() -> None:
    times, size = batched(np.arange(10.0), 4)
    assert size == 3
    assert times.tolist() == [1, 4, 7]


def test_scaling_holds_what_is_in_flight_and_not_the_fleet(
    world: World, policies: Policies
) -> None:
    """A fleet of eight with one long job goes down to its one instance, which finishes the job."""
    environment = simpy.Environment()
    random = np.random.default_rng(1)
    fleet = Fleet(environment, world.instance, concurrency=2, in_hand=3, ttl=1e9, random=random)
    fleet.start(8)
    environment.run(until=400)
    Controller(environment, fleet, policies, world.scaling)
    fleet.submit(Job(400.0, Recording("x", 1.0, 10_000.0)))
    environment.run(until=400 + 30 * 60)
    assert len(fleet.machines) == 1
    environment.run(until=40_000)
    assert len(fleet.done) == 1
    assert fleet.desired == 0


def test_a_cohort_at_once_is_answered_sooner_than_by_one_instance_woken(
    world: World, policies: Policies
) -> None:
    by_one = replace(policies, wake=replace(policies.wake, steps=((0.0, 1),)))
    waits = [
        simulate(world, tried, world.night, 500, "asynchronous", seed=1, at_once=True).wait(95)
        for tried in (policies, by_one)
    ]
    assert waits[0] is not None
    assert waits[1] is not None
    assert waits[0] < 0.8 * waits[1]
    assert TOGETHER > 0


def test_the_simulation_takes_the_policies_from_what_is_deployed(
    policies: Policies, tmp_path: Path
) -> None:
    defaults = template_defaults()
    assert policies.maximum == defaults["MaxInstances"]
    assert policies.tracking.target == defaults["TargetBacklogPerInstance"]
    assert policies.ttl == defaults["RequestTtlSeconds"]
    assert deployed({"MaxInstances": 3}).maximum == 3
    with pytest.raises(ValueError, match="no parameter MostInstances"):
        deployed({"MostInstances": 3})

    (tmp_path / "statemachines").mkdir()
    shutil.copy(ROOT / "template.yaml", tmp_path)
    path = tmp_path / "statemachines" / "deployment.asl.json"
    machine = json.loads((ROOT / "statemachines" / "deployment.asl.json").read_text())
    for state in machine["States"].values():
        if "StepScalingPolicyConfiguration" in state.get("Arguments", {}):
            state["Arguments"]["StepScalingPolicyConfiguration"]["StepAdjustments"] = [
                {"MetricIntervalLowerBound": 0, "ScalingAdjustment": 9}
            ]
    path.write_text(json.dumps(machine))
    assert deployed(root=tmp_path).wake.instances(1) == 9
    machine["States"] = {
        name: state for name, state in machine["States"].items() if name != "PutWakeAlarm"
    }
    path.write_text(json.dumps(machine))
    with pytest.raises(ValueError, match="putMetricAlarm"):
        deployed(root=tmp_path)


def test_metric_math_is_worked_out_as_cloudwatch_does() -> None:
    held = compiled("IF(FILL(a, 0) > 1 AND b <= 2 OR a = 9, a / b, 3)".replace("a = 9", "a == 9"))
    assert held({"a": 2.0, "b": 1.0}) == 2
    assert held({"a": None, "b": 1.0}) is None
    assert compiled("FILL(a, 4) * 2")({"a": None}) == 8
    assert compiled("a / b")({"a": 1.0, "b": 0.0}) is None
    with pytest.raises(ValueError, match="ANOMALY_DETECTION_BAND"):
        compiled("ANOMALY_DETECTION_BAND(a, 2)")


def test_a_price_without_a_source_is_refused(tmp_path: Path) -> None:
    text = (ROOT / "bench" / "scale.toml").read_text()
    path = tmp_path / "scale.toml"
    path.write_text(text.replace('value = 0.115, source = "list"', 'value = 0.115, source = ""'))
    with pytest.raises(ValueError, match=r"instance\.usd_an_hour"):
        read_world(path)


def test_the_tightest_limit_is_told(world: World, policies: Policies) -> None:
    found = needs(world, replace(policies, maximum=4), world.night, 10_000)
    assert found[0].name.startswith("instances")
    assert found[0].share > 1
    assert enough_instances(world, policies, world.hour, 10_000) == policies.maximum
    assert enough_instances(world, policies, world.night, 100_000) > found[0].needed * 10


@pytest.mark.parametrize(("concurrency", "in_hand"), [(1, 1), (1, 2), (2, 2), (2, 3), (4, 5)])
def test_what_an_instance_is_reckoned_to_do_is_what_it_does(
    world: World, concurrency: int, in_hand: int
) -> None:
    environment = simpy.Environment()
    random = np.random.default_rng(1)
    jobs = {"concurrency": concurrency, "in_hand": in_hand}
    fleet = Fleet(environment, world.instance, **jobs, ttl=1e9, random=random)
    fleet.start(1)
    for _ in range(400):
        fleet.submit(Job(0.0, world.night))
    environment.run()
    took = (fleet.done[-1].ended or 0.0) - (fleet.done[9].ended or 0.0)
    expected = instance_seconds(world, world.night, **jobs)
    assert took / 390 == pytest.approx(expected, rel=0.05)


def test_the_command_prints_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "PICTURE", tmp_path / "scale.png")
    monkeypatch.setattr(scale, "days_of", lambda _a_day: 2)
    done = CliRunner().invoke(scale.main, ["--sizes", "1", "--plot"])
    assert done.exit_code == 0, done.output
    assert "| 8 h | 1 | serverless | - |" in done.output
    assert (tmp_path / "scale.png").stat().st_size > 10_000
    refused = CliRunner().invoke(scale.main, ["--set", "MostInstances=3"])
    assert refused.exit_code == 2
    assert "no parameter MostInstances" in refused.output
