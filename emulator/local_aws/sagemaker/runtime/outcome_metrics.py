"""The CloudWatch metrics of how invocations ended, by variant.

https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
"""

import threading
from typing import Any

from local_aws.sagemaker.endpoints import configs as endpoint_configs
from local_aws.sagemaker.store import Document


class OutcomeMetrics:
    """What has been counted since it was last published."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._data: list[dict[str, Any]] = []

    def count(
        self, endpoint: str, config: Document, status: str, response_status: int | None
    ) -> None:
        """Count one outcome.

        Parameters
        ----------
        endpoint, config
            Who answered.
        status
            ``Completed``, ``Failed`` or ``Expired``.
        response_status
            HTTP status of the container's answer, if there was one.
        """
        if status == "Expired":
            self._add(endpoint, config, "ExpiredRequests", 1.0)
        else:
            self._add(endpoint, config, "InvocationFailures", float(status == "Failed"))
        if response_status is not None:
            for name, begin in (("Invocation4XXErrors", 400), ("Invocation5XXErrors", 500)):
                is_error = begin <= response_status < begin + 100
                self._add(endpoint, config, name, float(is_error))

    def count_lost_notification(self, endpoint: str, config: Document) -> None:
        """Count a message that could not be published."""
        self._add(endpoint, config, "NotificationFailures", 1.0)

    def count_processed(self, endpoint: str, config: Document, seconds: float) -> None:
        """Count the time from the request to its answer, the queue and the message included."""
        self._add(endpoint, config, "TotalProcessingTime", 1000 * seconds, unit="Milliseconds")

    def drain(self) -> list[dict[str, Any]]:
        """Return what was counted, and begin anew."""
        with self._lock:
            data, self._data = self._data, []
        return data

    def _add(
        self, endpoint: str, config: Document, metric: str, value: float, *, unit: str = "None"
    ) -> None:
        datum = {
            "MetricName": metric,
            "Value": value,
            "Unit": unit,
            "Dimensions": [
                {"Name": "EndpointName", "Value": endpoint},
                {
                    "Name": "VariantName",
                    "Value": endpoint_configs.variant(config)["VariantName"],
                },
            ],
        }
        with self._lock:
            self._data.append(datum)
