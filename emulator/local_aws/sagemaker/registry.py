"""The model registry: package groups, versioned packages, their approval and its event."""

import json
from datetime import UTC, datetime

from local_aws.sagemaker.arns import ACCOUNT, REGION, sagemaker_arn
from local_aws.sagemaker.errors import ServiceError, ValidationError
from local_aws.sagemaker.identity import now
from local_aws.sagemaker.listing import page
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document, NameTakenError

GROUP = "model-package-group"
PACKAGE = "model-package"
# What UpdateModelPackage puts in the place of what was there; the rest it merges
_REPLACED = (
    "ApprovalDescription",
    "InferenceSpecification",
    "ModelApprovalStatus",
    "ModelCard",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
    "SourceUri",
)


def create_group(service: Service, request: Document) -> Document:
    """CreateModelPackageGroup."""
    name = request["ModelPackageGroupName"]
    arn = sagemaker_arn(GROUP, name)
    document = {
        **request,
        "ModelPackageGroupArn": arn,
        "ModelPackageGroupStatus": "Completed",
        "CreationTime": now(),
        "LastVersion": 0,
    }
    try:
        service.store.insert(GROUP, name, document)
    except NameTakenError as error:
        raise ValidationError(f"Model Package Group already exists: {arn}") from error
    return {"ModelPackageGroupArn": arn}


def describe_group(service: Service, request: Document) -> Document:
    """DescribeModelPackageGroup."""
    document = dict(find_group(service, request["ModelPackageGroupName"]))
    document.pop("LastVersion")
    document["CreatedBy"] = {}
    return document


def delete_group(service: Service, request: Document) -> Document:
    """DeleteModelPackageGroup."""
    group = find_group(service, request["ModelPackageGroupName"])
    name = group["ModelPackageGroupName"]
    if any(item["ModelPackageGroupName"] == name for item in service.store.all(PACKAGE)):
        raise ServiceError(
            "ConflictException", f"The model package group {name} still contains model packages."
        )
    service.store.delete(GROUP, name)
    return {}


def list_groups(service: Service, request: Document) -> Document:
    """ListModelPackageGroups."""
    members = (
        "ModelPackageGroupName",
        "ModelPackageGroupArn",
        "ModelPackageGroupDescription",
        "CreationTime",
        "ModelPackageGroupStatus",
    )
    return page(service.store.all(GROUP), request, "ModelPackageGroupSummaryList", members)


def create_package(service: Service, request: Document) -> Document:
    """CreateModelPackage: the next version of its group; the same ClientToken gives it again."""
    name = request.get("ModelPackageGroupName")
    if name is None:
        raise ValidationError("ModelPackageGroupName is required: packages are versioned here")
    name = name.rsplit("/", 1)[-1]
    if not (request.get("InferenceSpecification") or {}).get("Containers"):
        raise ValidationError("InferenceSpecification with at least one container is required.")
    with service.store.transaction():
        group = find_group(service, name)
        token = request.get("ClientToken")
        for package in service.store.all(PACKAGE):
            if token is not None and package.get("ClientToken") == token:
                return {"ModelPackageArn": package["ModelPackageArn"]}
        version = group["LastVersion"] + 1
        service.store.update(GROUP, name, LastVersion=version)
        arn = sagemaker_arn(PACKAGE, f"{name}/{version}")
        document = {
            "ModelApprovalStatus": "PendingManualApproval",
            **request,
            "ModelPackageGroupName": name,
            "ModelPackageVersion": version,
            "ModelPackageArn": arn,
            "ModelPackageStatus": "Completed",
            "CreationTime": now(),
        }
        service.store.insert(PACKAGE, arn, document)
    _emit(service, document)
    return {"ModelPackageArn": arn}


def describe_package(service: Service, request: Document) -> Document:
    """DescribeModelPackage."""
    document = dict(find_package(service, request["ModelPackageName"]))
    for hidden in ("ClientToken", "Tags"):
        document.pop(hidden, None)
    document["ModelPackageStatusDetails"] = {
        "ValidationStatuses": [],
        "ImageScanStatuses": [],
    }
    return document


