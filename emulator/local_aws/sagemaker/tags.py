"""Tags of resources, by ARN."""

from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document

KIND = "tags"


def of(service: Service, arn: str) -> dict[str, str]:
    """Return a resource's tags."""
    document = service.store.get(KIND, arn)
    return {} if document is None else dict(document["Tags"])


def put(service: Service, arn: str, tags: dict[str, str]) -> None:
    """Replace a resource's tags."""
    with service.store.transaction():
        service.store.delete(KIND, arn)
        service.store.insert(KIND, arn, {"Tags": tags})


def add(service: Service, request: Document) -> Document:
    """AddTags."""
    tags = of(service, request["ResourceArn"])
    tags |= {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    put(service, request["ResourceArn"], tags)
    return {"Tags": _listed(tags)}


def delete(service: Service, request: Document) -> Document:
    """DeleteTags."""
    tags = of(service, request["ResourceArn"])
    kept = {key: value for key, value in tags.items() if key not in request["TagKeys"]}
    put(service, request["ResourceArn"], kept)
    return {}


def list_all(service: Service, request: Document) -> Document:
    """ListTags."""
    return {"Tags": _listed(of(service, request["ResourceArn"]))}


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
