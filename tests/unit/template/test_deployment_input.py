"""What a deployment refuses, by name, before it has changed anything."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.pipeline.machines import (
    Document,
    ExecutionFailedError,
    Task,
    TaskError,
    load,
    start,
)

from .documents import ROOT, template

GROUP = "femo-dev"
BUCKET = "femo-models"
PACKAGE = f"arn:aws:sagemaker:eu-central-1:123456789012:model-package/{GROUP}/1"
DATA = f"s3://{BUCKET}/models/0001/model.tar.gz"


@pytest.fixture
def definition() -> Document:
    machine = template()["Resources"]["DeploymentStateMachine"]["Properties"]
    values = dict.fromkeys(machine["DefinitionSubstitutions"], "1")
    values |= {"NamePrefix": GROUP, "EndpointName": GROUP, "ModelsBucketName": BUCKET}
    return load("deployment", values)


def nothing(task: Task) -> Any:
    pytest.fail(f"{task.state} was entered")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ([], "InputNotAnObject"),
        ("text", "InputNotAnObject"),
        ({}, "InputNamesNoModel"),
        ({"modelDataUrl": DATA, "modelPackageArn": PACKAGE}, "InputNamesTwoModels"),
        ({"modelDataUrl": DATA, "comment": "x"}, "InputFieldUnknown"),
        ({"modelPackageArn": ""}, "ModelPackageArnInvalid"),
        ({"modelPackageArn": None}, "ModelPackageArnInvalid"),
        ({"modelPackageArn": 3}, "ModelPackageArnInvalid"),
        ({"modelPackageArn": PACKAGE.replace(GROUP, "other")}, "ModelPackageArnInvalid"),
        ({"modelPackageArn": PACKAGE.removesuffix("/1")}, "ModelPackageArnInvalid"),
        ({"modelDataUrl": DATA.replace(BUCKET, "elsewhere")}, "ModelDataUrlInvalid"),
        ({"modelDataUrl": DATA.removesuffix(".gz")}, "ModelDataUrlInvalid"),
        ({"modelDataUrl": ["a"]}, "ModelDataUrlInvalid"),
    ],
)
def test_a_fault_of_the_input_has_a_name(definition: Document, given: Any, error: str) -> None:
    with pytest.raises(ExecutionFailedError) as failure:
        start(definition, given).go_on(nothing)
    assert failure.value.error == error
    assert failure.value.cause


@pytest.mark.parametrize("name", ["deployment_model_package", "deployment_model_data"])
def test_the_sample_inputs_are_inputs(definition: Document, name: str) -> None:
    given = json.loads((ROOT / f"events/{name}.json").read_text())
    run = start(definition, given)
    missing = TaskError("S3.NoSuchKeyException", "Not Found")

    def no_recording(task: Task) -> Any:
        raise missing

    with pytest.raises(ExecutionFailedError) as failure:
        run.go_on(no_recording)
    assert failure.value.state == "FindSmokeRecording"


def test_without_a_smoke_recording_nothing_is_changed_and_a_redrive_goes_on(
    definition: Document,
) -> None:
    run = start(definition, {"modelPackageArn": PACKAGE})
    uploaded = False

    def answer(task: Task) -> Any:
        if task.state == "FindSmokeRecording" and not uploaded:
            raise TaskError("S3.NoSuchKeyException", "Not Found")
        return {
            "FindSmokeRecording": {},
            "DescribeModelPackage": {
                "ModelApprovalStatus": "PendingManualApproval",
                "InferenceSpecification": {"Containers": [{"Image": "i", "ModelDataUrl": DATA}]},
            },
        }[task.state]

    with pytest.raises(ExecutionFailedError):
        run.go_on(answer)
    uploaded = True
    run.redrive()
    output = run.go_on(answer)
    assert output["outcome"] == "REFUSED"


def test_a_package_that_is_not_approved_is_refused_and_the_execution_succeeds(
    definition: Document,
) -> None:
    def answer(task: Task) -> Any:
        return {
            "FindSmokeRecording": {},
            "DescribeModelPackage": {
                "ModelApprovalStatus": "Rejected",
                "InferenceSpecification": {"Containers": [{"Image": "i", "ModelDataUrl": DATA}]},
            },
        }[task.state]

    output = start(definition, {"modelPackageArn": PACKAGE}).go_on(answer)
    assert output["outcome"] == "REFUSED"
    assert "ModelPackageNotApproved" in output["reason"]
