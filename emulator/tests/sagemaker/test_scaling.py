"""A variant scales by the policies that were put for it, as Application Auto Scaling would."""

from collections.abc import Mapping
from typing import Any

import pytest
from endpoint_programs import config
from sagemaker_fakes import FakeGateway, FakeRoles

from local_aws.sagemaker.endpoints.endpoints import SCALABLE_TARGET, Endpoints
from local_aws.sagemaker.errors import ResourceLimitExceededError, ServiceError, ValidationError
from local_aws.sagemaker.identity import Check
from local_aws.sagemaker.scaling.capacities import stepped, tracked
from local_aws.sagemaker.scaling.operations import DIMENSION, ScalingOperations
from local_aws.sagemaker.scaling.scaler import Scaler
from local_aws.sagemaker.service import Service

RESOURCE = "endpoint/acme/variant/main"
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": DIMENSION,
}
TRACKING = {
    **TARGET,
    "PolicyName": "track",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 5.0,
        "ScaleOutCooldown": 300,
        "ScaleInCooldown": 600,
        "CustomizedMetricSpecification": {
            "Metrics": [
                {
                    "Id": "backlog",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": "AWS/SageMaker",
                            "MetricName": "ApproximateBacklogSizePerInstance",
                            "Dimensions": [{"Name": "EndpointName", "Value": "acme"}],
                        },
                        "Stat": "Average",
                    },
                    "ReturnData": False,
                },
                {"Id": "held", "Expression": "FILL(backlog, 0)", "ReturnData": True},
            ]
        },
    },
}
STEPS = {
    **TARGET,
    "PolicyName": "wake",
    "PolicyType": "StepScaling",
    "StepScalingPolicyConfiguration": {
        "AdjustmentType": "ChangeInCapacity",
        "Cooldown": 300,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    },
}


