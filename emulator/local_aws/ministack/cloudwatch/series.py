"""What CloudWatch holds of a metric, as one value a period.

Periods are counted back from the moment of the look, and not from full minutes: a metric that is
published once a minute then has a value in each, whenever one looks.
"""

import time
from typing import Any

from ministack.services import cloudwatch

from local_aws.ministack.cloudwatch import metric_math
from local_aws.ministack.cloudwatch.metric_math import MetricMathError, Series
from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName("services.cloudwatch", "_metrics"),
    PrivateName("services.cloudwatch", "_calc_stats", ("points",)),
    PrivateName("services.cloudwatch", "_dims_key", ("dims",)),
    PrivateName("services.cloudwatch", "_stat_value", ("stats", "stat_name", "points")),
)


def of_metric(metric: dict[str, Any], statistic: str, period: int, periods: int) -> Series:
    """Return a metric's values, the latest first; None for a period without data.

    Parameters
    ----------
    metric
        ``Namespace``, ``MetricName`` and ``Dimensions``: exactly these.
    statistic
        Such as ``Average`` or ``p90``.
    period
        Length of a period, s.
    periods
        How many.
    """
    dimensions = {item["Name"]: item["Value"] for item in metric.get("Dimensions") or []}
    key = (metric["Namespace"], metric["MetricName"], cloudwatch._dims_key(dimensions))
    now = time.time()
    buckets: list[list[dict[str, Any]]] = [[] for _ in range(periods)]
    for point in list(cloudwatch._metrics.get(key) or []):
        number = max(0, int((now - point["Timestamp"]) // period))
        if number < periods:
            buckets[number].append(point)
    return [_value(points, statistic) for points in buckets]


def _value(points: list[dict[str, Any]], statistic: str) -> float | None:
    stats = cloudwatch._calc_stats(points)
    if not stats:
        return None
    value = cloudwatch._stat_value(stats, statistic, points)
    return None if value is None else float(value)


def of_alarm(alarm: dict[str, Any], periods: int) -> tuple[Series, int]:
    """Return the series that an alarm watches, and its period in seconds.

    Raises
    ------
    MetricMathError
        If the alarm's expression cannot be evaluated.
    """
    if not alarm.get("Metrics"):
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
        return of_metric(alarm, statistic, alarm["Period"], periods), alarm["Period"]
    period = period_of(alarm["Metrics"])
    return of_queries(alarm["Metrics"], period, periods), period


def period_of(queries: list[dict[str, Any]]) -> int:
    """Return the period of the metrics of an expression, s."""
    found = [query["MetricStat"]["Period"] for query in queries if "MetricStat" in query]
    return int(max(found, default=60))


def of_queries(queries: list[dict[str, Any]], period: int, periods: int) -> Series:
    """Return the series of the query that returns data."""
    waiting = {query["Id"]: query for query in queries}
    found: dict[str, Series] = {}
    while waiting:
        ready = [
            query
            for query in waiting.values()
            if "MetricStat" in query
            or not metric_math.names(metric_math.parse(query["Expression"])) & waiting.keys()
        ]
        if not ready:
            raise MetricMathError("The expressions name each other in a circle.")
        for query in ready:
            found[query["Id"]] = _of_query(query, found, period, periods)
            del waiting[query["Id"]]
    return found[returned(queries)["Id"]]


def returned(queries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one query whose result counts.

    Raises
    ------
    MetricMathError
        If there is not exactly one.
    """
    chosen = [query for query in queries if query.get("ReturnData", True)]
    if len(chosen) != 1:
        raise MetricMathError("Exactly one of the Metrics must have ReturnData true.")
    return chosen[0]


def _of_query(query: dict[str, Any], found: dict[str, Series], period: int, periods: int) -> Series:
    if "Expression" in query:
        return metric_math.evaluate(query["Expression"], found, periods)
    stat = query["MetricStat"]
    return of_metric(stat["Metric"], stat["Stat"], period, periods)
