"""An endpoint has as many instances as AWS would give it, and loses them as it would there."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from endpoint_programs import config, prepare, wait_for
from sagemaker_fakes import ROLE, FakeGateway, FakeRoles

from local_aws.sagemaker.endpoints import configs as endpoint_configs
from local_aws.sagemaker.endpoints.endpoints import Endpoints
from local_aws.sagemaker.errors import ResourceLimitExceededError, ValidationError
from local_aws.sagemaker.runtime.backlog_metrics import BacklogMetrics
from local_aws.sagemaker.runtime.invocations import Invocations
from local_aws.sagemaker.service import Service

GUARDED = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 120},
        "TerminationWaitInSeconds": 300,
        "MaximumExecutionTimeoutInSeconds": 3600,
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "faults"}]},
}
QUOTA = "ml.m5.large for endpoint usage"


class Fleet:
    """The endpoint `acme` with its queue, driven by hand."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.endpoints = Endpoints(service)
        self.queue = Invocations(service, self.endpoints)
        self.metrics = BacklogMetrics(service, self.endpoints, self.queue.outcomes)
        self.endpoints.create({"EndpointName": "acme", "EndpointConfigName": "one"})
        self.settle()

    def look(self) -> dict[str, Any]:
        return self.endpoints.describe({"EndpointName": "acme"})

    def settle(self) -> dict[str, Any]:
        wait_for(lambda: self.look()["EndpointStatus"] == "InService")
        return self.look()

    def counts(self) -> tuple[int, int]:
        variant = self.settle()["ProductionVariants"][0]
        return variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]

    def scale(self, count: int) -> None:
        change = {"VariantName": "main", "DesiredInstanceCount": count}
        self.endpoints.update_capacities(
            {"EndpointName": "acme", "DesiredWeightsAndCapacities": [change]}
        )

    def update(self, name: str = "two", **options: Any) -> None:
        self.endpoints.update({"EndpointName": "acme", "EndpointConfigName": name, **options})

    def submit(self, body: bytes, key: str = "in") -> None:
        assert isinstance(self.service.roles, FakeRoles)
        self.service.roles.s3.objects["b", key] = body
        self.queue.submit("acme", {"InputLocation": f"s3://b/{key}"})

    def work_on(self, name: str) -> Path:
        """Have an instance work until the file that is returned is there."""
        gate = self.service.scratch / name
        self.submit(str(gate).encode())
        assert self.queue.dispatch() == 1
        wait_for(gate.with_suffix(".asked").exists)
        return gate

    def metric(self, name: str) -> float:
        data = {item["MetricName"]: item["Value"] for item in self.metrics.measure("acme")}
        return float(data[name])

    def results(self) -> list[bytes]:
        assert isinstance(self.service.roles, FakeRoles)
        objects = self.service.roles.s3.objects
        return [body for (_, key), body in objects.items() if key.startswith("out/")]


@pytest.fixture
def fleet(service: Service) -> Iterator[Fleet]:
    prepare(service)
    made = Fleet(service)
    yield made
    service.stopping.set()
    made.endpoints.stop()


def test_a_variant_gets_the_instances_that_it_is_told_to_have(fleet: Fleet) -> None:
    assert fleet.counts() == (1, 1)
    fleet.scale(3)
    assert fleet.look()["EndpointStatus"] == "Updating"
    assert fleet.counts() == (3, 3)
    fleet.scale(1)
    assert fleet.counts() == (1, 1)


def test_two_instances_share_the_work_each_up_to_its_limit(fleet: Fleet) -> None:
    fleet.scale(2)
    fleet.settle()
    gate = fleet.service.scratch / "gate"
    for number in range(9):
        fleet.submit(str(gate).encode(), f"in{number}")
    assert fleet.queue.dispatch() == 8  # four each, which is what AWS takes where none is named
    assert [server.busy for server in fleet.endpoints.servers("acme")] == [4, 4]
    assert fleet.metric("ApproximateBacklogSizePerInstance") == 4.5
    gate.touch()
    wait_for(lambda: len(fleet.results()) == 8)


def test_a_policy_counts_the_instances_by_what_they_report_each_minute(fleet: Fleet) -> None:
    fleet.scale(2)
    fleet.settle()
    fleet.service.clock.advance(60)
    reported = fleet.metrics.report("acme")
    assert [datum["MetricName"] for datum in reported] == ["CPUUtilization"] * 2
    assert fleet.metrics.report("acme") == []
    fleet.service.clock.advance(60)
    assert len(fleet.metrics.report("acme")) == 2


def test_a_policy_sees_the_jobs_that_were_done(fleet: Fleet) -> None:
    fleet.submit(b"x")
    assert fleet.queue.dispatch() == 1
    wait_for(lambda: len(fleet.results()) == 1)
    seen: list[str] = []

    def done() -> bool:
        seen.extend(datum["MetricName"] for datum in fleet.queue.outcomes.drain())
        return "TotalProcessingTime" in seen

    wait_for(done)
    assert seen.count("TotalProcessingTime") == 1


