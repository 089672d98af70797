"""The CloudWatch metrics of an asynchronous endpoint's queue, once a minute, as on AWS."""

import logging
import threading
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.sagemaker.endpoints.endpoints import KIND
from local_aws.sagemaker.identity import now
from local_aws.sagemaker.service import Service

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 60.0
NAMESPACE = "AWS/SageMaker"


def start(service: Service) -> None:
    """Publish in a thread until the service stops."""
    threading.Thread(target=_publish_forever, args=(service,), daemon=True).start()


def _publish_forever(service: Service) -> None:
    while not service.stopping.wait(PERIOD_SECONDS):
        for endpoint in service.store.all(KIND):
            name = endpoint["EndpointName"]
            try:
                service.roles.client("cloudwatch").put_metric_data(
                    Namespace=NAMESPACE, MetricData=measure(service, name)
                )
            except (BotoCoreError, ClientError) as error:
                logger.warning("The metrics of %s are not published: %s", name, error)


def measure(service: Service, endpoint: str) -> list[dict[str, Any]]:
    """Return the metrics of one endpoint's queue now.

    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
    """
    size, oldest = service.store.backlog(endpoint)
    # The one instance is always there, so a backlog is never without capacity
    values = {
        "ApproximateBacklogSize": float(size),
        "ApproximateBacklogSizePerInstance": float(size),
        "ApproximateAgeOfOldestRequest": 0.0 if oldest is None else max(0.0, now() - oldest),
        "HasBacklogWithoutCapacity": 0.0,
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
