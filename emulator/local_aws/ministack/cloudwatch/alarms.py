"""Alarms on metrics and metric math: evaluated each minute, with their actions.

MiniStack ignores dimensions, missing data and metric math, and calls no scaling policy.
"""

import logging
import time
from typing import Any

from ministack.services import cloudwatch

from local_aws.ministack import sagemaker_link
from local_aws.ministack.cloudwatch import alarm_states, metric_math, series
from local_aws.ministack.private_names import PrivateName

logger = logging.getLogger(__name__)

PRIVATE_NAMES = (
    *series.PRIVATE_NAMES,
    PrivateName("services.cloudwatch", "_alarms"),
    PrivateName("services.cloudwatch", "_dispatch_alarm_actions"),
    PrivateName("services.cloudwatch", "_error", ("code", "message", "status")),
    PrivateName("services.cloudwatch", "_evaluate_alarm", ("alarm",)),
    PrivateName("services.cloudwatch", "_evaluate_all_alarms", ()),
    PrivateName("services.cloudwatch", "_evaluate_parent_alarms", ("child",)),
    PrivateName(
        "services.cloudwatch", "_put_metric_alarm", ("params", "cbor_data", "is_cbor", "is_json")
    ),
    PrivateName("services.cloudwatch", "_record_history", ("alarm_name", "old_state", "new_state")),
)

POLICY_ARN = "arn:aws:autoscaling:"
# What an alarm on an expression has not; its metrics have it
OF_ONE_METRIC = ("Namespace", "MetricName", "Dimensions", "Statistic", "ExtendedStatistic", "Unit")


def apply() -> None:
    """Evaluate alarms here, and let PutMetricAlarm take metric math."""
    put = cloudwatch._put_metric_alarm
    cloudwatch._evaluate_alarm = evaluate
    # By the clock and not with each datum, as on AWS
    cloudwatch._evaluate_all_alarms = lambda: None

    def put_metric_alarm(
        params: dict[str, Any], data: dict[str, Any], is_cbor: bool, is_json: bool = False
    ) -> Any:
        queries = data.get("Metrics")
        name = data.get("AlarmName", "")
        if fault := fault_of(data, queries, params):
            return cloudwatch._error(
                "ValidationError", fault, 400, use_json=is_json, use_cbor=is_cbor
            )
        before = cloudwatch._alarms.get(name)
        answer = put(params, data, is_cbor, is_json)
        if queries and answer[0] == 200:
            cloudwatch._alarms[name] = with_queries(cloudwatch._alarms[name], queries)
            if before is None:
                evaluate(cloudwatch._alarms[name])
        return answer

    cloudwatch._put_metric_alarm = put_metric_alarm


def fault_of(
    data: dict[str, Any], queries: list[dict[str, Any]] | None, params: dict[str, Any]
) -> str | None:
    """Return why an alarm cannot be watched here, or None."""
    if "Metrics.member.1.Id" in params:
        return "Metric math in AWS's Query protocol is not read here; use a newer SDK."
    comparison = data.get("ComparisonOperator")
    if comparison and comparison not in alarm_states.COMPARISONS:
        return f"{comparison} is not evaluated here."
    try:
        for query in queries or []:
            if "Expression" in query:
                metric_math.parse(query["Expression"])
        if queries:
            series.returned(queries)
    except metric_math.MetricMathError as error:
        return str(error)
    return None


def with_queries(alarm: dict[str, Any], queries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an alarm on metric math."""
    kept = {key: value for key, value in alarm.items() if key not in OF_ONE_METRIC}
    kept.pop("Period", None)
    return {**kept, "Metrics": queries}


def evaluate(alarm: dict[str, Any]) -> float | None:
    """Bring an alarm to its state, tell its topics of a change, and return its latest value."""
    if not alarm.get("Metrics") and not (alarm.get("Namespace") and alarm.get("MetricName")):
        return None
    periods = alarm["EvaluationPeriods"] + alarm_states.EXTRA_PERIODS
    try:
        values, _period = series.of_alarm(alarm, periods)
        new = alarm_states.state_of(alarm, values)
    except ValueError as error:
        logger.error("Alarm %s cannot be evaluated: %s", alarm["AlarmName"], error)
        return None
    old = alarm["StateValue"]
    latest = next((value for value in values if value is not None), None)
    if new != old:
        reason = (
            f"Threshold Crossed: {values[: alarm['EvaluationPeriods']]} (the latest first) "
            f"{alarm['ComparisonOperator']} {alarm['Threshold']}"
        )
        alarm |= {
            "StateValue": new,
            "StateReason": reason,
            "StateUpdatedTimestamp": int(time.time()),
        }
        cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
        cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
        cloudwatch._evaluate_parent_alarms(alarm)
    return latest


def evaluate_all(least: int = 0) -> list[dict[str, Any]]:
    """Evaluate every alarm, call the policies of those that ring, and say what came of it.

    Parameters
    ----------
    least
        How many instances no policy goes below, whatever its target's minimum is.
    """
    called = []
    for alarm in list(cloudwatch._alarms.values()):
        latest = evaluate(alarm)
        if alarm["StateValue"] != "ALARM" or latest is None:
            continue
        if not alarm.get("ActionsEnabled", True):
            continue
        for action in alarm.get("AlarmActions") or []:
            if action.startswith(POLICY_ARN):
                called.append(_call(action, alarm, latest, least))
    return called


def _call(policy_arn: str, alarm: dict[str, Any], value: float, least: int) -> dict[str, Any]:
    call = {
        "policyArn": policy_arn,
        "alarmName": alarm["AlarmName"],
        "value": value,
        "threshold": alarm["Threshold"],
        "least": least,
    }
    try:
        answer = sagemaker_link.post("scaling-alarm", call)
    except OSError as error:
        answer = {"outcome": f"Application Auto Scaling cannot be reached: {error}"}
    return {**call, **answer}