def test_an_update_starts_as_many_instances_as_its_configuration_says(fleet: Fleet) -> None:
    fleet.scale(2)
    fleet.settle()
    fleet.update()
    assert fleet.counts() == (1, 1)


def test_an_update_that_retains_the_variants_properties_keeps_the_fleets_size(
    fleet: Fleet,
) -> None:
    fleet.scale(2)
    fleet.settle()
    fleet.update(RetainAllVariantProperties=True)
    pending = fleet.look()["PendingDeploymentSummary"]["ProductionVariants"][0]
    assert (pending["DesiredInstanceCount"], pending["InstanceType"]) == (2, "ml.m5.large")
    assert fleet.counts() == (2, 2)
    excluded = [{"VariantPropertyType": "DesiredInstanceCount"}]
    fleet.update("one", RetainAllVariantProperties=True, ExcludeRetainedVariantProperties=excluded)
    assert fleet.counts() == (1, 1)


def test_an_endpoint_of_no_instance_queues_and_says_that_it_has_no_capacity(
    fleet: Fleet,
) -> None:
    fleet.scale(0)
    assert fleet.counts() == (0, 0)
    assert fleet.metric("HasBacklogWithoutCapacity") == 0
    fleet.submit(b"x")
    assert fleet.queue.dispatch() == 0
    assert fleet.metric("HasBacklogWithoutCapacity") == 1
    assert fleet.metric("ApproximateBacklogSizePerInstance") == 1
    fleet.scale(1)
    fleet.settle()
    assert fleet.metric("HasBacklogWithoutCapacity") == 0
    assert fleet.queue.dispatch() == 1
    wait_for(lambda: fleet.results() == [b"one"])


def test_no_configuration_begins_with_no_instance(fleet: Fleet) -> None:
    variants = [{**config("one")["ProductionVariants"][0], "InitialInstanceCount": 0}]
    empty = {**config("one"), "EndpointConfigName": "empty", "ProductionVariants": variants}
    with pytest.raises(ValidationError, match="InitialInstanceCount of at least 1"):
        endpoint_configs.create(fleet.service, empty)


def test_only_an_asynchronous_endpoint_goes_to_no_instance(fleet: Fleet) -> None:
    document = {**config("one"), "EndpointConfigName": "one"}
    del document["AsyncInferenceConfig"]
    fleet.service.store.update("endpoint-config", "one", AsyncInferenceConfig=None)
    with pytest.raises(ValidationError, match="asynchronous"):
        fleet.scale(0)


def test_a_job_whose_instance_is_ended_is_lost_and_nobody_is_told(fleet: Fleet) -> None:
    fleet.work_on("never")
    fleet.scale(0)
    wait_for(lambda: fleet.service.store.backlog("acme")[0] == 0)
    assert fleet.results() == []


def test_without_a_deployment_config_the_old_instance_ends_at_once(fleet: Fleet) -> None:
    old = fleet.endpoints.servers("acme")[0]
    fleet.work_on("never")
    fleet.update()
    assert fleet.settle()["EndpointConfigName"] == "two"
    wait_for(lambda: not old.alive())
    wait_for(lambda: fleet.service.store.backlog("acme")[0] == 0)


def test_the_old_instance_finishes_its_job_within_the_termination_wait(fleet: Fleet) -> None:
    gate = fleet.work_on("gate")
    fleet.update(DeploymentConfig={"BlueGreenUpdatePolicy": GUARDED["BlueGreenUpdatePolicy"]})
    wait_for(lambda: len(fleet.service.store.get("endpoint", "acme")["Fleets"]) == 2)  # type: ignore[index]
    new = wait_for(lambda: [s for s in fleet.endpoints.servers("acme") if s.ready and not s.busy])
    assert fleet.look()["EndpointStatus"] == "Updating"
    gate.touch()
    wait_for(lambda: fleet.results() == [b"one"])
    assert fleet.settle()["EndpointConfigName"] == "two"
    assert fleet.endpoints.servers("acme") == new


