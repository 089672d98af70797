"""What is particular to a processing and to a training job: folders, files, outputs, answers."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_aws.sagemaker import quotas
from local_aws.sagemaker.arns import S3Location
from local_aws.sagemaker.containers.objects import pack_model, upload_folder
from local_aws.sagemaker.containers.programs import ML_ROOT, map_path
from local_aws.sagemaker.errors import ValidationError
from local_aws.sagemaker.jobs.inputs import download_input
from local_aws.sagemaker.store import Document

FAILURE_CHARACTERS = 1024


class JobKind(ABC):
    """One kind of job under the /opt/ml contract."""

    name: str  # as in the operations' names
    arn_kind: str
    log_group: str
    default_runtime_seconds: int
    usage: str  # as the quota of its instances is named

    @abstractmethod
    def check(self, job: Document) -> None:
        """Raise ValidationError for what the service model does not say."""

    @abstractmethod
    def hosts(self, job: Document) -> int:
        """Return the number of instances."""

    @abstractmethod
    def instance_type(self, job: Document) -> str:
        """Return the type of the instances."""

    @abstractmethod
    def command(self, job: Document) -> tuple[list[str], list[str]]:
        """Return entry point and arguments of the container."""

    @abstractmethod
    def prepare(self, job: Document, root: Path, s3: Any, host: int, hosts: int) -> None:
        """Fill one host's /opt/ml: inputs, configuration files, output folders."""

    @abstractmethod
    def upload(self, job: Document, roots: list[Path], s3: Any) -> Document:
        """Upload what the hosts made; return what the job's description gains."""

    def variables(self, job: Document) -> dict[str, str]:
        """Return the container's variables."""
        return dict(job.get("Environment") or {})

    def failure(self, root: Path) -> str:
        """Return what the container says about its failure, if it does."""
        try:
            text = (root / "output" / "failure").read_text(errors="replace")
        except OSError:
            return ""
        return text[:FAILURE_CHARACTERS]


class ProcessingJob(JobKind):
    """CreateProcessingJob: /opt/ml/processing in and out."""

    name = "ProcessingJob"
    arn_kind = "processing-job"
    log_group = "/aws/sagemaker/ProcessingJobs"
    default_runtime_seconds = 86400
    usage = quotas.PROCESSING

    def check(self, job: Document) -> None:
        """Refuse paths outside /opt/ml and inputs that are not files from S3."""
        for item in job.get("ProcessingInputs") or []:
            if "S3Input" not in item:
                raise ValidationError(f"Input {item['InputName']}: only S3Input is supported here")
            if item["S3Input"].get("S3InputMode", "File") != "File":
                raise ValidationError(f"Input {item['InputName']}: only the mode File is supported")
            _check_source(item["S3Input"], f"Input {item['InputName']}")
            _check_path(item["S3Input"].get("LocalPath"), f"Input {item['InputName']}")
        for item in (job.get("ProcessingOutputConfig") or {}).get("Outputs") or []:
            if "S3Output" not in item:
                raise ValidationError(f"Output {item['OutputName']}: only S3Output is supported")
            _check_path(item["S3Output"].get("LocalPath"), f"Output {item['OutputName']}")
        for name in ("InputName", "OutputName"):
            items = job.get("ProcessingInputs") if name == "InputName" else _outputs(job)
            names = [item[name] for item in items or []]
            if len(set(names)) != len(names):
                raise ValidationError(f"{name}s must be unique within a processing job")

    def hosts(self, job: Document) -> int:
        """Return the cluster's instance count."""
        count: int = job["ProcessingResources"]["ClusterConfig"]["InstanceCount"]
        return count

    def instance_type(self, job: Document) -> str:
        """Return the cluster's instance type."""
        kind: str = job["ProcessingResources"]["ClusterConfig"]["InstanceType"]
        return kind

    def command(self, job: Document) -> tuple[list[str], list[str]]:
        """Return the entry point of the request."""
        specification = job["AppSpecification"]
        return (
            specification.get("ContainerEntrypoint") or [],
            specification.get("ContainerArguments") or [],
        )

    def variables(self, job: Document) -> dict[str, str]:
        """Add the job's ARN, as the service does."""
        return {"PROCESSING_JOB_ARN": job["ProcessingJobArn"], **super().variables(job)}

    def prepare(self, job: Document, root: Path, s3: Any, host: int, hosts: int) -> None:
        """Write the configuration, download the inputs, make the output folders."""
        instance = job["ProcessingResources"]["ClusterConfig"]["InstanceType"]
        _write(root / "config" / "processingjobconfig.json", job_config(job))
        _write(root / "config" / "resourceconfig.json", resource_config(host, hosts, instance))
        (root / "output").mkdir(parents=True, exist_ok=True)
        for item in job.get("ProcessingInputs") or []:
            source = item["S3Input"]
            download_input(
                s3,
                source["S3Uri"],
                Path(map_path(source["LocalPath"], root)),
            )
        for item in _outputs(job):
            Path(map_path(item["S3Output"]["LocalPath"], root)).mkdir(parents=True, exist_ok=True)

    def upload(self, job: Document, roots: list[Path], s3: Any) -> Document:
        """Upload every host's output folders to the same places."""
        for item in _outputs(job):
            target = S3Location.parse(item["S3Output"]["S3Uri"])
            for root in roots:
                upload_folder(s3, Path(map_path(item["S3Output"]["LocalPath"], root)), target)
        return {}


