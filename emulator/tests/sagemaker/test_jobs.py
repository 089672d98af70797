"""Jobs run under the /opt/ml contract: what goes in, what comes out, and how they end."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sagemaker_fakes import ROLE, FakeGateway, FakeRoles, FakeS3

from local_aws.sagemaker.errors import ResourceInUseError, ResourceNotFoundError, ValidationError
from local_aws.sagemaker.jobs import runs
from local_aws.sagemaker.jobs.jobs import Jobs
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.service_model import validate

PROCESS = """
import json, os, signal, sys, time
root = os.environ["ML_ROOT"]
host = json.load(open(f"{root}/config/resourceconfig.json"))["current_host"]
job = json.load(open(f"{root}/config/processingjobconfig.json"))["ProcessingJobName"]
if sys.argv[1] == "fail":
    open(f"{root}/output/failure", "w").write("row 3 is bad")
    sys.exit(2)
if sys.argv[1] == "wait":
    print("waiting", flush=True)
    time.sleep(60)
names = sorted(os.listdir(f"{root}/processing/input/data"))
with open(f"{root}/processing/output/o/{host}.json", "w") as file:
    json.dump([job, names, os.environ["COLOUR"]], file)
"""
TRAIN = """
import json, os, time
root = os.environ["ML_ROOT"]
parameters = json.load(open(f"{root}/input/config/hyperparameters.json"))
channels = json.load(open(f"{root}/input/config/inputdataconfig.json"))
for value in ("0.9", "0.5"):
    print(f"loss={value}; f1=0.7;", flush=True)
if "wait" in parameters:
    open(f"{root}/model/partial.txt", "w").write("p")
    print("waiting", flush=True)
    time.sleep(60)
with open(f"{root}/model/model.txt", "w") as file:
    json.dump([parameters, sorted(channels), os.environ["TRAINING_JOB_NAME"]], file)
"""
PROCESSING_JOB: dict[str, Any] = {
    "ProcessingJobName": "extract-1",
    "RoleArn": ROLE,
    "AppSpecification": {
        "ImageUri": "image",
        "ContainerEntrypoint": ["process"],
        "ContainerArguments": ["extract"],
    },
    "Environment": {"COLOUR": "blue"},
    "ProcessingInputs": [
        {
            "InputName": "data",
            "S3Input": {
                "S3Uri": "s3://bucket/data/",
                "LocalPath": "/opt/ml/processing/input/data",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
                "S3DataDistributionType": "FullyReplicated",
            },
        }
    ],
    "ProcessingOutputConfig": {
        "Outputs": [
            {
                "OutputName": "o",
                "S3Output": {
                    "S3Uri": "s3://bucket/out",
                    "LocalPath": "/opt/ml/processing/output/o",
                    "S3UploadMode": "EndOfJob",
                },
            }
        ]
    },
    "ProcessingResources": {
        "ClusterConfig": {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}
    },
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
TRAINING_JOB: dict[str, Any] = {
    "TrainingJobName": "train-1",
    "RoleArn": ROLE,
    "AlgorithmSpecification": {
        "TrainingImage": "image",
        "TrainingInputMode": "File",
        "MetricDefinitions": [
            {"Name": "loss", "Regex": "loss=([0-9.]+);"},
            {"Name": "f1", "Regex": "f1=([0-9.]+);"},
        ],
    },
    "HyperParameters": {"rounds": "10"},
    "InputDataConfig": [
        {
            "ChannelName": "dataset",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/data"}},
        }
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
    "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


@pytest.fixture
def jobs(service: Service, tmp_path: Path) -> Jobs:
    (tmp_path / "image" / "process").write_text(PROCESS)
    (tmp_path / "image" / "train").write_text(TRAIN)
    s3_of(service).objects |= {("bucket", f"data/{n}.json"): b"{}" for n in range(3)}
    return Jobs(service)


def s3_of(service: Service) -> FakeS3:
    assert isinstance(service.roles, FakeRoles)
    return service.roles.s3


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
    return value


def end_of(jobs: Jobs, kind: str, name: str) -> dict[str, Any]:
    """Wait for a job's end and return its description."""
    describe = jobs.operations()[f"Describe{kind}"]

    def ended() -> dict[str, Any] | None:
        job = describe({f"{kind}Name": name})
        return job if job[f"{kind}Status"] in ("Completed", "Failed", "Stopped") else None

    found: dict[str, Any] = wait_for(ended)
    return found


def wait_until_waiting(service: Service) -> None:
    lines: list[tuple[str, str, str]] = service.logs.lines  # type: ignore[attr-defined]
    wait_for(lambda: any(line == "waiting" for _, _, line in lines))


