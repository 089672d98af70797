"""Alarms on metric math in a template; MiniStack rolls a template with one back."""

from typing import Any

from ministack.services.cloudformation import provisioners

from local_aws.ministack.cloudwatch import alarms
from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName(
        "services.cloudformation.provisioners", "_cw_metric_alarm_record", ("name", "props")
    ),
    PrivateName("services.cloudwatch", "_alarms"),
)

# Stands for the metric while MiniStack reads the rest of the properties
PLACEHOLDER = {"Namespace": "-", "MetricName": "-"}


def apply() -> None:
    """Make the alarm of such properties as PutMetricAlarm does."""
    read = provisioners._cw_metric_alarm_record

    def record(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        queries = properties.get("Metrics")
        if not queries:
            alarm: dict[str, Any] = read(name, properties)
            return alarm
        if fault := alarms.fault_of(properties, queries, {}):
            raise ValueError(fault)
        rest = {key: value for key, value in properties.items() if key != "Metrics"}
        return alarms.with_queries(read(name, {**rest, **PLACEHOLDER}), _typed(queries))

    provisioners._cw_metric_alarm_record = record


def _typed(queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return queries with numbers and truth values where a template may have text."""
    typed = []
    for query in queries:
        query = {**query}
        if "ReturnData" in query:
            query["ReturnData"] = str(query["ReturnData"]).lower() == "true"
        if "MetricStat" in query:
            stat = query["MetricStat"]
            query["MetricStat"] = {**stat, "Period": int(stat["Period"])}
        typed.append(query)
    return typed
