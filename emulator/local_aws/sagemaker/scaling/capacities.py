"""How many instances a policy asks for.

https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html
https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
"""

import math
from typing import Any

# Below this share of the target, for as long, a tracked variant has too many instances
SCALE_IN_SHARE = 0.9
HIGH_PERIODS = 3
LOW_PERIODS = 15


def stepped(config: dict[str, Any], capacity: int, breach: float) -> int:
    """Return the capacity that a step scaling policy asks for.

    Parameters
    ----------
    config
        StepScalingPolicyConfiguration.
    capacity
        Capacity now, instances.
    breach
        The metric's value less the alarm's threshold.
    """
    for step in config.get("StepAdjustments", []):
        lower = step.get("MetricIntervalLowerBound", -math.inf)
        upper = step.get("MetricIntervalUpperBound", math.inf)
        # The bound that is nearer to the threshold belongs to the step
        is_in = lower <= breach < upper if breach >= 0 else lower < breach <= upper
        if is_in:
            return _adjusted(config, capacity, step["ScalingAdjustment"])
    return capacity


def _adjusted(config: dict[str, Any], capacity: int, adjustment: int) -> int:
    kind = config["AdjustmentType"]
    if kind == "ExactCapacity":
        return adjustment
    if kind == "ChangeInCapacity":
        return capacity + adjustment
    change = capacity * adjustment / 100
    whole = math.trunc(change)
    if 0 < abs(change) < 1:
        whole = int(math.copysign(1, change))
    least = config.get("MinAdjustmentMagnitude", 0)
    if abs(whole) < least and adjustment:
        whole = int(math.copysign(least, adjustment))
    return capacity + whole


def tracked(capacity: int, value: float, target: float, *, outward: bool) -> int:
    """Return the capacity at which the metric would be at its target.

    Parameters
    ----------
    capacity
        Capacity now, instances; none counts as one, as for a metric by instance.
    value, target
        The metric now, and the policy's TargetValue.
    outward
        Whether instances are to be added, or else removed.
    """
    wanted = math.ceil(round(max(1, capacity) * value / target, 9))
    return max(wanted, capacity) if outward else min(wanted, capacity)
