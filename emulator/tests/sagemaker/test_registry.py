"""Model packages get versions, are approved once, and the approval is told."""

import json
from typing import Any

import pytest
from sagemaker_fakes import ROLE, FakeGateway

from local_aws.sagemaker import models, registry
from local_aws.sagemaker.errors import ServiceError, ValidationError
from local_aws.sagemaker.service import Service

PACKAGE: dict[str, Any] = {
    "ModelPackageGroupName": "acme",
    "InferenceSpecification": {
        "Containers": [{"Image": "image", "ModelDataUrl": "s3://b/m.tar.gz"}],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    },
}


@pytest.fixture(autouse=True)
def group(service: Service) -> None:
    registry.create_group(service, {"ModelPackageGroupName": "acme"})


def events_of(service: Service) -> list[dict[str, Any]]:
    assert isinstance(service.gateway, FakeGateway)
    return [json.loads(event["Detail"]) for event in service.gateway.events]


def test_versions_count_up_and_are_not_given_twice(service: Service) -> None:
    first = registry.create_package(service, PACKAGE)["ModelPackageArn"]
    registry.delete_package(service, {"ModelPackageName": first})
    second = registry.create_package(service, PACKAGE)["ModelPackageArn"]
    assert (first[-6:], second[-6:]) == ("acme/1", "acme/2")


def test_the_same_client_token_gives_the_same_package(service: Service) -> None:
    once = registry.create_package(service, {**PACKAGE, "ClientToken": "execution-1"})
    again = registry.create_package(service, {**PACKAGE, "ClientToken": "execution-1"})
    other = registry.create_package(service, {**PACKAGE, "ClientToken": "execution-2"})
    assert once == again
    assert other != once


def test_any_change_of_an_approved_package_is_told_and_of_another_none(service: Service) -> None:
    arn = registry.create_package(service, PACKAGE)["ModelPackageArn"]
    note = {"ModelPackageArn": arn, "CustomerMetadataProperties": {"note": "first"}}
    registry.update_package(service, note)
    assert len(events_of(service)) == 1  # that it was made
    registry.update_package(service, {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"})
    note["CustomerMetadataProperties"] = {"note": "second"}
    registry.update_package(service, note)
    states = [event["ModelApprovalStatus"] for event in events_of(service)]
    assert states == ["PendingManualApproval", "Approved", "Approved"]


def test_an_approval_is_told_once(service: Service) -> None:
    arn = registry.create_package(service, PACKAGE)["ModelPackageArn"]
    for _ in range(2):
        registry.update_package(
            service, {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"}
        )
    states = [event["ModelApprovalStatus"] for event in events_of(service)]
    assert states == ["PendingManualApproval", "Approved"]
    event = events_of(service)[1]
    assert event["ModelPackageArn"] == arn
    assert event["ModelPackageGroupName"] == "acme"
    assert event["ModelPackageVersion"] == 1


def test_a_package_that_is_not_approved_is_not_deployed(service: Service) -> None:
    arn = registry.create_package(service, PACKAGE)["ModelPackageArn"]
    model = {
        "ModelName": "m",
        "ExecutionRoleArn": ROLE,
        "Containers": [{"ModelPackageName": arn, "Environment": {"A": "1"}}],
    }
    with pytest.raises(ValidationError, match="PendingManualApproval"):
        models.create(service, model)
    registry.update_package(service, {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"})
    models.create(service, model)
    assert models.model_source(service, model) == ("s3://b/m.tar.gz", {"A": "1"})


def test_packages_are_listed_by_group_and_approval(service: Service) -> None:
    registry.create_group(service, {"ModelPackageGroupName": "other"})
    registry.create_package(service, {**PACKAGE, "ModelPackageGroupName": "other"})
    arn = registry.create_package(service, {**PACKAGE, "ModelApprovalStatus": "Approved"})
    registry.create_package(service, PACKAGE)
    listed = registry.list_packages(
        service, {"ModelPackageGroupName": "acme", "ModelApprovalStatus": "Approved"}
    )["ModelPackageSummaryList"]
    assert [item["ModelPackageArn"] for item in listed] == [arn["ModelPackageArn"]]


def test_a_group_that_is_not_empty_is_not_deleted(service: Service) -> None:
    arn = registry.create_package(service, PACKAGE)["ModelPackageArn"]
    with pytest.raises(ServiceError, match="still contains"):
        registry.delete_group(service, {"ModelPackageGroupName": "acme"})
    registry.delete_package(service, {"ModelPackageName": arn})
    registry.delete_group(service, {"ModelPackageGroupName": "acme"})


def test_a_group_that_does_not_exist_takes_no_package(service: Service) -> None:
    with pytest.raises(ValidationError, match="does not exist"):
        registry.create_package(service, {**PACKAGE, "ModelPackageGroupName": "nobody"})


@pytest.mark.parametrize(
    ("request_", "versions"),
    [
        ({}, []),
        ({"ModelPackageType": "Versioned"}, [2, 1]),
        ({"ModelPackageType": "Both"}, [2, 1]),
        ({"ModelPackageGroupName": "acme"}, [2, 1]),
        ({"ModelPackageGroupName": "acme", "ModelPackageType": "Unversioned"}, []),
    ],
)
def test_a_list_without_a_group_holds_no_versions_unless_they_are_asked_for(
    service: Service, request_: dict[str, str], versions: list[int]
) -> None:
    for _ in range(2):
        registry.create_package(service, PACKAGE)
    listed = registry.list_packages(service, request_)["ModelPackageSummaryList"]
    assert sorted((item["ModelPackageVersion"] for item in listed), reverse=True) == versions


def test_an_update_changes_what_it_names_and_nothing_else(service: Service) -> None:
    arn = registry.create_package(
        service, {**PACKAGE, "CustomerMetadataProperties": {"f1": "0.6", "note": "old", "to": "go"}}
    )["ModelPackageArn"]
    alternative = {"Name": "small", "Containers": [{"Image": "other"}]}
    registry.update_package(
        service,
        {
            "ModelPackageArn": arn,
            "ApprovalDescription": "read the plots",
            "SourceUri": "s3://b/source",
            "ModelLifeCycle": {"Stage": "Staging", "StageStatus": "Approved"},
            "CustomerMetadataProperties": {"note": "new"},
            "CustomerMetadataPropertiesToRemove": ["to"],
            "AdditionalInferenceSpecificationsToAdd": [alternative],
        },
    )
    package = registry.describe_package(service, {"ModelPackageName": arn})
    assert package["ApprovalDescription"] == "read the plots"
    assert package["SourceUri"] == "s3://b/source"
    assert package["ModelLifeCycle"] == {"Stage": "Staging", "StageStatus": "Approved"}
    assert package["CustomerMetadataProperties"] == {"f1": "0.6", "note": "new"}
    assert package["AdditionalInferenceSpecifications"] == [alternative]
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert len(events_of(service)) == 1
