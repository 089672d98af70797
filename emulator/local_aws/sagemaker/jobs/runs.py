"""One job on its way: its hosts' containers, its states, and its end."""

import json
import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.sagemaker.arns import ACCOUNT, REGION
from local_aws.sagemaker.containers.logs import Stream
from local_aws.sagemaker.containers.programs import ContainerProcess
from local_aws.sagemaker.errors import ContainerError, ServiceError
from local_aws.sagemaker.identity import now
from local_aws.sagemaker.jobs.kinds import JobKind
from local_aws.sagemaker.jobs.metrics import MetricReader
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document

logger = logging.getLogger(__name__)

# https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
STOP_GRACE_SECONDS = 120.0
POLL_SECONDS = 0.05


class JobRun:
    """One job on its way from InProgress to its end."""

    def __init__(
        self, service: Service, kind: JobKind, job: Document, on_end: Callable[[str], None]
    ) -> None:
        self._service = service
        self._kind = kind
        self._job = job
        self._on_end = on_end
        self._name: str = job[f"{kind.name}Name"]
        self._stopped = threading.Event()
        self._abandoned = threading.Event()
        specification = job.get("AlgorithmSpecification", {})
        self._metrics = MetricReader(specification.get("MetricDefinitions") or [])
        self._containers: list[ContainerProcess] = []

    def start(self) -> None:
        """Begin, in a thread."""
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def request_stop(self) -> None:
        """End the job as StopProcessingJob and StopTrainingJob do."""
        self._stopped.set()

    def abandon(self) -> None:
        """Kill the containers and leave the job InProgress."""
        self._abandoned.set()
        for container in list(self._containers):
            container.stop(1.0)

    def _run(self) -> None:
        folder = self._service.scratch / f"{self._name}-{secrets.token_hex(4)}"
        end: Document
        try:
            end = self._work(folder)
        except (ContainerError, ServiceError) as error:
            end = {"status": "Failed", "FailureReason": str(error)}
        except (ClientError, BotoCoreError) as error:
            end = {"status": "Failed", "FailureReason": f"ClientError: {error}"}
        except Exception as error:  # the job must end, and the fault must be seen
            logger.exception("%s %s failed", self._kind.name, self._name)
            end = {"status": "Failed", "FailureReason": f"InternalServerError: {error}"}
        finally:
            for container in self._containers:
                container.stop(1.0)
            shutil.rmtree(folder, ignore_errors=True)
            self._on_end(self._job[f"{self._kind.name}Arn"])
        if self._abandoned.is_set():
            return
        if end["status"] == "Failed" and not self._service.gateway.is_reachable():
            logger.error("%s is left to the next start: MiniStack is gone", self._name)
            return
        self._finish(end)

    def _work(self, folder: Path) -> Document:
        hosts = self._kind.hosts(self._job)
        roots = [folder / f"algo-{number}" / "ml" for number in range(1, hosts + 1)]
        role = self._job["RoleArn"]
        s3 = self._service.roles.client("s3", role)
        self._enter("Downloading")
        for host, root in enumerate(roots):
            root.mkdir(parents=True)
            self._kind.prepare(self._job, root, s3, host, hosts)
        self._enter("Training")
        begin = now()
        self._change(**{f"{self._kind.name[:-3]}StartTime": begin})
        entry_point, arguments = self._kind.command(self._job)
        moment = int(begin * 1000)
        for number, root in enumerate(roots, 1):
            variables = {
                **self._kind.variables(self._job),
                **self._service.credentials.variables(role),
            }
            name = f"{self._name}/algo-{number}-{moment}"
            stream = Stream(self._kind.log_group, name, role)
            self._containers.append(
                ContainerProcess(
                    self._service.image.command(entry_point, arguments, root),
                    self._service.image.variables(root, variables),
                    root,
                    self._line_reader(stream),
                )
            )
        outcome = self._wait(roots)
        if self._abandoned.is_set():
            return outcome
        # A training job that is stopped keeps the model that it has so far
        if outcome["status"] == "Completed" or (
            outcome["status"] == "Stopped" and self._kind.name == "TrainingJob"
        ):
            self._enter("Uploading")
            outcome |= self._kind.upload(self._job, roots, s3)
        return outcome

    def _line_reader(self, stream: Stream) -> Callable[[str], None]:
        def read(line: str) -> None:
            self._service.logs.write(stream, line)
            self._metrics.read(line)

        return read

    def _wait(self, roots: list[Path]) -> Document:
        condition = self._job.get("StoppingCondition") or {}
        limit = condition.get("MaxRuntimeInSeconds", self._kind.default_runtime_seconds)
        deadline = time.monotonic() + limit
        while not self._abandoned.is_set():
            codes = [container.poll() for container in self._containers]
            for number, code in enumerate(codes):
                if code not in (None, 0):
                    return self._failed(roots[number], number, code)
            if all(code == 0 for code in codes):
                for container in self._containers:
                    container.wait()
                return {"status": "Completed"}
            if self._stopped.is_set():
                return self._stop_hosts("Stopped", None)
            if time.monotonic() > deadline:
                reason = f"The job ran for longer than its MaxRuntimeInSeconds ({limit} s)."
                return self._stop_hosts("MaxRuntimeExceeded", reason)
            time.sleep(POLL_SECONDS)
        return {"status": "Stopped"}

    def _stop_hosts(self, secondary: str, reason: str | None) -> Document:
        for container in self._containers:
            container.terminate()
        deadline = time.monotonic() + STOP_GRACE_SECONDS
        for container in self._containers:
            container.stop(max(0.0, deadline - time.monotonic()))
        outcome: Document = {"status": "Stopped", "secondary": secondary}
        if reason is not None:
            outcome["FailureReason"] = reason
        return outcome

    def _failed(self, root: Path, number: int, code: int | None) -> Document:
        container = self._containers[number]
        container.wait()
        said = self._kind.failure(root) or (container.tail[-1] if container.tail else "")
        reason = f"AlgorithmError: {said}, exit code: {code}"
        outcome: Document = {"status": "Failed", "FailureReason": reason[:1024]}
        if self._kind.name == "ProcessingJob":
            outcome["ExitMessage"] = said[:1024]
        return outcome

    def _enter(self, secondary: str) -> None:
        if self._kind.name != "TrainingJob":
            return
        with self._service.store.transaction():
            job = self._service.store.get(self._kind.arn_kind, self._name)
            assert job is not None
            self._change(
                SecondaryStatus=secondary,
                SecondaryStatusTransitions=[
                    *_closed(job["SecondaryStatusTransitions"]),
                    transition(secondary),
                ],
            )

    def _change(self, **changes: Any) -> Document:
        return self._service.store.update(
            self._kind.arn_kind, self._name, **changes, LastModifiedTime=now()
        )

    def _finish(self, end: Document) -> None:
        status = end.pop("status")
        secondary = end.pop("secondary", status)
        moment = now()
        changes = {f"{self._kind.name[:-3]}EndTime": moment, **end}
        if self._kind.name == "TrainingJob":
            self._enter(secondary)
            job = self._service.store.get(self._kind.arn_kind, self._name) or {}
            changes["SecondaryStatusTransitions"] = _closed(job["SecondaryStatusTransitions"])
            begin = job.get("TrainingStartTime", moment)
            changes["TrainingTimeInSeconds"] = max(0, round(moment - begin))
            changes["BillableTimeInSeconds"] = changes["TrainingTimeInSeconds"]
            changes["FinalMetricDataList"] = self._metrics.final() or None
        changes[f"{self._kind.name}Status"] = status
        job = self._change(**changes)
        level = logging.ERROR if status == "Failed" else logging.INFO
        logger.log(
            level, "%s %s: %s %s", self._kind.name, self._name, status, end.get("FailureReason", "")
        )
        self._publish_metrics()
        self._emit(job)

    def _publish_metrics(self) -> None:
        data = [
            {
                "MetricName": item["MetricName"],
                "Value": item["Value"],
                "Timestamp": item["Timestamp"],
                "Dimensions": [{"Name": "TrainingJobName", "Value": self._name}],
            }
            for item in self._metrics.values[-500:]
        ]
        if not data:
            return
        try:
            self._service.roles.client("cloudwatch", self._job["RoleArn"]).put_metric_data(
                Namespace="/aws/sagemaker/TrainingJobs", MetricData=data
            )
        except (ClientError, BotoCoreError, ServiceError) as error:
            logger.warning("The metrics of %s are not published: %s", self._name, error)

    def _emit(self, job: Document) -> None:
        kind = self._kind.name
        members = (
            f"{kind}Name",
            f"{kind}Arn",
            f"{kind}Status",
            "SecondaryStatus",
            "FailureReason",
            "CreationTime",
        )
        detail = {name: job[name] for name in members if name in job}
        event = {
            "Source": "aws.sagemaker",
            "DetailType": f"SageMaker {kind[:-3]} Job State Change",
            "Resources": [job[f"{kind}Arn"]],
            "Detail": json.dumps({**detail, "AccountId": ACCOUNT, "Region": REGION}),
        }
        try:
            self._service.gateway.put_events(event)
        except ServiceError as error:
            logger.warning("The event of %s is not published: %s", self._name, error)


def transition(status: str) -> Document:
    """Return an entry of SecondaryStatusTransitions that begins now."""
    return {"Status": status, "StartTime": now(), "StatusMessage": status}


def _closed(transitions: list[Document]) -> list[Document]:
    return [{"EndTime": now(), **transition} for transition in transitions]