def test_the_samples_are_requests_that_aws_accepts() -> None:
    validate("sagemaker", "CreateProcessingJob", PROCESSING_JOB)
    validate("sagemaker", "CreateTrainingJob", TRAINING_JOB)


def test_each_host_of_a_processing_job_has_all_of_its_data(jobs: Jobs, service: Service) -> None:
    jobs.operations()["CreateProcessingJob"](PROCESSING_JOB)
    job = end_of(jobs, "ProcessingJob", "extract-1")
    assert job["ProcessingJobStatus"] == "Completed", job
    objects = s3_of(service).objects
    assert json.loads(objects["bucket", "out/algo-1.json"]) == [
        "extract-1",
        ["0.json", "1.json", "2.json"],
        "blue",
    ]
    assert objects["bucket", "out/algo-2.json"] == objects["bucket", "out/algo-1.json"]
    assert job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    assert list(service.scratch.iterdir()) == []


def test_what_a_failed_container_says_becomes_the_reason(jobs: Jobs, service: Service) -> None:
    specification = {**PROCESSING_JOB["AppSpecification"], "ContainerArguments": ["fail"]}
    jobs.operations()["CreateProcessingJob"]({**PROCESSING_JOB, "AppSpecification": specification})
    job = end_of(jobs, "ProcessingJob", "extract-1")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: row 3 is bad, exit code: 2"
    assert job["ExitMessage"] == "row 3 is bad"
    assert not any(key.startswith("out/") for _, key in s3_of(service).objects)


def test_a_training_job_leaves_a_model_and_its_last_metrics(jobs: Jobs, service: Service) -> None:
    jobs.operations()["CreateTrainingJob"](TRAINING_JOB)
    job = end_of(jobs, "TrainingJob", "train-1")
    assert job["TrainingJobStatus"] == "Completed", job
    uri = "s3://bucket/models/train-1/output/model.tar.gz"
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": uri}
    assert ("bucket", "models/train-1/output/model.tar.gz") in s3_of(service).objects
    values = {item["MetricName"]: item["Value"] for item in job["FinalMetricDataList"]}
    assert values == {"loss": 0.5, "f1": 0.7}
    states = [item["Status"] for item in job["SecondaryStatusTransitions"]]
    assert states == ["Starting", "Downloading", "Training", "Uploading", "Completed"]


def test_a_job_name_is_never_used_again(jobs: Jobs) -> None:
    create = jobs.operations()["CreateProcessingJob"]
    create(PROCESSING_JOB)
    end_of(jobs, "ProcessingJob", "extract-1")
    with pytest.raises(ResourceInUseError, match="already exists"):
        create(PROCESSING_JOB)


