"""A queue's MaximumConcurrency is text where a template's parameter gives it: read as a number.

CloudFormation converts it; without that no message of the queue is handed to its function.
"""

from typing import Any

from ministack.services import lambda_svc

from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName(
        "services.lambda_svc", "_sqs_esm_concurrency", ("esm", "func_rec", "config", "queue")
    ),
)


def apply() -> None:
    """Read the limit of each mapping as a number."""
    limit_of = lambda_svc._sqs_esm_concurrency

    def concurrency(esm: dict[str, Any], *arguments: Any, **options: Any) -> int:
        scaling = esm.get("ScalingConfig") or {}
        if isinstance(scaling.get("MaximumConcurrency"), str):
            wanted = int(scaling["MaximumConcurrency"])
            esm["ScalingConfig"] = {**scaling, "MaximumConcurrency": wanted}
        limit: int = limit_of(esm, *arguments, **options)
        return limit

    lambda_svc._sqs_esm_concurrency = concurrency
