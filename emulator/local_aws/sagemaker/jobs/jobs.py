"""Processing and training jobs: their operations, and the runs that there are.

A job's name is never used again. A job that was running when local SageMaker was killed runs
again from its start, as one that lost its instance would.
"""

import logging
import threading
from collections.abc import Callable

from local_aws.sagemaker import quotas
from local_aws.sagemaker.arns import sagemaker_arn
from local_aws.sagemaker.errors import ResourceInUseError, ResourceNotFoundError, ValidationError
from local_aws.sagemaker.identity import now
from local_aws.sagemaker.jobs.kinds import JobKind, ProcessingJob, TrainingJob
from local_aws.sagemaker.jobs.runs import JobRun, transition
from local_aws.sagemaker.listing import page
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document, NameTakenError

logger = logging.getLogger(__name__)

Operation = Callable[[Document], Document]


class Jobs:
    """All jobs and the threads that run them."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kinds: tuple[JobKind, ...] = (ProcessingJob(), TrainingJob())
        self._runs: dict[str, JobRun] = {}
        self._lock = threading.Lock()

    def operations(self) -> dict[str, Operation]:
        """Return the operations by name."""
        found: dict[str, Operation] = {}
        for kind in self._kinds:
            found[f"Create{kind.name}"] = self._bind(kind, self._create)
            found[f"Describe{kind.name}"] = self._bind(kind, self._describe)
            found[f"Stop{kind.name}"] = self._bind(kind, self._stop)
            found[f"List{kind.name}s"] = self._bind(kind, self._list)
        return found

    def start(self) -> None:
        """Run again what was running at the last stop."""
        for kind in self._kinds:
            for job in self._service.store.all(kind.arn_kind):
                status = job[f"{kind.name}Status"]
                if status == "InProgress":
                    logger.warning("%s %s starts again", kind.name, job[f"{kind.name}Name"])
                    self._launch(kind, job)
                elif status == "Stopping":
                    self._service.store.update(
                        kind.arn_kind, job[f"{kind.name}Name"], **{f"{kind.name}Status": "Stopped"}
                    )

    def stop(self) -> None:
        """End every container without telling an outcome: the jobs run again at the next start."""
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.abandon()

    @staticmethod
    def _bind(kind: JobKind, method: Callable[[JobKind, Document], Document]) -> Operation:
        return lambda request: method(kind, request)

    def _create(self, kind: JobKind, request: Document) -> Document:
        name = request[f"{kind.name}Name"]
        arn = sagemaker_arn(kind.arn_kind, name)
        kind.check(request)
        self._service.roles.check_trust(request["RoleArn"])
        job = {
            **request,
            f"{kind.name}Arn": arn,
            f"{kind.name}Status": "InProgress",
            "CreationTime": now(),
            "LastModifiedTime": now(),
        }
        if kind.name == "TrainingJob":
            job["SecondaryStatus"] = "Starting"
            job["SecondaryStatusTransitions"] = [transition("Starting")]
        with self._service.store.transaction():
            if self._service.store.get(kind.arn_kind, name) is None:
                quotas.check(
                    self._service, kind.usage, kind.instance_type(request), kind.hosts(request)
                )
            try:
                self._service.store.insert(kind.arn_kind, name, job)
            except NameTakenError as error:
                raise ResourceInUseError(
                    "Job name must be unique within an AWS account and region, and a "
                    f"{kind.arn_kind.replace('-', ' ')} with this name already exists ({arn})"
                ) from error
        self._launch(kind, job)
        return {f"{kind.name}Arn": arn}

    def _launch(self, kind: JobKind, job: Document) -> None:
        run = JobRun(self._service, kind, job, self._forget)
        with self._lock:
            self._runs[job[f"{kind.name}Arn"]] = run
        run.start()

    def _forget(self, arn: str) -> None:
        with self._lock:
            self._runs.pop(arn, None)

    def _find(self, kind: JobKind, request: Document) -> Document:
        name = request[f"{kind.name}Name"]
        job = self._service.store.get(kind.arn_kind, name)
        if job is not None:
            return job
        message = f"Could not find requested job with name: {name}"
        if kind.name == "TrainingJob":
            raise ValidationError("Requested resource not found.")
        raise ResourceNotFoundError(message)

    def _describe(self, kind: JobKind, request: Document) -> Document:
        return self._find(kind, request)

    def _stop(self, kind: JobKind, request: Document) -> Document:
        job = self._find(kind, request)
        status = job[f"{kind.name}Status"]
        if status != "InProgress":
            raise ValidationError(
                f"The request was rejected because the job is in status {status}."
            )
        self._service.store.update(
            kind.arn_kind, request[f"{kind.name}Name"], **{f"{kind.name}Status": "Stopping"}
        )
        with self._lock:
            run = self._runs.get(job[f"{kind.name}Arn"])
        if run is not None:
            run.request_stop()
        return {}

    def _list(self, kind: JobKind, request: Document) -> Document:
        members: tuple[str, ...] = (
            f"{kind.name}Name",
            f"{kind.name}Arn",
            "CreationTime",
            f"{kind.name[:-3]}EndTime",
            "LastModifiedTime",
            f"{kind.name}Status",
            "FailureReason",
            "ExitMessage",
        )
        if kind.name == "TrainingJob":
            members = members[:-2]
        return page(
            self._service.store.all(kind.arn_kind),
            request,
            f"{kind.name}Summaries",
            members,
            status=f"{kind.name}Status",
        )