class TrainingJob(JobKind):
    """CreateTrainingJob: channels in, model.tar.gz out."""

    name = "TrainingJob"
    arn_kind = "training-job"
    log_group = "/aws/sagemaker/TrainingJobs"
    default_runtime_seconds = 86400
    usage = quotas.TRAINING

    def check(self, job: Document) -> None:
        """Refuse other modes than File and other sources than S3."""
        if job["AlgorithmSpecification"].get("TrainingInputMode") != "File":
            raise ValidationError("Only the TrainingInputMode File is supported here")
        if "TrainingImage" not in job["AlgorithmSpecification"]:
            raise ValidationError("TrainingImage is required here")
        for channel in job.get("InputDataConfig") or []:
            if "S3DataSource" not in channel["DataSource"]:
                raise ValidationError(f"Channel {channel['ChannelName']}: only S3 is supported")
            _check_source(
                channel["DataSource"]["S3DataSource"], f"Channel {channel['ChannelName']}"
            )
        names = [channel["ChannelName"] for channel in job.get("InputDataConfig") or []]
        if len(set(names)) != len(names):
            raise ValidationError("Channel names must be unique within a training job")
        for metric in job["AlgorithmSpecification"].get("MetricDefinitions") or []:
            _check_regex(metric)

    def hosts(self, job: Document) -> int:
        """Return the instance count."""
        count: int = job["ResourceConfig"].get("InstanceCount", 1)
        return count

    def instance_type(self, job: Document) -> str:
        """Return the instance type."""
        kind: str = job["ResourceConfig"].get("InstanceType", "")
        return kind

    def command(self, job: Document) -> tuple[list[str], list[str]]:
        """Return the entry point of the request, or `train`."""
        specification = job["AlgorithmSpecification"]
        return (
            specification.get("ContainerEntrypoint") or ["train"],
            specification.get("ContainerArguments") or [],
        )

    def variables(self, job: Document) -> dict[str, str]:
        """Add the job's name and ARN, as the service does."""
        own = {
            "TRAINING_JOB_NAME": job["TrainingJobName"],
            "TRAINING_JOB_ARN": job["TrainingJobArn"],
        }
        return {**own, **super().variables(job)}

    def prepare(self, job: Document, root: Path, s3: Any, host: int, hosts: int) -> None:
        """Write the configuration, download the channels, make the output folders."""
        config = root / "input" / "config"
        channels = job.get("InputDataConfig") or []
        _write(config / "hyperparameters.json", job.get("HyperParameters") or {})
        _write(
            config / "inputdataconfig.json",
            {
                channel["ChannelName"]: {
                    "TrainingInputMode": "File",
                    "S3DistributionType": "FullyReplicated",
                    "RecordWrapperType": channel.get("RecordWrapperType", "None"),
                }
                for channel in channels
            },
        )
        instance = job["ResourceConfig"].get("InstanceType", "")
        _write(config / "resourceconfig.json", resource_config(host, hosts, instance))
        for channel in channels:
            source = channel["DataSource"]["S3DataSource"]
            download_input(
                s3,
                source["S3Uri"],
                root / "input" / "data" / channel["ChannelName"],
            )
        for folder in ("model", "output/data"):
            (root / folder).mkdir(parents=True, exist_ok=True)

    def upload(self, job: Document, roots: list[Path], s3: Any) -> Document:
        """Upload the first host's model, and output.tar.gz where there is output."""
        location = S3Location.parse(job["OutputDataConfig"]["S3OutputPath"])
        gained: Document = {}
        archives = (("model", "model.tar.gz"), ("output/data", "output.tar.gz"))
        for folder, name in archives:
            source = roots[0] / folder
            if name != "model.tar.gz" and not any(source.iterdir()):
                continue
            archive = roots[0].parent / name
            pack_model(source, archive)
            target = location.child(job["TrainingJobName"], "output", name)
            s3.upload_file(str(archive), target.bucket, target.key)
            if name == "model.tar.gz":
                gained["ModelArtifacts"] = {"S3ModelArtifacts": str(target)}
        return gained


def job_config(job: Document) -> Document:
    """Return processingjobconfig.json: the request and the ARN."""
    names = (
        "ProcessingJobArn",
        "ProcessingJobName",
        "AppSpecification",
        "Environment",
        "ProcessingInputs",
        "ProcessingOutputConfig",
        "ProcessingResources",
        "RoleArn",
        "StoppingCondition",
    )
    return {name: job[name] for name in names if name in job}


def resource_config(host: int, hosts: int, instance_type: str) -> Document:
    """Return resourceconfig.json of one host."""
    names = [f"algo-{number}" for number in range(1, hosts + 1)]
    return {
        "current_host": names[host],
        "current_instance_type": instance_type,
        "current_group_name": "homogeneousCluster",
        "hosts": names,
        "instance_groups": [
            {
                "instance_group_name": "homogeneousCluster",
                "instance_type": instance_type,
                "hosts": names,
            }
        ],
        "network_interface_name": "lo",
    }


def _outputs(job: Document) -> list[Mapping[str, Any]]:
    return (job.get("ProcessingOutputConfig") or {}).get("Outputs") or []


def _check_source(source: Mapping[str, Any], what: str) -> None:
    for name, only in (("S3DataType", "S3Prefix"), ("S3DataDistributionType", "FullyReplicated")):
        if source.get(name, only) != only:
            raise ValidationError(f"{what}: only the {name} {only} is supported here")


def _check_path(path: str | None, what: str) -> None:
    if path is None or not path.startswith(f"{ML_ROOT}/processing/") or ".." in path.split("/"):
        raise ValidationError(f"{what}: LocalPath must be below {ML_ROOT}/processing, not {path!r}")


def _check_regex(metric: Mapping[str, str]) -> None:
    try:
        groups = re.compile(metric["Regex"]).groups
    except re.error as error:
        raise ValidationError(f"Metric {metric['Name']}: {error}") from error
    if groups < 1:
        raise ValidationError(f"Metric {metric['Name']}: the regular expression has no group")


def _write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2))
