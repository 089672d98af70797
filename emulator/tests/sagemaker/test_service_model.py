"""Requests that AWS would refuse are refused, and good ones are not."""

from typing import Any

import pytest

from local_aws.sagemaker.errors import ValidationError
from local_aws.sagemaker.service_model import matches, validate

CONFIG: dict[str, Any] = {
    "EndpointConfigName": "acme-1",
    "ProductionVariants": [
        {
            "VariantName": "main",
            "ModelName": "acme-1",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
    ],
    "AsyncInferenceConfig": {
        "OutputConfig": {"S3OutputPath": "s3://bucket/out"},
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2},
    },
}


def test_a_good_request_is_accepted() -> None:
    validate("sagemaker", "CreateEndpointConfig", CONFIG)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"EndpointConfigName": "acme_1"}, "regular expression pattern"),
        ({"EndpointConfigName": "f" * 64}, "length less than or equal to 63"),
        ({"EndpointConfigName": None}, "must not be null"),
        ({"EndpointConfigName": 7}, "must be a string"),
        ({"ProductionVariants": []}, "length greater than or equal to 1"),
        ({"Unheard": "of"}, "is not a member of"),
        (
            {"ProductionVariants": [{"VariantName": "a", "InstanceType": "ml.huge"}]},
            "enum value set",
        ),
        (
            {"ProductionVariants": [{"VariantName": "a", "InitialInstanceCount": 0}]},
            "greater than or equal to 1",
        ),
        (
            {"ProductionVariants": [{"VariantName": "a", "InitialInstanceCount": True}]},
            "must be a integer",
        ),
    ],
)
def test_a_request_that_aws_refuses_is_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        validate("sagemaker", "CreateEndpointConfig", {**CONFIG, **change})


def test_every_fault_of_a_request_is_named() -> None:
    with pytest.raises(
        ValidationError, match=r"3 validation errors.*endpointName.*endpointConfigName"
    ):
        validate(
            "sagemaker",
            "CreateEndpoint",
            {"EndpointName": "-", "EndpointConfigName": "x" * 99},
        )


def test_an_operation_that_the_api_does_not_have_is_refused() -> None:
    with pytest.raises(ValidationError, match="no operation Nonsense"):
        validate("sagemaker", "Nonsense", {})


@pytest.mark.parametrize(
    ("inference_id", "fits"),
    [("job-1", True), ("a b", True), (" job", False), ("jöb", False), ("a\tb", False)],
)
def test_an_inference_id_is_printable_and_starts_with_no_blank(
    inference_id: str, fits: bool
) -> None:
    assert matches(r"\A\S[\p{Print}]*\z", inference_id) is fits


def test_a_pattern_that_python_cannot_read_lets_values_through() -> None:
    assert matches(r"\p{Unheard}(", "anything")