class FakeEndpoints:
    """One endpoint whose capacity changes at once."""

    def __init__(self) -> None:
        self.capacity = 1
        self.status = "InService"
        self.limit = 100

    def config(self, name: str) -> dict[str, Any] | None:
        return config("one") if name == "acme" else None

    def describe(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        variant = {"VariantName": "main", "DesiredInstanceCount": self.capacity}
        return {"EndpointStatus": self.status, "ProductionVariants": [variant]}

    def update_capacities(self, request: Mapping[str, Any]) -> None:
        wanted = request["DesiredWeightsAndCapacities"][0]["DesiredInstanceCount"]
        if wanted > self.limit:
            raise ResourceLimitExceededError(f"{wanted} are too many")
        self.capacity = wanted


class Scaling:
    """Application Auto Scaling over that endpoint, and the alarms that call it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.endpoints = FakeEndpoints()
        self.scaler = Scaler(service, self.endpoints)  # type: ignore[arg-type]
        self.operations = ScalingOperations(
            service,
            self.endpoints,  # type: ignore[arg-type]
            self.scaler,
        )

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return self.operations.call(operation, request, {})

    def register(self, least: int = 0, most: int = 4) -> None:
        bounds = {"MinCapacity": least, "MaxCapacity": most}
        self.call("RegisterScalableTarget", {**TARGET, **bounds})

    def ring(self, policy: dict[str, Any], value: float, side: str = "High") -> str:
        """Let the policy's alarm call it; return what came of it."""
        alarms = [alarm["AlarmName"] for alarm in policy["Alarms"]]
        name = next((n for n in alarms if f"Alarm{side}" in n), "wake")
        call = {"alarmName": name, "value": value, "threshold": 1.0}
        return str(self.scaler.on_alarm({"policyArn": policy["PolicyARN"], **call})["outcome"])


@pytest.fixture
def scaling(service: Service) -> Scaling:
    return Scaling(service)


def alarms(service: Service) -> dict[str, dict[str, Any]]:
    assert isinstance(service.roles, FakeRoles)
    return service.roles.cloudwatch.alarms


@pytest.mark.parametrize(
    ("kind", "adjustment", "capacity", "breach", "wanted"),
    [
        ("ChangeInCapacity", 2, 1, 0.0, 3),
        ("ExactCapacity", 5, 1, 0.0, 5),
        ("PercentChangeInCapacity", 10, 4, 0.0, 5),
        ("PercentChangeInCapacity", 60, 4, 0.0, 6),
        ("PercentChangeInCapacity", -60, 4, 0.0, 2),
        ("ChangeInCapacity", 2, 1, -1.0, 1),
    ],
)
def test_a_step_changes_the_capacity_as_its_type_says(
    kind: str, adjustment: int, capacity: int, breach: float, wanted: int
) -> None:
    steps = [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": adjustment}]
    assert stepped({"AdjustmentType": kind, "StepAdjustments": steps}, capacity, breach) == wanted


@pytest.mark.parametrize(
    ("capacity", "value", "outward", "wanted"),
    [
        (2, 10.0, True, 4),
        (1, 5.1, True, 2),
        (0, 12.0, True, 3),
        (3, 2.0, False, 2),
        (2, 0, False, 0),
    ],
)
def test_target_tracking_brings_the_metric_to_its_target(
    capacity: int, value: float, outward: bool, wanted: int
) -> None:
    assert tracked(capacity, value, 5.0, outward=outward) == wanted


def test_target_tracking_keeps_two_alarms_on_its_expression(
    scaling: Scaling, service: Service
) -> None:
    scaling.register()
    put = scaling.call("PutScalingPolicy", TRACKING)
    found = {alarm["ComparisonOperator"]: alarm for alarm in alarms(service).values()}
    high, low = found["GreaterThanThreshold"], found["LessThanThreshold"]
    assert (high["Threshold"], high["EvaluationPeriods"]) == (5.0, 3)
    assert (low["Threshold"], low["EvaluationPeriods"]) == (4.5, 15)
    assert high["AlarmActions"] == [put["PolicyARN"]]
    assert high["Metrics"][0]["MetricStat"]["Period"] == 60
    again = scaling.call("PutScalingPolicy", TRACKING)
    assert again == put
    assert len(alarms(service)) == 2


def test_a_target_that_is_deregistered_loses_its_policies_and_their_alarms(
    scaling: Scaling, service: Service
) -> None:
    scaling.register()
    scaling.call("PutScalingPolicy", TRACKING)
    scaling.call("PutScalingPolicy", STEPS)
    scaling.call("DeregisterScalableTarget", TARGET)
    assert alarms(service) == {}
    described = scaling.call("DescribeScalingPolicies", {"ServiceNamespace": "sagemaker"})
    assert described["ScalingPolicies"] == []
    with pytest.raises(ServiceError) as missing:
        scaling.call("DeregisterScalableTarget", TARGET)
    assert missing.value.code == "ObjectNotFoundException"


def test_a_policy_needs_a_target_and_a_target_a_variant_and_bounds(scaling: Scaling) -> None:
    with pytest.raises(ServiceError, match="No scalable target"):
        scaling.call("PutScalingPolicy", STEPS)
    with pytest.raises(ValidationError, match="MinCapacity and MaxCapacity"):
        scaling.call("RegisterScalableTarget", TARGET)
    nobody = {**TARGET, "ResourceId": "endpoint/acme/variant/nobody"}
    with pytest.raises(ValidationError, match="No scalable resource found"):
        scaling.call("RegisterScalableTarget", {**nobody, "MinCapacity": 0, "MaxCapacity": 1})


def test_registering_brings_the_capacity_inside_the_bounds(scaling: Scaling) -> None:
    scaling.endpoints.capacity = 6
    scaling.register(1, 4)
    assert scaling.endpoints.capacity == 4
    scaling.register(1, 2)
    assert scaling.endpoints.capacity == 2


def test_a_backlog_adds_instances_up_to_the_most(scaling: Scaling) -> None:
    scaling.register(0, 4)
    policy = scaling.call("PutScalingPolicy", TRACKING)
    scaling.ring(policy, 12.0)
    assert scaling.endpoints.capacity == 3
    scaling.service.clock.advance(301)
    scaling.ring(policy, 100.0)
    assert scaling.endpoints.capacity == 4


def test_what_was_just_added_counts_while_it_cools_down(scaling: Scaling) -> None:
    scaling.register(0, 10)
    policy = scaling.call("PutScalingPolicy", TRACKING)
    scaling.ring(policy, 10.0)
    assert scaling.endpoints.capacity == 2
    scaling.ring(policy, 10.0)  # the same backlog, seen once more
    assert scaling.endpoints.capacity == 2
    scaling.ring(policy, 20.0)
    assert scaling.endpoints.capacity == 4
    scaling.service.clock.advance(301)
    scaling.ring(policy, 10.0)
    assert scaling.endpoints.capacity == 8


def test_an_idle_fleet_shrinks_and_then_cools_down(scaling: Scaling) -> None:
    scaling.register(0, 4)
    scaling.endpoints.capacity = 4
    policy = scaling.call("PutScalingPolicy", TRACKING)
    scaling.ring(policy, 2.5, "Low")
    assert scaling.endpoints.capacity == 2
    assert scaling.ring(policy, 0.0, "Low") == "it cools down"
    scaling.service.clock.advance(601)
    scaling.ring(policy, 0.0, "Low")
    assert scaling.endpoints.capacity == 0


def test_an_instance_that_is_to_be_kept_stays(scaling: Scaling) -> None:
    scaling.register(0, 4)
    scaling.endpoints.capacity = 3
    policy = scaling.call("PutScalingPolicy", TRACKING)
    low = next(a["AlarmName"] for a in policy["Alarms"] if "AlarmLow" in a["AlarmName"])
    call = {"policyArn": policy["PolicyARN"], "alarmName": low, "value": 0.0, "threshold": 4.5}
    scaling.scaler.on_alarm({**call, "least": 1})
    assert scaling.endpoints.capacity == 1
    scaling.service.clock.advance(601)
    scaling.scaler.on_alarm({**call, "least": 1})
    assert scaling.endpoints.capacity == 1


def test_a_metric_at_its_target_removes_nothing(scaling: Scaling) -> None:
    scaling.register(0, 4)
    scaling.endpoints.capacity = 2
    policy = scaling.call("PutScalingPolicy", TRACKING)
    assert scaling.ring(policy, 5.0, "Low") == "nothing to change"


def test_a_step_wakes_an_endpoint_of_no_instance_once_in_its_cooldown(scaling: Scaling) -> None:
    scaling.register(0, 4)
    scaling.endpoints.capacity = 0
    policy = scaling.call("PutScalingPolicy", STEPS)
    scaling.ring(policy, 1.0)
    assert scaling.endpoints.capacity == 1
    scaling.ring(policy, 1.0)
    assert scaling.endpoints.capacity == 1
    activities = scaling.call("DescribeScalingActivities", {"ServiceNamespace": "sagemaker"})
    assert [a["StatusCode"] for a in activities["ScalingActivities"]] == ["Successful"]
    assert "policy wake" in activities["ScalingActivities"][0]["Cause"]


def test_nothing_scales_while_the_endpoint_changes(scaling: Scaling) -> None:
    scaling.register(0, 4)
    policy = scaling.call("PutScalingPolicy", STEPS)
    scaling.endpoints.status = "Updating"
    assert scaling.ring(policy, 1.0) == "the target is not there, or changes"
    assert scaling.endpoints.capacity == 1


def test_a_quota_is_told_in_the_activities_and_asked_again(scaling: Scaling) -> None:
    scaling.register(0, 4)
    policy = scaling.call("PutScalingPolicy", STEPS)
    scaling.endpoints.limit = 1
    scaling.ring(policy, 1.0)
    activities = scaling.call("DescribeScalingActivities", {"ServiceNamespace": "sagemaker"})
    assert activities["ScalingActivities"][0]["StatusCode"] == "Failed"
    assert "ResourceLimitExceeded" in activities["ScalingActivities"][0]["StatusMessage"]
    scaling.endpoints.limit = 2
    scaling.ring(policy, 1.0)
    assert scaling.endpoints.capacity == 2


def test_scaling_that_is_suspended_does_nothing(scaling: Scaling) -> None:
    scaling.register(0, 4)
    policy = scaling.call("PutScalingPolicy", STEPS)
    suspended = {"SuspendedState": {"DynamicScalingOutSuspended": True}}
    scaling.call("RegisterScalableTarget", {**TARGET, **suspended})
    assert scaling.ring(policy, 1.0) == "scaling is suspended"


def test_a_predefined_metric_that_nobody_publishes_is_refused_by_name(scaling: Scaling) -> None:
    scaling.register()
    specification = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    config = {"TargetValue": 1.0, "PredefinedMetricSpecification": specification}
    with pytest.raises(ValidationError, match="CustomizedMetricSpecification"):
        scaling.call(
            "PutScalingPolicy", {**TRACKING, "TargetTrackingScalingPolicyConfiguration": config}
        )


def test_who_registers_needs_the_permissions_that_aws_asks_for(
    scaling: Scaling, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Check] = []
    monkeypatch.setattr(
        FakeGateway, "authorize", lambda _self, _headers, checks: asked.extend(checks) or "arn"
    )
    service.store.insert("endpoint", "acme", {"EndpointConfigName": "one"})
    scaling.register()
    actions = {check.action for check in asked}
    assert actions == {
        "application-autoscaling:RegisterScalableTarget",
        "iam:CreateServiceLinkedRole",
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
    }
    asked.clear()
    scaling.call("PutScalingPolicy", TRACKING)
    assert {"cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms"} < {c.action for c in asked}
    asked.clear()
    scaling.call("DeregisterScalableTarget", TARGET)
    assert "cloudwatch:DeleteAlarms" in {check.action for check in asked}


def test_a_registered_variant_does_not_change_its_instance_type(service: Service) -> None:
    endpoints = Endpoints(service)
    service.store.insert("model", "one", {"ModelName": "one"})
    for name, kind in (("one", "ml.m5.large"), ("other", "ml.c5.large")):
        document = config("one")
        document["ProductionVariants"][0]["InstanceType"] = kind
        service.store.insert("endpoint-config", name, {**document, "EndpointConfigName": name})
    service.store.insert(
        "endpoint",
        "acme",
        {
            "EndpointName": "acme",
            "EndpointArn": "arn",
            "EndpointStatus": "InService",
            "EndpointConfigName": "one",
            "Fleets": {"serving": {"type": "ml.m5.large", "desired": 1}},
        },
    )
    service.store.insert(SCALABLE_TARGET, RESOURCE, {"ResourceId": RESOURCE})
    with pytest.raises(ValidationError, match="must be deregistered as scalable targets"):
        endpoints.update({"EndpointName": "acme", "EndpointConfigName": "other"})
