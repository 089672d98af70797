"""The CloudWatch metrics of an asynchronous endpoint: its queue, and how invocations ended.

AWS publishes once a minute. Here it is more often, so that no minute is without them.
"""

import logging
import threading
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.sagemaker.endpoints import configs as endpoint_configs
from local_aws.sagemaker.endpoints.endpoints import Endpoints
from local_aws.sagemaker.endpoints.lifecycle import KIND
from local_aws.sagemaker.errors import ServiceError
from local_aws.sagemaker.identity import now
from local_aws.sagemaker.runtime.outcome_metrics import OutcomeMetrics
from local_aws.sagemaker.service import Service

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 20.0
NAMESPACE = "AWS/SageMaker"
INSTANCE_NAMESPACE = "/aws/sagemaker/Endpoints"
MINUTE = 60
MOST_AT_ONCE = 1000


class BacklogMetrics:
    """What SageMaker publishes of its endpoints."""

    def __init__(self, service: Service, endpoints: Endpoints, outcomes: OutcomeMetrics) -> None:
        self._service = service
        self._endpoints = endpoints
        self._outcomes = outcomes
        self._minutes: dict[str, int] = {}  # the last one that its instances have reported

    def start(self) -> None:
        """Publish in a thread until the service stops."""
        threading.Thread(target=self._publish_forever, daemon=True).start()

    def _publish_forever(self) -> None:
        while not self._service.stopping.wait(PERIOD_SECONDS):
            self.publish()

    def publish(self) -> None:
        """Publish once."""
        names = [endpoint["EndpointName"] for endpoint in self._service.store.all(KIND)]
        queues = self._outcomes.drain() + [datum for name in names for datum in self.measure(name)]
        instances = [datum for name in names for datum in self.report(name)]
        try:
            client = self._service.roles.client("cloudwatch")
            for namespace, data in ((NAMESPACE, queues), (INSTANCE_NAMESPACE, instances)):
                for begin in range(0, len(data), MOST_AT_ONCE):
                    client.put_metric_data(
                        Namespace=namespace, MetricData=data[begin : begin + MOST_AT_ONCE]
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

    def report(self, endpoint: str) -> list[dict[str, Any]]:
        """Return what each instance reports of itself, once a minute.

        How many samples there are is how many instances there are. The value is whether an
        instance works at all, as nothing here measures processors.
        """
        config = self._endpoints.config(endpoint)
        minute = int(self._service.clock.now() // MINUTE)
        if config is None or self._minutes.get(endpoint) == minute:
            return []
        self._minutes[endpoint] = minute
        variant = endpoint_configs.variant(config)
        if "ServerlessConfig" in variant:
            return []
        dimensions = [
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": variant["VariantName"]},
        ]
        return [
            {
                "MetricName": "CPUUtilization",
                "Value": 100.0 if server.busy else 0.0,
                "Unit": "Percent",
                "Dimensions": dimensions,
            }
            for server in self._endpoints.servers(endpoint)
        ]
