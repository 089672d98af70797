"""Which state an alarm is in, by its datapoints and how it treats missing ones.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

import operator
from collections.abc import Callable
from typing import Any

from local_aws.ministack.cloudwatch.metric_math import Series

# CloudWatch looks at more periods than it evaluates, so that late data is not missing data
EXTRA_PERIODS = 2
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def state_of(alarm: dict[str, Any], series: Series) -> str:
    """Return ``OK``, ``ALARM`` or ``INSUFFICIENT_DATA``.

    Parameters
    ----------
    alarm
        As PutMetricAlarm takes it, with StateValue.
    series
        Its metric over EvaluationPeriods and EXTRA_PERIODS, the latest first.
    """
    periods = alarm["EvaluationPeriods"]
    needed = alarm.get("DatapointsToAlarm") or periods
    treatment = alarm.get("TreatMissingData") or "missing"
    breaches = [None if value is None else breaching(alarm, value) for value in series]
    real = [breach for breach in breaches if breach is not None][:periods]
    missing = periods - len(real)
    found = sum(real)
    if found >= needed:
        return "ALARM"
    if treatment == "breaching":
        return "ALARM" if found + missing >= needed else "OK"
    if treatment == "notBreaching" or not missing:
        return "OK"
    if treatment == "ignore":
        keeps = not real or found + missing >= needed
        return str(alarm["StateValue"]) if keeps else "OK"
    if not real:
        return "INSUFFICIENT_DATA"
    return "ALARM" if _is_premature(breaches[:periods], needed) else "OK"


def breaching(alarm: dict[str, Any], value: float) -> bool:
    """Say whether a value breaches an alarm's threshold.

    Raises
    ------
    ValueError
        If the alarm compares in a way that is not known here.
    """
    comparison = COMPARISONS.get(alarm["ComparisonOperator"])
    if comparison is None:
        raise ValueError(f"{alarm['ComparisonOperator']} is not evaluated here")
    return comparison(value, alarm["Threshold"])


def _is_premature(breaches: list[bool | None], needed: int) -> bool:
    """Say whether the oldest breach is old enough and nothing younger speaks against it."""
    ages = [age for age, breach in enumerate(breaches) if breach]
    if not ages or ages[-1] < needed - 1:
        return False
    return all(breach is not False for breach in breaches[: ages[-1]])
