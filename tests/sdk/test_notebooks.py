"""What docs/notebooks.md shows works with the SageMaker Python SDK, against a local stack."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from .conftest import Network
from .notebook import Notebook

pytest.importorskip("sagemaker.core", reason="its environment is made by `make test-sdk`")

STAGES = ["evaluate", "prepare", "extract"]


def exists(location: str) -> bool:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    found = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    return found["KeyCount"] > 0


def test_every_cell_of_the_page_is_tried(notebook: Notebook) -> None:
    tried = set(re.findall(r'\.run\("(.+?)"\)', Path(__file__).read_text()))
    assert tried == set(notebook.cells)


def test_a_notebook_finds_the_stack_by_its_environment_alone(notebook: Notebook) -> None:
    assert notebook.run("Connect")["project"] == "femo-dev"


def test_processing_jobs_are_listed_newest_first_and_say_what_they_wrote(
    notebook: Notebook,
) -> None:
    names = notebook.run("Processing jobs")
    recent, job = names["recent"], names["job"]
    assert [item.processing_job_name.split("-")[2] for item in recent] == STAGES
    assert {item.processing_job_status for item in recent} == {"Completed"}
    assert job.processing_job_arn == recent[0].processing_job_arn
    assert job.app_specification.container_arguments == ["evaluate"]
    assert job.processing_end_time > job.processing_start_time > job.creation_time
    outputs = job.processing_output_config.outputs
    assert outputs
    assert all(exists(output.s3_output.s3_uri) for output in outputs)


def test_metrics_and_model_of_a_training_job_can_be_used(notebook: Notebook) -> None:
    names = notebook.run("Training jobs")
    assert {"f1", "precision", "sensitivity"} <= set(names["metrics"])
    assert exists(names["model"])
    assert names["training"].secondary_status_transitions[-1].status == "Completed"
    assert names["training"].billable_time_in_seconds > 0


def test_the_log_of_a_job_is_shown(notebook: Notebook, caplog: pytest.LogCaptureFixture) -> None:
    names = notebook.run("Training jobs")
    notebook.run("Logs")
    assert f"f1={names['metrics']['f1']}" in caplog.text


def test_packages_are_listed_with_the_metrics_of_their_evaluation(notebook: Notebook) -> None:
    names = notebook.run("Model packages")
    (listed,) = names["packages"]
    package = names["package"]
    assert names["group"].model_package_group_status == "Completed"
    assert listed == package
    assert package.model_package_version == 1
    found = float(package.customer_metadata_properties["f1"])
    assert found == pytest.approx(names["metrics"]["f1"], abs=1e-5)
    (container,) = package.inference_specification.containers
    assert container.model_data_url == names["model"]
    assert exists(package.model_metrics.model_quality.statistics.s3_uri)


def test_a_list_that_names_no_group_is_empty_as_on_aws(notebook: Notebook) -> None:
    package = notebook.run("Model packages")["ModelPackage"]
    assert list(package.get_all()) == []
    assert len(list(package.get_all(model_package_type="Versioned"))) == 1


def test_notes_on_a_package_are_added_and_taken_away(notebook: Notebook) -> None:
    package = notebook.run("Model packages")["package"]
    before = dict(package.customer_metadata_properties)
    package.update(customer_metadata_properties={"reviewer": "somebody"})
    assert package.customer_metadata_properties == {**before, "reviewer": "somebody"}
    package.update(customer_metadata_properties_to_remove=["reviewer"])
    assert package.customer_metadata_properties == before


def test_an_approval_puts_the_model_into_service(deployed: Notebook) -> None:
    names = deployed.run("Approve")
    from sagemaker.core.resources import Endpoint, EndpointConfig, Model

    package = names["package"]
    assert package.model_approval_status == "Approved"
    assert package.approval_description == "Reviewed the evaluation"
    endpoint = Endpoint.get(endpoint_name=names["outputs"]["EndpointName"])
    endpoint.wait_for_status("InService", poll=1, timeout=60)
    config = EndpointConfig.get(endpoint_config_name=endpoint.endpoint_config_name)
    (variant,) = config.production_variants
    served = Model.get(model_name=variant.model_name).primary_container
    assert names["model"] == served.model_data_url


def test_a_recording_is_analysed_and_its_result_read(deployed: Notebook) -> None:
    names = deployed.run("Analyse a recording")
    result = names["result"]
    assert names["answer"].inference_id.startswith("smoke-")
    assert result["output_type"] == "events"
    assert result["processing_time_seconds"] > 0
    assert result["result"]["recording"]["duration_seconds"] == pytest.approx(300, abs=2)


def test_an_analysis_that_fails_says_why(deployed: Notebook) -> None:
    names = deployed.run("Analyse a recording")
    answer = names["analyse"]("input-data/absent.dat")
    assert "recording_not_found" in names["read"](answer.failure_location)


def test_a_call_that_waits_for_the_answer_is_told_what_to_use(deployed: Notebook) -> None:
    endpoint = deployed.run("Analyse a recording")["endpoint"]
    with pytest.raises(ClientError, match="use InvokeEndpointAsync") as caught:
        endpoint.invoke(body="{}")
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_the_fast_lane_answers_in_the_call_as_the_queue_does_in_s3(deployed: Notebook) -> None:
    names = deployed.run("An answer at once")
    at_once, queued = names["at_once"], names["result"]
    assert at_once["status"] == "Completed"
    assert at_once["result"] == queued["result"]
    assert at_once["source"] == queued["source"]


def test_a_recording_that_is_refused_at_once_is_told_with_the_containers_answer(
    deployed: Notebook,
) -> None:
    analyse = deployed.run("An answer at once")["analyse_at_once"]
    with pytest.raises(ClientError) as caught:
        analyse("input-data/absent.dat")
    answer: dict[str, Any] = dict(caught.value.response)
    assert answer["Error"]["Code"] == "ModelError"
    assert answer["OriginalStatusCode"] == 404
    assert "recording_not_found" in answer["OriginalMessage"]


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        ("ProcessingJob", "processing_job_name", "ResourceNotFound"),
        ("TrainingJob", "training_job_name", "ValidationException"),
        ("ModelPackageGroup", "model_package_group_name", "ValidationException"),
        ("Endpoint", "endpoint_name", "ValidationException"),
    ],
)
def test_a_wrong_name_is_told_as_on_aws(
    notebook: Notebook, kind: str, name: str, code: str
) -> None:
    from sagemaker.core import resources

    with pytest.raises(ClientError) as caught:
        getattr(resources, kind).get(**{name: "nobody"})
    assert caught.value.response["Error"]["Code"] == code


def test_the_configuration_of_the_page_keeps_telemetry_on_this_machine(
    notebook: Notebook, network: Network
) -> None:
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.core.processing import ScriptProcessor

    arguments: dict[str, Any] = {"instance_count": 1, "instance_type": "ml.m5.large"}
    processor = ScriptProcessor(
        role="arn:aws:iam::000000000000:role/nobody", image_uri="image", command=["python3"],
        sagemaker_session=Session(), **arguments,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"absent\.py"):
        processor.run(code="absent.py")
    assert network.attempts == []
