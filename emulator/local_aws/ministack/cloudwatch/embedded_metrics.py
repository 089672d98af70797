"""Metrics in embedded format: a line of JSON in a log becomes data of CloudWatch.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import logging
from collections.abc import Iterator
from typing import Any

from ministack.services import cloudwatch

from local_aws.ministack.private_names import PrivateName

logger = logging.getLogger(__name__)

PRIVATE_NAMES = (
    PrivateName(
        "services.cloudwatch",
        "_store_datum",
        ("namespace", "name", "dims", "ts", "unit", "value", "values", "counts", "stat_values"),
    ),
)


def keep(text: str) -> None:
    """Store the metrics that lines of a log hold."""
    for line in text.splitlines():
        if '"_aws"' not in line:
            continue
        try:
            document = json.loads(line)
            data = list(read(document))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            logger.warning("A line in embedded metric format cannot be read: %s", error)
            continue
        for datum in data:
            cloudwatch._store_datum(*datum)


def read(document: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield what a line's document holds: namespace, name, dimensions, time, unit, values.

    Raises
    ------
    KeyError
        If it names a metric or a dimension and has no value for it.
    """
    about = document["_aws"]
    moment = about["Timestamp"] / 1000
    for directive in about["CloudWatchMetrics"]:
        for keys in directive.get("Dimensions") or [[]]:
            dimensions = {key: str(document[key]) for key in keys}
            for metric in directive["Metrics"]:
                found = document[metric["Name"]]
                values = found if isinstance(found, list) else [found]
                yield (
                    directive["Namespace"],
                    metric["Name"],
                    dimensions,
                    moment,
                    metric.get("Unit", "None"),
                    None,
                    [float(value) for value in values],
                    None,
                    None,
                )
