"""The training machine's decisions and requests, for every way that a run can go."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.validate import ParamValidator

from femo_signal.errors import ModelError
from femo_signal.learning.hyperparameters import (
    MOST_SEED,
    Hyperparameters,
    read_job_hyperparameters,
)
from local_aws.ministack.step_functions.sdk_json import to_sdk
from local_aws.sagemaker.service_model import service_model, validate

from .machines import ROOT, Document, ExecutionFailedError, Run, Task, TaskError, load, start

SUBSTITUTIONS = {
    "NamePrefix": "a" * 20 + "-" + "b" * 10,  # as long as the template's parameters allow
    "ModelPackageGroupName": "femo-dev",
    "EndpointName": "femo-dev",
    "ImageUri": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/femo-inference:1",
    "InstanceType": "ml.m5.large",
    "ProcessingInstanceType": "ml.m5.xlarge",
    "TrainingInstanceType": "ml.m5.large",
    "JobVolumeGigabytes": "30",
    "ExtractInstances": "1",
    "QualityGateMetric": "f1",
    "QualityGateMinimum": "0.55",
    "QualityGateGain": "-0.02",
    "AutoApprove": "true",
    "TrainingRoleArn": "arn:aws:iam::111122223333:role/femo-jobs",
    "RecordingsBucketName": "femo-recordings",
    "ModelsBucketName": "femo-models",
    "LogRetentionDays": "30",
}
MANIFEST = "s3://femo-models/manifests/one.json"
METRICS = {
    "f1": 0.71,
    "precision": 0.8,
    "sensitivity": 0.64,
    "specificity": None,
    "accuracy": 0.75,
    "pabak": 0.5,
    "false_detections_per_hour": 3.25,
    "true_positive": 120,
}
GAIN = {
    "f1": 0.01, "low": -0.01, "high": 0.05, "recordings": 12, "subjects": 6, "status": "compared",
}  # fmt: skip
SERVING = "s3://femo-models/training/before/model.tar.gz"
JOB_STATES = ["ExtractFeatures", "PrepareDataset", "Train", "Evaluate"]
OUTPUT_OF = {"ExtractFeatures": "features", "PrepareDataset": "dataset", "Evaluate": "evaluation"}


@pytest.fixture
def definition() -> Document:
    return load("training", SUBSTITUTIONS)


class Services:
    """S3 and SageMaker as a run sees them; every request is held against AWS's own model."""

    def __init__(
        self,
        *,
        metrics: Document | None = None,
        manifest: str | None = None,
        serving: str | None = None,
        gain: Any = None,
    ) -> None:
        self.metrics = METRICS if metrics is None else metrics
        self.endpoint_status = serving  # None: there is no endpoint
        self.container: Document = {
            "ModelDataUrl": SERVING,
            "Environment": {"FEMO_MODEL_PACKAGE": "femo-dev/6"},
        }
        self.gain = gain
        self.manifest = (
            json.dumps({"version": "1", "items": [{"datFileKey": "a.dat"}]})
            if manifest is None
            else manifest
        )
        self.failing: dict[str, list[TaskError]] = {}
        self.names: set[str] = set()
        self.log_groups: dict[str, int | None] = {}  # by name, with their days

    def fail(self, state: str, *errors: TaskError) -> Services:
        self.failing[state] = list(errors)
        return self

    def __call__(self, task: Task) -> Any:
        check_request(task)
        if task.operation in ("CreateProcessingJob", "CreateTrainingJob"):
            name = task.arguments[task.operation.removeprefix("Create") + "Name"]
            # SageMaker never forgets a name, not even of a job that failed at once
            assert name not in self.names, f"the job name {name} is used twice"
            self.names.add(name)
        if self.failing.get(task.state):
            raise self.failing[task.state].pop(0)
        return getattr(self, task.operation)(task)

    def HeadObject(self, _task: Task) -> Document:  # noqa: N802
        return {"ContentLength": len(self.manifest)}

    def GetObject(self, task: Task) -> Document:  # noqa: N802
        body = json.dumps({"metrics": self.metrics, "gain_over_serving": self.gain})
        return {"Body": self.manifest if task.state == "ReadManifest" else body}

    def CreateProcessingJob(self, task: Task) -> Document:  # noqa: N802
        # Step Functions gives the description of the job that has ended
        return dict(task.arguments)

    def CreateTrainingJob(self, task: Task) -> Document:  # noqa: N802
        name, output = task.arguments["TrainingJobName"], task.arguments["OutputDataConfig"]
        artefact = f"{output['S3OutputPath']}/{name}/output/model.tar.gz"
        return {"TrainingJobName": name, "ModelArtifacts": {"S3ModelArtifacts": artefact}}

    def ListEndpoints(self, _task: Task) -> Document:  # noqa: N802
        neighbour = {"EndpointName": "femo-dev2", "EndpointStatus": "InService"}
        own = {"EndpointName": "femo-dev", "EndpointStatus": self.endpoint_status}
        return {"Endpoints": [neighbour, *([own] if self.endpoint_status else [])]}

    def DescribeEndpoint(self, _task: Task) -> Document:  # noqa: N802
        return {"EndpointStatus": self.endpoint_status, "EndpointConfigName": "config-6"}

    def DescribeEndpointConfig(self, task: Task) -> Document:  # noqa: N802
        assert task.arguments == {"EndpointConfigName": "config-6"}
        return {"ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "model-6"}]}

    def DescribeModel(self, task: Task) -> Document:  # noqa: N802
        assert task.arguments == {"ModelName": "model-6"}
        return {"PrimaryContainer": self.container}

    def CreateModelPackage(self, _task: Task) -> Document:  # noqa: N802
        group = "arn:aws:sagemaker:eu-central-1:111122223333:model-package/femo-dev"
        return {"ModelPackageArn": f"{group}/7"}

    def DescribeLogGroups(self, _task: Task) -> Document:  # noqa: N802
        groups: list[Document] = [{"LogGroupName": name} for name in self.log_groups]
        for group in groups:
            if (days := self.log_groups[group["LogGroupName"]]) is not None:
                group["RetentionInDays"] = days
        return {"LogGroups": groups}

    def PutRetentionPolicy(self, task: Task) -> Document:  # noqa: N802
        self.log_groups[task.arguments["LogGroupName"]] = task.arguments["RetentionInDays"]
        return {}


def check_request(task: Task) -> None:
    """Refuse what AWS would refuse."""
    if task.service == "sagemaker":
        validate("sagemaker", task.operation, task.arguments)
    shape = service_model(task.service).operation_model(task.operation).input_shape
    # A task's arguments are in PascalCase, whatever the service's own model says
    report = ParamValidator().validate(to_sdk(task.arguments, shape), shape)
    assert not report.has_errors(), report.generate_report()


def request(run: Run, state: str) -> Document:
    """The last request of a state."""
    return next(task.arguments for task in reversed(run.tasks) if task.state == state)


def test_a_manifest_alone_is_enough_to_get_a_registered_model(definition: Document) -> None:
    run = start(definition, {"manifest": MANIFEST})

    output = run.go_on(Services())

    assert output["outcome"] == "REGISTERED"
    assert output["approval"] == "Approved"
    assert output["modelPackageArn"].endswith("/femo-dev/7")
    assert output["metrics"]["f1"] == 0.71
    assert [state for state in run.path if state in JOB_STATES] == JOB_STATES


PROCESSING_LOG, TRAINING_LOG = "/aws/sagemaker/ProcessingJobs", "/aws/sagemaker/TrainingJobs"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        (
            {PROCESSING_LOG: None, TRAINING_LOG: None, "/aws/sagemaker/Endpoints/other": None},
            {PROCESSING_LOG: 30, TRAINING_LOG: 30, "/aws/sagemaker/Endpoints/other": None},
        ),
        ({PROCESSING_LOG: 365, TRAINING_LOG: None}, {PROCESSING_LOG: 365, TRAINING_LOG: 30}),
    ],
)
def test_the_logs_of_jobs_end_unless_somebody_has_said_when(
    definition: Document, before: dict[str, int | None], after: dict[str, int | None]
) -> None:
    services = Services()
    services.log_groups = dict(before)
    assert start(definition, {"manifest": MANIFEST}).go_on(services)["outcome"] == "REGISTERED"
    assert services.log_groups == after


