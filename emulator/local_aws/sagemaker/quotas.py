"""Quotas of instances: what an account has in use, and the refusal of more.

https://docs.aws.amazon.com/general/latest/gr/sagemaker.html
"""

from collections.abc import Iterator

from local_aws.sagemaker.errors import ResourceLimitExceededError
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document

ENDPOINT = "endpoint usage"
PROCESSING = "processing job usage"
TRAINING = "training job usage"
RUNNING = ("InProgress", "Stopping")


def check(service: Service, usage: str, instance_type: str, delta: int) -> None:
    """Raise if an account may not use so many more instances of a type.

    Raises
    ------
    ResourceLimitExceededError
        In AWS's words.
    """
    name = f"{instance_type} for {usage}"
    limit = service.controls.quotas.get(name)
    if limit is None or delta <= 0:
        return
    used = utilization(service, usage, instance_type)
    if used + delta > limit:
        raise ResourceLimitExceededError(
            f"The account-level service limit '{name}' is {limit} Instances, with current "
            f"utilization of {used} Instances and a request delta of {delta} Instances. Please "
            "contact AWS support to request an increase for this limit."
        )


def utilization(service: Service, usage: str, instance_type: str) -> int:
    """Return how many instances of a type are in use; an update uses the old and the new."""
    held = {ENDPOINT: _endpoints, PROCESSING: _processing, TRAINING: _training}[usage]
    return sum(count for kind, count in held(service) if kind == instance_type)


def _endpoints(service: Service) -> Iterator[tuple[str, int]]:
    for endpoint in service.store.all("endpoint"):
        if endpoint["EndpointStatus"] != "Failed":
            for fleet in endpoint.get("Fleets", {}).values():
                yield fleet["type"], fleet["desired"]


def _processing(service: Service) -> Iterator[tuple[str, int]]:
    for job in _running(service, "processing-job", "ProcessingJobStatus"):
        cluster = job["ProcessingResources"]["ClusterConfig"]
        yield cluster["InstanceType"], cluster["InstanceCount"]


def _training(service: Service) -> Iterator[tuple[str, int]]:
    for job in _running(service, "training-job", "TrainingJobStatus"):
        cluster = job["ResourceConfig"]
        yield cluster.get("InstanceType", ""), cluster.get("InstanceCount", 1)


def _running(service: Service, kind: str, status: str) -> list[Document]:
    return [job for job in service.store.all(kind) if job[status] in RUNNING]