def update_package(service: Service, request: Document) -> Document:
    """UpdateModelPackage; EventBridge is told of any change of a package that is approved."""
    package = find_package(service, request["ModelPackageArn"])
    changes = {key: value for key, value in request.items() if key in _REPLACED}
    metadata = {
        **package.get("CustomerMetadataProperties", {}),
        **request.get("CustomerMetadataProperties", {}),
    }
    for name in request.get("CustomerMetadataPropertiesToRemove", []):
        metadata.pop(name, None)
    if metadata != package.get("CustomerMetadataProperties", {}):
        changes["CustomerMetadataProperties"] = metadata
    if added := request.get("AdditionalInferenceSpecificationsToAdd"):
        known = package.get("AdditionalInferenceSpecifications", [])
        changes["AdditionalInferenceSpecifications"] = [*known, *added]
    arn = package["ModelPackageArn"]
    document = service.store.update(PACKAGE, arn, **changes, LastModifiedTime=now())
    is_changed = any(document[name] != package.get(name) for name in changes)
    statuses = {document["ModelApprovalStatus"], package["ModelApprovalStatus"]}
    if is_changed and (len(statuses) > 1 or "Approved" in statuses):
        _emit(service, document)
    return {"ModelPackageArn": arn}


def delete_package(service: Service, request: Document) -> Document:
    """DeleteModelPackage."""
    package = find_package(service, request["ModelPackageName"])
    service.store.delete(PACKAGE, package["ModelPackageArn"])
    return {}


def list_packages(service: Service, request: Document) -> Document:
    """ListModelPackages: versions only of a group, or where they are asked for, as on AWS."""
    group = request.get("ModelPackageGroupName", "").rsplit("/", 1)[-1]
    approval = request.get("ModelApprovalStatus")
    kind = request.get("ModelPackageType", "Versioned" if group else "Unversioned")
    chosen = [
        package
        for package in service.store.all(PACKAGE)
        if kind != "Unversioned"  # no package is, here
        and group in ("", package["ModelPackageGroupName"])
        and approval in (None, package["ModelApprovalStatus"])
    ]
    members = (
        "ModelPackageArn",
        "ModelPackageGroupName",
        "ModelPackageVersion",
        "ModelPackageDescription",
        "CreationTime",
        "ModelPackageStatus",
        "ModelApprovalStatus",
    )
    return page(chosen, request, "ModelPackageSummaryList", members)


def find_group(service: Service, name: str) -> Document:
    """Return a group's document by name or ARN.

    Raises
    ------
    ValidationError
        If there is none.
    """
    short = name.rsplit("/", 1)[-1]
    document = service.store.get(GROUP, short)
    if document is None:
        raise ValidationError(f"ModelPackageGroup {sagemaker_arn(GROUP, short)} does not exist.")
    return document


def find_package(service: Service, arn: str) -> Document:
    """Return a package's document by ARN.

    Raises
    ------
    ValidationError
        If there is none.
    """
    document = service.store.get(PACKAGE, arn)
    if document is None:
        raise ValidationError(f"ModelPackage {arn} does not exist.")
    return document


def state_change_event(package: Document) -> Document:
    """Return the event that SageMaker puts on EventBridge for a package.

    https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
    """
    return {
        "Source": "aws.sagemaker",
        "DetailType": "SageMaker Model Package State Change",
        "Resources": [package["ModelPackageArn"]],
        "Detail": {
            "ModelPackageName": f"{package['ModelPackageGroupName']}/"
            f"{package['ModelPackageVersion']}",
            "ModelPackageGroupName": package["ModelPackageGroupName"],
            "ModelPackageVersion": package["ModelPackageVersion"],
            "ModelPackageArn": package["ModelPackageArn"],
            "CreationTime": datetime.fromtimestamp(package["CreationTime"], UTC).isoformat(),
            "ModelPackageStatus": package["ModelPackageStatus"],
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
            "InferenceSpecification": package["InferenceSpecification"],
            "ModelApprovalStatus": package["ModelApprovalStatus"],
            "CertifyForMarketplace": False,
            "AccountId": ACCOUNT,
            "Region": REGION,
        },
    }


def _emit(service: Service, package: Document) -> None:
    event = state_change_event(package)
    event["Detail"] = json.dumps(event["Detail"])
    service.gateway.put_events(event)