@pytest.mark.parametrize("state", ["FindJobLogs", "EndJobLog"])
def test_a_model_is_not_lost_for_the_retention_of_a_log(definition: Document, state: str) -> None:
    services = Services().fail(state, TaskError("CloudWatchLogs.CloudWatchLogsException"))
    services.log_groups = {PROCESSING_LOG: None}
    assert start(definition, {"manifest": MANIFEST}).go_on(services)["outcome"] == "REGISTERED"


def test_each_job_reads_what_the_one_before_has_written(definition: Document) -> None:
    run = start(definition, {"manifest": MANIFEST})
    output = run.go_on(Services())

    def written(state: str) -> str:
        (only,) = request(run, state)["ProcessingOutputConfig"]["Outputs"]
        return str(only["S3Output"]["S3Uri"])

    def read(state: str, name: str) -> str:
        inputs = {i["InputName"]: i["S3Input"] for i in request(run, state)["ProcessingInputs"]}
        return str(inputs[name]["S3Uri"])

    (channel,) = request(run, "Train")["InputDataConfig"]
    assert read("ExtractFeatures", "manifest") == MANIFEST
    assert read("PrepareDataset", "features") == written("ExtractFeatures")
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == written("PrepareDataset")
    assert read("Evaluate", "dataset") == written("PrepareDataset")
    assert read("Evaluate", "model") == output["modelDataUrl"]
    assert request(run, "ReadMetrics") == {
        "Bucket": "femo-models",
        "Key": written("Evaluate").removeprefix("s3://femo-models/") + "/metrics.json",
    }
    assert output["evaluation"] == written("Evaluate") + "/evaluation.json"