def test_a_stopped_job_ends_as_stopped(jobs: Jobs, service: Service) -> None:
    specification = {**PROCESSING_JOB["AppSpecification"], "ContainerArguments": ["wait"]}
    jobs.operations()["CreateProcessingJob"]({**PROCESSING_JOB, "AppSpecification": specification})
    wait_until_waiting(service)
    jobs.operations()["StopProcessingJob"]({"ProcessingJobName": "extract-1"})
    assert end_of(jobs, "ProcessingJob", "extract-1")["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ValidationError, match="Stopped"):
        jobs.operations()["StopProcessingJob"]({"ProcessingJobName": "extract-1"})


def test_a_training_job_over_its_time_is_stopped_and_keeps_its_model(
    jobs: Jobs, service: Service
) -> None:
    jobs.operations()["CreateTrainingJob"](
        {
            **TRAINING_JOB,
            "HyperParameters": {"wait": "yes"},
            "StoppingCondition": {"MaxRuntimeInSeconds": 1},
        }
    )
    job = end_of(jobs, "TrainingJob", "train-1")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert ("bucket", "models/train-1/output/model.tar.gz") in s3_of(service).objects


def test_a_job_without_its_data_fails_before_it_starts(jobs: Jobs, service: Service) -> None:
    s3_of(service).objects.clear()
    jobs.operations()["CreateTrainingJob"](TRAINING_JOB)
    job = end_of(jobs, "TrainingJob", "train-1")
    assert job["TrainingJobStatus"] == "Failed"
    assert "No S3 objects found" in job["FailureReason"]


def test_a_role_that_does_not_trust_sagemaker_is_refused(jobs: Jobs, service: Service) -> None:
    assert isinstance(service.roles, FakeRoles)
    service.roles.untrusted.add(ROLE)
    with pytest.raises(ValidationError, match="assume role"):
        jobs.operations()["CreateTrainingJob"](TRAINING_JOB)


@pytest.mark.parametrize(
    "path", ["/tmp/data", "/opt/ml/processing/../../etc", "/opt/ml/model", None]
)
def test_a_path_outside_processing_is_refused(jobs: Jobs, path: str | None) -> None:
    request = json.loads(json.dumps(PROCESSING_JOB))
    request["ProcessingInputs"][0]["S3Input"]["LocalPath"] = path
    with pytest.raises(ValidationError, match="LocalPath"):
        jobs.operations()["CreateProcessingJob"](request)


@pytest.mark.parametrize(
    "change", [{"S3DataDistributionType": "ShardedByS3Key"}, {"S3DataType": "ManifestFile"}]
)
def test_a_way_to_hand_out_data_that_is_not_here_is_refused(
    jobs: Jobs, change: dict[str, str]
) -> None:
    processing = json.loads(json.dumps(PROCESSING_JOB))
    processing["ProcessingInputs"][0]["S3Input"] |= change
    training = json.loads(json.dumps(TRAINING_JOB))
    training["InputDataConfig"][0]["DataSource"]["S3DataSource"] |= change
    for operation, request in (
        ("CreateProcessingJob", processing),
        ("CreateTrainingJob", training),
    ):
        with pytest.raises(ValidationError, match=f"only the {next(iter(change))}"):
            jobs.operations()[operation](request)


def test_a_metric_without_a_group_is_refused(jobs: Jobs) -> None:
    request = json.loads(json.dumps(TRAINING_JOB))
    request["AlgorithmSpecification"]["MetricDefinitions"][0]["Regex"] = "loss"
    with pytest.raises(ValidationError, match="no group"):
        jobs.operations()["CreateTrainingJob"](request)


def test_a_job_that_is_not_there_is_not_found(jobs: Jobs) -> None:
    with pytest.raises(ResourceNotFoundError):
        jobs.operations()["DescribeProcessingJob"]({"ProcessingJobName": "nobody"})
    with pytest.raises(ValidationError):
        jobs.operations()["DescribeTrainingJob"]({"TrainingJobName": "nobody"})


def test_a_job_that_ran_when_sagemaker_was_killed_runs_again(
    jobs: Jobs, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "STOP_GRACE_SECONDS", 1.0)
    specification = {**PROCESSING_JOB["AppSpecification"], "ContainerArguments": ["wait"]}
    jobs.operations()["CreateProcessingJob"]({**PROCESSING_JOB, "AppSpecification": specification})
    wait_until_waiting(service)
    jobs.stop()
    name = {"ProcessingJobName": "extract-1"}
    describe = jobs.operations()["DescribeProcessingJob"]
    assert describe(name)["ProcessingJobStatus"] == "InProgress"
    wait_for(lambda: list(service.scratch.iterdir()) == [])
    (service.image.entry_points / "process").write_text(PROCESS.replace("time.sleep(60)", "pass"))
    again = Jobs(service)
    again.start()
    assert end_of(again, "ProcessingJob", "extract-1")["ProcessingJobStatus"] == "Completed"


def test_a_failure_of_the_dying_stack_is_not_the_jobs(jobs: Jobs, service: Service) -> None:
    assert isinstance(service.gateway, FakeGateway)
    service.gateway.reachable = False
    specification = {**PROCESSING_JOB["AppSpecification"], "ContainerArguments": ["fail"]}
    jobs.operations()["CreateProcessingJob"]({**PROCESSING_JOB, "AppSpecification": specification})
    wait_for(lambda: service.scratch.exists() and list(service.scratch.iterdir()))
    wait_for(lambda: list(service.scratch.iterdir()) == [])
    describe = jobs.operations()["DescribeProcessingJob"]
    assert describe({"ProcessingJobName": "extract-1"})["ProcessingJobStatus"] == "InProgress"


def test_the_end_of_a_job_is_an_event(jobs: Jobs, service: Service) -> None:
    assert isinstance(service.gateway, FakeGateway)
    jobs.operations()["CreateProcessingJob"](PROCESSING_JOB)
    end_of(jobs, "ProcessingJob", "extract-1")
    gateway = service.gateway
    event = wait_for(lambda: gateway.events)[0]
    assert event["DetailType"] == "SageMaker Processing Job State Change"
    assert json.loads(event["Detail"])["ProcessingJobStatus"] == "Completed"


def test_jobs_are_listed_by_status_newest_first(jobs: Jobs) -> None:
    for name in ("a", "b"):
        jobs.operations()["CreateProcessingJob"]({**PROCESSING_JOB, "ProcessingJobName": name})
        end_of(jobs, "ProcessingJob", name)
    listed = jobs.operations()["ListProcessingJobs"]({"StatusEquals": "Completed"})
    names = [item["ProcessingJobName"] for item in listed["ProcessingJobSummaries"]]
    assert names == ["b", "a"]
    assert jobs.operations()["ListProcessingJobs"]({"StatusEquals": "Failed"}) == {
        "ProcessingJobSummaries": []
    }
