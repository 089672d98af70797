"""What a user would lose by the policies that a deployment puts: answers in time, jobs, money."""

from __future__ import annotations

import itertools
import math

import pytest
from botocore.session import get_session
from botocore.validate import validate_parameters

from bench.scale_policies import Policies, deployed

from .deployment_account import (
    ENDPOINT,
    MODEL,
    SUBSTITUTIONS,
    Account,
)
from .machines import Document, Run, load, start

TARGET, CONCURRENCY = 5, 2


@pytest.fixture(scope="module")
def policies() -> Policies:
    return deployed({"TargetBacklogPerInstance": TARGET, "ConcurrentJobsPerInstance": CONCURRENCY})


def tracked(
    policies: Policies,
    *,
    backlog: float | None,
    inflight: float | None,
    instances: float | None,
    done: float | None = None,
) -> float:
    """What target tracking reads: above TARGET it adds instances, below 0.9 of it, it removes."""
    each = backlog / instances if backlog is not None and instances else None
    value = policies.tracking.signal.value(
        {
            "ApproximateBacklogSize": backlog,
            "ApproximateBacklogSizePerInstance": each,
            "JobsInFlight": inflight,
            "CPUUtilization": instances,  # the number of its samples
            "TotalProcessingTime": done,
        }
    )
    assert value is not None, "without a datapoint the fleet stays as it is for ever"
    return value


def left(value: float, instances: int) -> int:
    """How many instances target tracking leaves."""
    return math.ceil(instances * value / TARGET - 1e-9)


def test_an_idle_endpoint_costs_nothing(policies: Policies) -> None:
    assert tracked(policies, backlog=0, inflight=0, instances=16) == 0
    assert tracked(policies, backlog=None, inflight=0, instances=None) == 0


def test_a_job_that_sagemaker_does_not_show_keeps_its_instance(policies: Policies) -> None:
    value = tracked(policies, backlog=0, inflight=1, instances=4)
    assert left(value, 4) == 1
    for backlog in (0, 3, None):
        assert tracked(policies, backlog=backlog, inflight=3, instances=None) == TARGET


def test_one_open_job_does_not_keep_the_whole_fleet(policies: Policies) -> None:
    assert left(tracked(policies, backlog=1, inflight=1, instances=16), 16) == 1


def test_short_jobs_that_come_and_go_between_two_looks_keep_one_instance(
    policies: Policies,
) -> None:
    assert left(tracked(policies, backlog=0, inflight=0, instances=16, done=40), 16) == 1
    assert tracked(policies, backlog=0, inflight=0, instances=1, done=1) == TARGET


@pytest.mark.parametrize("backlog_counts_work", [True, False])
def test_no_instance_goes_that_the_jobs_in_flight_fill(
    policies: Policies, backlog_counts_work: bool
) -> None:
    waiting = 3
    inflight = waiting + 2 * CONCURRENCY
    backlog = inflight if backlog_counts_work else waiting
    value = tracked(policies, backlog=backlog, inflight=inflight, instances=16)
    assert left(value, 16) == math.ceil(inflight / CONCURRENCY)


def test_between_full_and_the_target_the_fleet_stays(policies: Policies) -> None:
    for jobs in (CONCURRENCY * 4, TARGET * 4):
        assert tracked(policies, backlog=jobs, inflight=jobs, instances=4) == TARGET


def test_many_jobs_add_instances_with_or_without_our_own_count(policies: Policies) -> None:
    for inflight in (80, 0, None):
        assert tracked(policies, backlog=80, inflight=inflight, instances=4) == 20 > TARGET


def woken(policies: Policies, backlog: float | None, without: float = 1) -> int:
    wake = policies.wake
    value = wake.signal.value(
        {"ApproximateBacklogSize": backlog, "HasBacklogWithoutCapacity": without}
    )
    assert value is not None
    return wake.instances(value) if value >= wake.threshold else 0


def test_a_first_job_wakes_one_instance_and_a_cohort_wakes_many(policies: Policies) -> None:
    assert [woken(policies, jobs) for jobs in (1, 9, 10, 20, 100, 500, 1e6)] == [
        *(1, 1, 2, 4, 8, 16, 16)
    ]
    assert woken(policies, None) == 1, "a size that is not told yet is at least one job"
    assert woken(policies, 0) == 1


def test_a_fleet_that_runs_is_not_woken_again(policies: Policies) -> None:
    assert woken(policies, 500, without=0) == 0


@pytest.fixture
def run() -> Run:
    made = start(load("deployment", SUBSTITUTIONS), MODEL)
    made.go_on(Account())
    return made


def request(run: Run, operation: str, policy: str = "") -> Document:
    found = [
        task.arguments
        for task in run.tasks
        if task.operation == operation and task.arguments.get("PolicyType", policy) == policy
    ]
    (only,) = found
    return dict(only)


def test_scaling_reads_the_metrics_that_are_published_for_this_endpoint(run: Run) -> None:
    tracking = request(run, "PutScalingPolicy", "TargetTrackingScaling")
    metrics = tracking["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]
    alarm = request(run, "PutMetricAlarm")
    sources = {
        metric["Id"]: metric["MetricStat"]["Metric"]
        for metric in [*metrics["Metrics"], *alarm["Metrics"]]
        if "MetricStat" in metric
    }
    # As the in-flight function publishes it
    assert sources.pop("inflight") == {
        "Namespace": SUBSTITUTIONS["MetricsNamespace"],
        "MetricName": "JobsInFlight",
        "Dimensions": [{"Name": "service", "Value": "in-flight"}],
    }
    endpoint = {"Name": "EndpointName", "Value": ENDPOINT}
    variant = {"Name": "VariantName", "Value": "AllTraffic"}
    # Which of them bear the variant's name, too, AWS lists:
    # https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
    assert {
        name: (metric["Namespace"], metric["Dimensions"]) for name, metric in sources.items()
    } == {
        "backlog": ("AWS/SageMaker", [endpoint]),
        "each": ("AWS/SageMaker", [endpoint]),
        "without": ("AWS/SageMaker", [endpoint]),
        "done": ("AWS/SageMaker", [endpoint, variant]),
        "instances": ("/aws/sagemaker/Endpoints", [endpoint, variant]),
    }
    assert len(metrics["Metrics"]) <= 10, "as many as target tracking takes"


def test_the_alarm_is_one_that_cloudwatch_takes(run: Run) -> None:
    alarm = request(run, "PutMetricAlarm")
    model = get_session().get_service_model("cloudwatch").operation_model("PutMetricAlarm")
    validate_parameters(alarm, model.input_shape)
    # With Metrics, CloudWatch refuses what describes a single metric
    assert not {"MetricName", "Namespace", "Dimensions", "Period", "Statistic"} & set(alarm)
    assert [metric["ReturnData"] for metric in alarm["Metrics"]].count(True) == 1


def test_the_steps_leave_no_size_of_queue_out(run: Run) -> None:
    policy = request(run, "PutScalingPolicy", "StepScaling")
    steps = policy["StepScalingPolicyConfiguration"]["StepAdjustments"]
    bounds = [(s["MetricIntervalLowerBound"], s.get("MetricIntervalUpperBound")) for s in steps]
    assert bounds[0][0] == 0
    assert bounds[-1][1] is None
    assert all(ends == begins for (_, ends), (begins, _) in itertools.pairwise(bounds))