def test_what_the_input_asks_for_reaches_the_jobs(definition: Document) -> None:
    run = start(
        definition,
        {
            "manifest": MANIFEST,
            "forceExtract": True,
            "autoApprove": False,
            "qualityGate": {"metric": "pabak", "minimum": 0.5},
            "extractInstances": 3,
            "hyperparameters": {"num_iterations": 200, "learning_rate": 0.05, "seed": "3"},
            "settings": "s3://femo-models/settings/mine.json",
            "imageUri": SUBSTITUTIONS["ImageUri"].replace(":1", ":2"),
            "roleArn": "arn:aws:iam::111122223333:role/other",
            "artifactBucket": "other-bucket",
        },
    )

    output = run.go_on(Services())

    extract = request(run, "ExtractFeatures")
    assert extract["Environment"]["FORCE_EXTRACT"] == "true"
    assert extract["Environment"]["FEATURE_CACHE_URI"] == "s3://other-bucket/features"
    assert extract["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 3
    assert [i["InputName"] for i in extract["ProcessingInputs"]] == ["manifest", "settings"]
    assert request(run, "Train")["HyperParameters"] == {
        "num_iterations": "200",
        "learning_rate": "0.05",
        "seed": "3",
    }
    for state in JOB_STATES:
        assert request(run, state)["RoleArn"].endswith("role/other")
        assert ":2" in json.dumps(request(run, state))
    assert output["approval"] == "PendingManualApproval"
    assert request(run, "RegisterModel")["ModelApprovalStatus"] == "PendingManualApproval"
    assert output["modelDataUrl"].startswith("s3://other-bucket/training/")


def test_metrics_are_found_in_what_the_training_job_prints(definition: Document) -> None:
    run = start(definition, {"manifest": MANIFEST})
    run.go_on(Services())
    printed = "precision=0.8125\nf1=0.71\nfalse_detections_per_hour=3.25\npabak=-1.2e-05\n"

    found = {}
    for metric in request(run, "Train")["AlgorithmSpecification"]["MetricDefinitions"]:
        for line in printed.splitlines():
            if match := re.search(metric["Regex"], line):
                found[metric["Name"]] = float(match.group(1))

    assert found == {
        "precision": 0.8125,
        "f1": 0.71,
        "false_detections_per_hour": 3.25,
        "pabak": -1.2e-05,
    }


def test_an_empty_manifest_trains_nothing_and_is_no_failure(definition: Document) -> None:
    run = start(definition, {"manifest": MANIFEST})

    output = run.go_on(Services(manifest='{"version": "1", "items": []}'))

    assert output["outcome"] == "NOT_TRAINED"
    assert not set(run.path) & set(JOB_STATES)


def test_a_manifest_too_long_for_a_state_is_left_to_the_extraction(definition: Document) -> None:
    run = start(definition, {"manifest": MANIFEST})

    output = run.go_on(Services(manifest=" " * 300_000))

    assert output["outcome"] == "REGISTERED"
    assert "ReadManifest" not in run.path


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({**METRICS, "f1": 0.5499}, "f1 is 0.5499, less than the 0.55"),
        ({**METRICS, "f1": None}, "f1 could not be computed"),
        ({}, "f1 could not be computed"),
    ],
)
def test_a_model_below_the_gate_is_rejected_and_the_execution_succeeds(
    definition: Document, metrics: Document, reason: str
) -> None:
    run = start(definition, {"manifest": MANIFEST})

    output = run.go_on(Services(metrics=metrics))

    assert output["outcome"] == "REJECTED"
    assert reason in output["reason"]
    assert "RegisterModel" not in run.path