def test_waits_that_are_kept_in_full_pass_by_the_clock(fleet: Fleet) -> None:
    fleet.service.controls.deploymentWaits = True
    old = fleet.endpoints.servers("acme")[0]
    fleet.update(DeploymentConfig={"BlueGreenUpdatePolicy": GUARDED["BlueGreenUpdatePolicy"]})
    wait_for(lambda: fleet.endpoints.servers("acme") != [old])
    fleet.service.clock.advance(120)  # baked; the old one waits
    assert old.alive()
    assert fleet.look()["EndpointStatus"] == "Updating"

    def pass_time() -> bool:
        fleet.service.clock.advance(300)
        return bool(fleet.look()["EndpointStatus"] == "InService")

    wait_for(pass_time)
    wait_for(lambda: not old.alive())
    assert fleet.look()["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]


def test_an_alarm_that_rings_turns_an_update_back(fleet: Fleet) -> None:
    assert isinstance(fleet.service.roles, FakeRoles)
    fleet.service.roles.cloudwatch.states["faults"] = "ALARM"
    fleet.update(DeploymentConfig=GUARDED)
    description = fleet.settle()
    assert description["EndpointConfigName"] == "one"
    assert "faults" in description["FailureReason"]
    assert fleet.counts() == (1, 1)
    fleet.service.roles.cloudwatch.states["faults"] = "OK"
    fleet.update(DeploymentConfig=GUARDED)
    assert fleet.settle()["EndpointConfigName"] == "two"


def test_an_update_whose_alarms_the_role_may_not_look_at_is_turned_back(fleet: Fleet) -> None:
    assert isinstance(fleet.service.gateway, FakeGateway)
    fleet.service.gateway.denied.add("cloudwatch:DescribeAlarms")
    fleet.update(DeploymentConfig=GUARDED)
    assert "cannot be looked at" in fleet.settle()["FailureReason"]


def test_a_deployment_that_takes_too_long_is_turned_back(fleet: Fleet) -> None:
    fleet.service.controls.seconds["Updating"] = 4000
    fleet.update(DeploymentConfig=GUARDED)

    def pass_time() -> bool:
        fleet.service.clock.advance(4000)
        return bool(fleet.look()["EndpointStatus"] == "InService")

    wait_for(pass_time)
    description = fleet.look()
    assert description["EndpointConfigName"] == "one"
    assert "MaximumExecutionTimeoutInSeconds" in description["FailureReason"]


def test_a_deployment_whose_waits_are_longer_than_itself_is_refused(fleet: Fleet) -> None:
    policy = {**GUARDED["BlueGreenUpdatePolicy"], "MaximumExecutionTimeoutInSeconds": 600}
    policy["TerminationWaitInSeconds"] = 3600
    with pytest.raises(ValidationError, match="must be larger than the total waiting time"):
        fleet.update(DeploymentConfig={"BlueGreenUpdatePolicy": policy})


def test_a_state_lasts_as_long_as_a_test_says_and_not_longer_than_the_clock(
    fleet: Fleet,
) -> None:
    fleet.service.controls.seconds["InstanceStart"] = 300
    fleet.scale(2)
    waiting = threading.Event()
    assert not waiting.wait(0.05)
    assert fleet.look()["EndpointStatus"] == "Updating"
    assert len(fleet.endpoints.servers("acme")) == 1

    def pass_time() -> bool:
        fleet.service.clock.advance(300)
        return bool(fleet.look()["EndpointStatus"] == "InService")

    wait_for(pass_time)
    assert fleet.counts() == (2, 2)


def test_an_update_needs_room_for_the_old_and_the_new_instances(fleet: Fleet) -> None:
    fleet.service.controls.quotas[QUOTA] = 1
    with pytest.raises(ResourceLimitExceededError) as refused:
        fleet.update()
    assert refused.value.code == "ResourceLimitExceeded"
    assert refused.value.message == (
        "The account-level service limit 'ml.m5.large for endpoint usage' is 1 Instances, with "
        "current utilization of 1 Instances and a request delta of 1 Instances. Please contact "
        "AWS support to request an increase for this limit."
    )
    assert fleet.look()["EndpointStatus"] == "InService"
    fleet.service.controls.quotas[QUOTA] = 2
    fleet.update()
    assert fleet.settle()["EndpointConfigName"] == "two"


def test_more_instances_than_the_quota_are_refused_and_the_fleet_stays(fleet: Fleet) -> None:
    fleet.service.controls.quotas[QUOTA] = 2
    with pytest.raises(ResourceLimitExceededError, match="request delta of 2 Instances"):
        fleet.scale(3)
    assert fleet.counts() == (1, 1)
    fleet.service.controls.quotas[QUOTA] = 1
    with pytest.raises(ResourceLimitExceededError):
        fleet.endpoints.create({"EndpointName": "other", "EndpointConfigName": "one"})
    assert fleet.service.store.get("endpoint", "other") is None


def test_a_fleet_has_its_size_again_after_a_restart(fleet: Fleet) -> None:
    fleet.scale(2)
    fleet.settle()
    fleet.endpoints.stop()
    again = Endpoints(fleet.service)
    again.start()
    try:
        wait_for(lambda: len(again.servers("acme")) == 2)
    finally:
        again.stop()


def test_an_endpoint_whose_role_is_gone_is_not_deleted_until_it_is_back(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_aws.sagemaker.endpoints.lifecycle.RESTORE_SECONDS", 0.01)
    roles = fleet.service.roles
    assert isinstance(roles, FakeRoles)
    roles.untrusted.add(ROLE)
    server = fleet.endpoints.servers("acme")[0]
    fleet.endpoints.delete({"EndpointName": "acme"})
    wait_for(lambda: not server.alive())
    assert fleet.look()["EndpointStatus"] == "Deleting"
    roles.untrusted.clear()
    wait_for(lambda: fleet.service.store.get("endpoint", "acme") is None)
