"""The two alarms that target tracking keeps for each of its policies."""

import uuid
from typing import Any

from local_aws.sagemaker.errors import ValidationError
from local_aws.sagemaker.scaling.capacities import HIGH_PERIODS, LOW_PERIODS, SCALE_IN_SHARE

PERIOD_SECONDS = 60


def requests(
    resource: str, policy_arn: str, config: dict[str, Any], known: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the PutMetricAlarm requests of a policy.

    Parameters
    ----------
    resource
        The scalable target's ResourceId.
    policy_arn
        What the alarms call.
    config
        TargetTrackingScalingPolicyConfiguration.
    known
        The alarms that the policy has already; they keep their names.

    Raises
    ------
    ValidationError
        If the metric is one that is not here.
    """
    specification = config.get("CustomizedMetricSpecification")
    if specification is None:
        raise ValidationError(
            "Only a CustomizedMetricSpecification is tracked here: predefined metrics are not "
            "published."
        )
    names = {alarm["AlarmName"].split("-Alarm")[-1].split("-")[0]: alarm for alarm in known}
    target = config["TargetValue"]
    sides = [("High", "GreaterThanThreshold", target, HIGH_PERIODS)]
    if not config.get("DisableScaleIn"):
        sides.append(("Low", "LessThanThreshold", target * SCALE_IN_SHARE, LOW_PERIODS))
    return [
        {
            "AlarmName": names[side]["AlarmName"]
            if side in names
            else f"TargetTracking-{resource}-Alarm{side}-{uuid.uuid4()}",
            "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy "
            f"{policy_arn}.",
            "ComparisonOperator": comparison,
            "Threshold": threshold,
            "EvaluationPeriods": periods,
            "AlarmActions": [policy_arn],
            **_metric(specification),
        }
        for side, comparison, threshold, periods in sides
    ]


def _metric(specification: dict[str, Any]) -> dict[str, Any]:
    if "Metrics" in specification:
        return {"Metrics": [_query(query) for query in specification["Metrics"]]}
    missing = {"MetricName", "Namespace", "Statistic"} - specification.keys()
    if missing:
        raise ValidationError(
            f"CustomizedMetricSpecification needs {', '.join(sorted(missing))}, or Metrics."
        )
    return {**specification, "Period": PERIOD_SECONDS}


def _query(query: dict[str, Any]) -> dict[str, Any]:
    if "MetricStat" not in query:
        return query
    return {**query, "MetricStat": {"Period": PERIOD_SECONDS, **query["MetricStat"]}}