def test_a_metric_that_just_meets_the_gate_passes(definition: Document) -> None:
    output = start(definition, {"manifest": MANIFEST}).go_on(
        Services(metrics={**METRICS, "f1": 0.55})
    )
    assert output["outcome"] == "REGISTERED"


def inputs_of_evaluation(run: Run) -> dict[str, str]:
    """Address of each input of the evaluation, by its name."""
    inputs = request(run, "Evaluate")["ProcessingInputs"]
    assert all(one["S3Input"]["LocalPath"].endswith("/input/" + one["InputName"]) for one in inputs)
    return {one["InputName"]: one["S3Input"]["S3Uri"] for one in inputs}


@pytest.mark.parametrize("status", [None, "Creating", "Failed", "OutOfService"])
def test_a_first_model_is_held_against_the_absolute_minimum_alone_and_that_is_said(
    definition: Document, status: str | None
) -> None:
    run = start(definition, {"manifest": MANIFEST})

    output = run.go_on(Services(serving=status))

    assert list(inputs_of_evaluation(run)) == ["dataset", "model"]
    assert output["outcome"] == "REGISTERED"
    assert "no model is in service to compare with" in output["reason"]
    assert output["gainOverServing"] is None
    assert output["servingModelPackage"] is None
    assert "compared_with" not in request(run, "RegisterModel")["CustomerMetadataProperties"]


@pytest.mark.parametrize("status", ["InService", "Updating", "SystemUpdating", "RollingBack"])
def test_a_new_model_is_held_against_the_one_in_service_and_both_are_named(
    definition: Document, status: str
) -> None:
    run = start(definition, {"manifest": MANIFEST})

    output = run.go_on(Services(serving=status, gain=GAIN))

    assert inputs_of_evaluation(run)["serving"] == SERVING
    assert output["outcome"] == "REGISTERED"
    assert "f1 is 0.71, at least the 0.55" in output["reason"]
    assert "is 0.01 with a lower bound of -0.01, at least the -0.02" in output["reason"]
    assert output["gainOverServing"] == GAIN
    assert output["servingModelPackage"] == "femo-dev/6"
    assert output["qualityGate"] == {"metric": "f1", "minimum": 0.55, "gain": -0.02}
    registered = request(run, "RegisterModel")["CustomerMetadataProperties"]
    assert registered["compared_with"] == "femo-dev/6"
    assert registered["gain_over_serving_f1"] == "0.01"
    assert registered["gain_over_serving_low"] == "-0.01"
    assert registered["gain_over_serving_subjects"] == "6"


def test_a_model_that_may_be_much_worse_than_the_one_in_service_does_not_take_its_place(
    definition: Document,
) -> None:
    run = start(definition, {"manifest": MANIFEST})

    output = run.go_on(Services(serving="InService", gain={**GAIN, "low": -0.0201}))

    assert output["outcome"] == "REJECTED"
    assert "lower bound of -0.0201, less than the -0.02" in output["reason"]
    assert output["servingModelPackage"] == "femo-dev/6"
    assert "RegisterModel" not in run.path


@pytest.mark.parametrize("low", [-0.01, -0.5])
def test_who_decides_reads_whether_the_model_in_service_was_favoured(
    definition: Document, low: float
) -> None:
    gain = {**GAIN, "low": low, "explanation": "the model in service has learnt from 3 of the 6"}
    output = start(definition, {"manifest": MANIFEST}).go_on(
        Services(serving="InService", gain=gain)
    )
    assert output["reason"].endswith("; the model in service has learnt from 3 of the 6")


