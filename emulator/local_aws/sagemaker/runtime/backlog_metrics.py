"""The CloudWatch metrics of an asynchronous endpoint: its queue, and how invocations ended.

AWS publishes once a minute. Here it is more often, so that no minute is without them.
"""

import logging
import threading
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.sagemaker.endpoints.endpoints import Endpoints
from local_aws.sagemaker.endpoints.lifecycle import KIND
from local_aws.sagemaker.errors import ServiceError
from local_aws.sagemaker.identity import now
from local_aws.sagemaker.runtime.outcome_metrics import OutcomeMetrics
from local_aws.sagemaker.service import Service

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 20.0
NAMESPACE = "AWS/SageMaker"
MOST_AT_ONCE = 1000


class BacklogMetrics:
    """What SageMaker publishes of its endpoints."""

    def __init__(self, service: Service, endpoints: Endpoints, outcomes: OutcomeMetrics) -> None:
        self._service = service
        self._endpoints = endpoints
        self._outcomes = outcomes

    def start(self) -> None:
        """Publish in a thread until the service stops."""
        threading.Thread(target=self._publish_forever, daemon=True).start()

    def _publish_forever(self) -> None:
        while not self._service.stopping.wait(PERIOD_SECONDS):
            self.publish()

    def publish(self) -> None:
        """Publish once."""
        data = self._outcomes.drain()
        for endpoint in self._service.store.all(KIND):
            data += self.measure(endpoint["EndpointName"])
        if not data:
            return
        try:
            client = self._service.roles.client("cloudwatch")
            for begin in range(0, len(data), MOST_AT_ONCE):
                client.put_metric_data(
                    Namespace=NAMESPACE, MetricData=data[begin : begin + MOST_AT_ONCE]
                )
        except (BotoCoreError, ClientError, ServiceError) as error:
            logger.warning("The metrics of the endpoints are not published: %s", error)

    def measure(self, endpoint: str) -> list[dict[str, Any]]:
        """Return the metrics of one endpoint's queue now.

        https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
        """
        config = self._endpoints.config(endpoint)
        if config is None or "AsyncInferenceConfig" not in config:
            return []
        size, oldest = self._service.store.backlog(endpoint)
        instances = len(self._endpoints.servers(endpoint))
        values = {
            "ApproximateBacklogSize": float(size),
            # Without an instance the whole queue, or target tracking would never wake it
            "ApproximateBacklogSizePerInstance": size / max(1, instances),
            "ApproximateAgeOfOldestRequest": 0.0 if oldest is None else max(0.0, now() - oldest),
            "HasBacklogWithoutCapacity": float(size > 0 and instances == 0),
        }
        return [
            {
                "MetricName": metric,
                "Value": value,
                "Unit": "Seconds" if "Age" in metric else "Count",
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
            }
            for metric, value in values.items()
        ]