def test_a_gain_that_just_meets_the_gate_passes_and_an_execution_may_ask_for_more(
    definition: Document,
) -> None:
    services = Services(serving="InService", gain={**GAIN, "low": -0.02})
    given: Document = {"manifest": MANIFEST}
    assert start(definition, given).go_on(services)["outcome"] == "REGISTERED"
    given["qualityGate"] = {"gain": 0}
    output = start(definition, given, name="run-2").go_on(services)
    assert output["outcome"] == "REJECTED"
    assert output["qualityGate"] == {"metric": "f1", "minimum": 0.55, "gain": 0}


def test_no_gain_makes_up_for_a_metric_below_the_absolute_minimum(definition: Document) -> None:
    output = start(definition, {"manifest": MANIFEST}).go_on(
        Services(metrics={**METRICS, "f1": 0.3}, serving="InService", gain={**GAIN, "low": 0.1})
    )
    assert output["outcome"] == "REJECTED"
    assert "f1 is 0.3, less than the 0.55" in output["reason"]


@pytest.mark.parametrize(
    ("gain", "told"),
    [
        (None, "could not be compared with the model in service"),
        ({"f1": None, "low": None, "high": None, "status": "other features"}, ": other features"),
        ({"f1": 0.1, "low": None, "high": None, "subjects": 1}, "could not be compared"),
        ({}, "could not be compared"),
        ("none", "could not be compared"),
    ],
)
def test_a_gain_that_cannot_be_told_holds_nobody_up_and_is_told_as_such(
    definition: Document, gain: Any, told: str
) -> None:
    output = start(definition, {"manifest": MANIFEST}).go_on(
        Services(serving="InService", gain=gain)
    )
    assert output["outcome"] == "REGISTERED"
    assert told in output["reason"]


@pytest.mark.parametrize("container", [{"Image": "x"}, {"ModelDataUrl": SERVING}])
def test_a_model_in_service_that_we_have_not_deployed_stops_no_training(
    definition: Document, container: Document
) -> None:
    services = Services(serving="InService", gain=GAIN if "ModelDataUrl" in container else None)
    services.container = container
    run = start(definition, {"manifest": MANIFEST})
    output = run.go_on(services)
    assert output["outcome"] == "REGISTERED"
    assert output["servingModelPackage"] is None
    assert ("serving" in inputs_of_evaluation(run)) is ("ModelDataUrl" in container)
    assert "no model is in service" not in output["reason"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"manifest": None}, "ManifestInvalid"),
        ({"manifest": 7}, "ManifestInvalid"),
        ({"manifest": "one.json"}, "ManifestInvalid"),
        ({"manifest": "s3://femo-models/"}, "ManifestInvalid"),
        ({"manifest": "s3://femo-models/one.csv"}, "ManifestInvalid"),
        ({"forceExtracts": True}, "InputFieldUnknown"),
        ({"forceExtract": "yes"}, "ForceExtractInvalid"),
        ({"forceExtract": None}, "ForceExtractInvalid"),
        ({"autoApprove": 1}, "AutoApproveInvalid"),
        ({"qualityGate": 0.5}, "QualityGateInvalid"),
        ({"qualityGate": {"metric": "auc"}}, "QualityGateInvalid"),
        ({"qualityGate": {"metric": "f1", "min": 0.5}}, "QualityGateInvalid"),
        ({"qualityGate": {"minimum": "0.5"}}, "QualityGateInvalid"),
        ({"qualityGate": {"minimum": 1.5}}, "QualityGateInvalid"),
        ({"qualityGate": {"gain": "0"}}, "QualityGateInvalid"),
        ({"qualityGate": {"gain": -1.5}}, "QualityGateInvalid"),
        ({"qualityGate": []}, "QualityGateInvalid"),
        ({"extractInstances": 0}, "ExtractInstancesInvalid"),
        ({"extractInstances": 1.5}, "ExtractInstancesInvalid"),
        ({"extractInstances": 21}, "ExtractInstancesInvalid"),
        ({"extractInstances": "2"}, "ExtractInstancesInvalid"),
        ({"hyperparameters": ["num_leaves"]}, "HyperparametersInvalid"),
        ({"hyperparameters": {"num_leaves": {"n": 1}}}, "HyperparametersInvalid"),
        ({"hyperparameters": {"num_leaves": None}}, "HyperparametersInvalid"),
        ({"hyperparameters": {"bushes": 3}}, "HyperparametersInvalid"),
        ({"hyperparameters": {"num_leaves": "many"}}, "HyperparametersInvalid"),
        ({"hyperparameters": {"num_leaves": True}}, "HyperparametersInvalid"),
        ({"hyperparameters": {"num_leaves": ""}}, "HyperparametersInvalid"),
        ({"hyperparameters": {"num_leaves": 3.5}}, "HyperparametersInvalid"),
        ({"hyperparameters": {"num_leaves": "1e2"}}, "HyperparametersInvalid"),
        (
            {"hyperparameters": {"num_leaves": "3", "learning_rate": "1e9"}},
            "HyperparametersInvalid",
        ),
        ({"hyperparameters": {"seed": -1}}, "HyperparametersInvalid"),
        ({"settings": "mine.json"}, "SettingsInvalid"),
        ({"imageUri": "femo-inference"}, "ImageUriInvalid"),
        ({"roleArn": "femo-jobs"}, "RoleArnInvalid"),
        ({"artifactBucket": "s3://b"}, "ArtifactBucketInvalid"),
    ],
)
def test_each_fault_of_the_input_is_told_by_its_own_name_before_anything_runs(
    definition: Document, change: Document, error: str
) -> None:
    run = start(definition, {"manifest": MANIFEST, **change})

    with pytest.raises(ExecutionFailedError) as failure:
        run.go_on(Services())

    assert failure.value.error == error
    assert failure.value.cause.strip()
    assert not run.tasks


def values_at_the_edges() -> dict[str, tuple[float, float, bool]]:
    """Least, most and whether it is a whole number, of each hyperparameter."""
    edges: dict[str, tuple[float, float, bool]] = {"seed": (0, MOST_SEED, True)}
    for name, part in Hyperparameters.model_json_schema()["properties"].items():
        schema = next(iter(part.get("anyOf", [part])))
        whole = schema["type"] == "integer"
        edges[name] = (schema["minimum"], schema["maximum"], whole)
    return edges


@pytest.mark.parametrize("name", values_at_the_edges())
def test_the_machine_takes_just_the_hyperparameters_that_training_takes(
    definition: Document, name: str
) -> None:
    least, most, whole = values_at_the_edges()[name]
    step = 1 if whole else 0.00001
    for value in (least, most, str(least), str(most)):
        given = {"manifest": MANIFEST, "hyperparameters": {name: value}}
        assert start(definition, given).go_on(Services())["outcome"] == "REGISTERED"
        read_job_hyperparameters({name: str(value)})
    for value in (least - step, most + step):
        run = start(definition, {"manifest": MANIFEST, "hyperparameters": {name: value}})
        with pytest.raises(ExecutionFailedError) as failure:
            run.go_on(Services())
        assert name in failure.value.cause
        assert not run.tasks
        with pytest.raises(ModelError):
            read_job_hyperparameters({name: str(value)})


@pytest.mark.parametrize(
    ("given", "error"),
    [({}, "ManifestMissing"), ([], "InputNotAnObject"), ("s3://a", "InputNotAnObject")],
)
def test_an_input_without_a_manifest_is_told_so(
    definition: Document, given: Any, error: str
) -> None:
    with pytest.raises(ExecutionFailedError) as failure:
        start(definition, given).go_on(Services())
    assert failure.value.error == error


@pytest.mark.parametrize("text", ['{"version": "1"}', '{"items": {"datFileKey": "a"}}'])
def test_a_manifest_without_a_list_of_items_is_told_so(definition: Document, text: str) -> None:
    with pytest.raises(ExecutionFailedError) as failure:
        start(definition, {"manifest": MANIFEST}).go_on(Services(manifest=text))
    assert failure.value.error == "ManifestInvalid"


TASKS = [
    "FindManifest", "ReadManifest", "ExtractFeatures", "PrepareDataset", "Train",
    "LookForEndpoint", "DescribeServingEndpoint", "DescribeServingConfig", "DescribeServingModel",
    "Evaluate", "ReadMetrics", "RegisterModel",
]  # fmt: skip


def test_the_list_of_tasks_is_complete(definition: Document) -> None:
    """But for those whose failure is caught: a run is not lost for the retention of a log."""
    found = [
        name
        for name, state in definition["States"].items()
        if state["Type"] == "Task" and "Catch" not in state
    ]
    assert sorted(found) == sorted(TASKS)


@pytest.mark.parametrize("state", TASKS)
def test_a_redrive_after_a_failure_goes_on_from_that_state_and_succeeds(
    definition: Document, state: str
) -> None:
    services = Services(serving="InService", gain=GAIN)
    services.fail(state, TaskError("States.TaskFailed", "once"))
    run = start(definition, {"manifest": MANIFEST})

    with pytest.raises(ExecutionFailedError) as failure:
        run.go_on(services)
    assert failure.value.state == state
    before = len(run.path)
    run.redrive()
    output = run.go_on(services)

    assert output["outcome"] == "REGISTERED"
    assert run.path[before] == state


@pytest.mark.parametrize("state", JOB_STATES)
def test_a_job_refused_for_throttling_is_tried_again_under_another_name(
    definition: Document, state: str
) -> None:
    throttled = TaskError("SageMaker.AmazonSageMakerException", "Rate exceeded")
    full = TaskError("SageMaker.ResourceLimitExceededException", "no instance")
    run = start(definition, {"manifest": MANIFEST})

    output = run.go_on(Services().fail(state, throttled, full))

    assert output["outcome"] == "REGISTERED"
    assert len([task for task in run.tasks if task.state == state]) == 3


@pytest.mark.parametrize("state", JOB_STATES)
def test_a_job_that_fails_is_not_run_again_by_itself(definition: Document, state: str) -> None:
    run = start(definition, {"manifest": MANIFEST})
    with pytest.raises(ExecutionFailedError):
        run.go_on(Services().fail(state, TaskError("States.TaskFailed", "out of memory")))
    assert len([task for task in run.tasks if task.state == state]) == 1


def test_the_same_input_again_is_an_independent_run(definition: Document) -> None:
    services = Services()  # refuses a job name that was used before
    outputs = [
        start(definition, {"manifest": MANIFEST}, name=name).go_on(services)
        for name in ("run-1", "run-2")
    ]
    assert outputs[0]["evaluation"] != outputs[1]["evaluation"]


def test_an_answer_that_got_lost_does_not_register_the_model_twice(definition: Document) -> None:
    services = Services().fail("RegisterModel", TaskError("SageMaker.SdkClientException", "lost"))
    run = start(definition, {"manifest": MANIFEST})
    assert run.go_on(services)["outcome"] == "REGISTERED"

    first, second = (task.arguments for task in run.tasks if task.state == "RegisterModel")
    assert first == second


NAMES: list[Callable[[], str]] = [
    lambda: "x" * 80,
    lambda: "Führung (2)!",
    lambda: "2026-11-22T23.00_a+b@c",
]


@pytest.mark.parametrize("name", [make() for make in NAMES])
def test_any_name_of_an_execution_makes_names_that_sagemaker_takes(
    definition: Document, name: str
) -> None:
    run = start(definition, {"manifest": MANIFEST}, name=name, machine="m" * 80)
    run.execution["RedriveCount"] = 99

    assert run.go_on(Services())["outcome"] == "REGISTERED"


def test_the_package_says_where_it_comes_from(definition: Document) -> None:
    run = start(definition, {"manifest": MANIFEST})
    output = run.go_on(Services())

    package = request(run, "RegisterModel")
    assert package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"].endswith("metrics.json")
    properties = package["CustomerMetadataProperties"]
    assert properties["manifest"] == MANIFEST
    assert properties["execution"] == run.execution["Id"]
    assert properties["trainingJob"] == output["trainingJobName"]
    assert properties["f1"] == "0.71"
    assert "specificity" not in properties


def test_more_figures_than_a_package_can_hold_do_not_keep_it_from_being_registered(
    definition: Document,
) -> None:
    many = {f"figure_{number}": number / 7 for number in range(60)}
    run = start(definition, {"manifest": MANIFEST})
    run.go_on(Services(metrics={**many, **METRICS}, serving="InService", gain={**GAIN, **many}))
    properties = request(run, "RegisterModel")["CustomerMetadataProperties"]
    assert len(properties) <= 50
    assert {"f1", "manifest", "trainingJob", "gain_over_serving_low"} <= set(properties)


@pytest.mark.parametrize("name", ["training_manifest", "training_all_options"])
def test_the_sample_inputs_are_inputs(definition: Document, name: str) -> None:
    given = json.loads((ROOT / "events" / f"{name}.json").read_text().replace("BUCKET", "bucket"))
    assert start(definition, given).go_on(Services())["outcome"] == "REGISTERED"
