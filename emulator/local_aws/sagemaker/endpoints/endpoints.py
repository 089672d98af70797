"""Endpoints: their states, the containers behind them, and how one replaces another.

The fleet of an update is started beside the one that serves, and takes over once it is healthy.
If it does not become healthy the endpoint rolls back, and is InService with its old
configuration, as on AWS.
"""

import logging
import secrets
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError

from local_aws.sagemaker import models
from local_aws.sagemaker.arns import sagemaker_arn
from local_aws.sagemaker.containers.logs import Stream
from local_aws.sagemaker.containers.objects import fetch_model
from local_aws.sagemaker.endpoints import configs as endpoint_configs
from local_aws.sagemaker.endpoints import serverless
from local_aws.sagemaker.endpoints.model_server import ModelServer
from local_aws.sagemaker.errors import ContainerError, ServiceError, ValidationError
from local_aws.sagemaker.identity import now
from local_aws.sagemaker.listing import page
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document, NameTakenError

logger = logging.getLogger(__name__)

KIND = "endpoint"
HEALTH_CHECK_SECONDS = 480
WATCH_SECONDS = 0.5
RESTORE_SECONDS = 2.0
BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


class Endpoints:
    """All endpoints and their running containers."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.RLock()
        self._servers: dict[str, ModelServer] = {}
        self._pool = ThreadPoolExecutor(thread_name_prefix="endpoint")
        self.changed = threading.Condition()

    def start(self) -> None:
        """Bring back the endpoints of the last run, and watch their containers."""
        for document in self._service.store.all(KIND):
            name, status = document["EndpointName"], document["EndpointStatus"]
            if status == "Deleting":
                self._submit(self._delete, name)
            elif status == "Creating":
                self._submit(self._create, name)
            elif status != "Failed":
                self._submit(self._restore, name)
        threading.Thread(target=self._watch, daemon=True).start()

    def stop(self) -> None:
        """End every container."""
        with self._lock:
            servers = list(self._servers.values())
            self._servers.clear()
        for future in [self._pool.submit(server.stop) for server in servers]:
            future.result()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def create(self, request: Document) -> Document:
        """CreateEndpoint."""
        name = request["EndpointName"]
        endpoint_configs.find(self._service, request["EndpointConfigName"])
        moment = now()
        document = {
            "EndpointName": name,
            "EndpointArn": sagemaker_arn(KIND, name),
            "EndpointConfigName": request["EndpointConfigName"],
            "EndpointStatus": "Creating",
            "CreationTime": moment,
            "LastModifiedTime": moment,
            "Tags": request.get("Tags", []),
        }
        try:
            self._service.store.insert(KIND, name, document)
        except NameTakenError as error:
            raise ValidationError(
                f'Cannot create already existing endpoint "{document["EndpointArn"]}".'
            ) from error
        self._submit(self._create, name)
        return {"EndpointArn": document["EndpointArn"]}

    def update(self, request: Document) -> Document:
        """UpdateEndpoint."""
        name, target = request["EndpointName"], request["EndpointConfigName"]
        with self._service.store.transaction():
            document = self.find(name)
            new = endpoint_configs.find(self._service, target)
            if document["EndpointStatus"] in BUSY:
                raise ValidationError(f'Cannot update in-progress endpoint "{name}".')
            if document["EndpointStatus"] == "Failed":
                raise ValidationError(f'Cannot update failed endpoint "{name}".')
            old = self._service.store.get(endpoint_configs.KIND, document["EndpointConfigName"])
            serverless.check_update(old, new, request)
            if old is not None and _variant_name(old) != _variant_name(new):
                raise ValidationError(
                    "The new endpoint configuration must keep the production variant name "
                    f"{_variant_name(old)!r}: autoscaling and guardrails are bound to it."
                )
            self._service.store.update(
                KIND,
                name,
                EndpointStatus="Updating",
                PendingDeploymentSummary={"EndpointConfigName": target, "StartTime": now()},
                LastModifiedTime=now(),
                FailureReason=None,
            )
        self._submit(self._update, name, target)
        return {"EndpointArn": document["EndpointArn"]}

    def delete(self, request: Document) -> Document:
        """DeleteEndpoint."""
        name = request["EndpointName"]
        with self._service.store.transaction():
            document = self.find(name)
            if document["EndpointStatus"] in BUSY:
                raise ValidationError(f'Cannot delete in-progress endpoint "{name}".')
            self._service.store.update(KIND, name, EndpointStatus="Deleting")
        self._submit(self._delete, name)
        return {}

    def describe(self, request: Document) -> Document:
        """DescribeEndpoint."""
        document = dict(self.find(request["EndpointName"]))
        document.pop("Tags", None)
        config = self._service.store.get(endpoint_configs.KIND, document["EndpointConfigName"])
        if config is not None and document["EndpointStatus"] not in ("Creating", "Failed"):
            variant = config["ProductionVariants"][0]
            count = variant.get("InitialInstanceCount", 1)
            document["ProductionVariants"] = [
                {
                    "VariantName": variant["VariantName"],
                    "CurrentWeight": 1.0,
                    "DesiredWeight": 1.0,
                    "CurrentInstanceCount": count,
                    "DesiredInstanceCount": count,
                }
            ]
            if serverless.settings(config) is not None:
                document["ProductionVariants"] = [serverless.describe(variant)]
            if "AsyncInferenceConfig" in config:
                document["AsyncInferenceConfig"] = config["AsyncInferenceConfig"]
        return document

    def list_all(self, request: Document) -> Document:
        """ListEndpoints."""
        return page(
            self._service.store.all(KIND),
            request,
            "Endpoints",
            ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus"),
            status="EndpointStatus",
        )

    def find(self, name: str) -> Document:
        """Return an endpoint's document.

        Raises
        ------
        ValidationError
            If there is none of that name.
        """
        document = self._service.store.get(KIND, name)
        if document is None:
            raise ValidationError(f'Could not find endpoint "{sagemaker_arn(KIND, name)}".')
        return document

    def names(self) -> list[str]:
        """Return the endpoints that have a container."""
        with self._lock:
            return list(self._servers)

    def server(self, name: str) -> ModelServer | None:
        """Return the container that serves an endpoint, if there is one."""
        with self._lock:
            return self._servers.get(name)

    def config(self, name: str) -> Document | None:
        """Return the configuration that an endpoint carries now."""
        document = self._service.store.get(KIND, name)
        if document is None:
            return None
        return self._service.store.get(endpoint_configs.KIND, document["EndpointConfigName"])

    def warm(self, name: str) -> None:
        """Start the container of an endpoint that has none.

        Raises
        ------
        ContainerError, ServiceError, BotoCoreError
            If it does not start.
        """
        document = self.find(name)
        server = self._launch(name, document["EndpointConfigName"])
        with self._lock:
            is_wanted = name not in self._servers and self.config(name) is not None
            if is_wanted:
                self._servers[name] = server
        if not is_wanted:  # an update was faster, or the endpoint has gone
            server.stop()

    def cool(self, name: str) -> None:
        """Stop the container of an endpoint and leave the endpoint in service."""
        with self._lock:
            server = self._servers.pop(name, None)
        if server is not None:
            self._pool.submit(server.stop)

    def _submit(self, work: Any, *arguments: str) -> "Future[None]":
        def run() -> None:
            try:
                work(*arguments)
            except Exception:  # a thread's failure must be seen
                logger.exception("%s of endpoint %s failed", work.__name__, arguments[0])

        return self._pool.submit(run)

    def _launch(self, name: str, config_name: str) -> ModelServer:
        config = endpoint_configs.find(self._service, config_name)
        variant = config["ProductionVariants"][0]
        model = models.find(self._service, variant["ModelName"])
        role = model["ExecutionRoleArn"]
        data, environment = models.model_source(self._service, model)
        root = self._service.scratch / f"{name}-{secrets.token_hex(4)}" / "ml"
        (root / "model").mkdir(parents=True)
        if data is not None:
            fetch_model(self._service.roles.client("s3", role), data, root / "model")
        stream = Stream(
            f"/aws/sagemaker/Endpoints/{name}", f"{variant['VariantName']}/{root.parent.name}", role
        )
        server = ModelServer(
            self._service.image,
            root,
            {**environment, **self._service.credentials.variables(role)},
            lambda line: self._service.logs.write(stream, line),
        )
        server.start()
        seconds = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", HEALTH_CHECK_SECONDS)
        try:
            server.wait_until_healthy(seconds, self._service.stopping.is_set)
        except ContainerError:
            server.stop()
            raise
        return server

    def _create(self, name: str) -> None:
        config_name = self.find(name)["EndpointConfigName"]
        try:
            server = self._launch(name, config_name)
        except (ContainerError, ServiceError, BotoCoreError) as error:
            if self._counts(name, error):
                self._set(name, EndpointStatus="Failed", FailureReason=str(error))
            return
        self._replace(name, server)
        self._set(name, EndpointStatus="InService")

    def _restore(self, name: str) -> None:
        """Bring back an endpoint that was in service; as on AWS it stays so without a container."""
        document = self.find(name)
        pending = document.get("PendingDeploymentSummary", {}).get("EndpointConfigName")
        if document["EndpointStatus"] == "Updating" and pending is not None:
            self._start_again(name)
            self._update(name, pending)
        else:
            self._set(name, EndpointStatus="InService", PendingDeploymentSummary=None)
        while not self._service.stopping.is_set() and not self._start_again(name):
            self._service.stopping.wait(RESTORE_SECONDS)

    def _start_again(self, name: str) -> bool:
        """Start the container of an endpoint that has none; False if that must be tried again."""
        document = self._service.store.get(KIND, name)
        if document is None or document["EndpointStatus"] == "Deleting" or self.server(name):
            return True
        config_name = document["EndpointConfigName"]
        try:
            server = self._launch(name, config_name)
        except (ContainerError, ServiceError, BotoCoreError) as error:
            logger.error("Endpoint %s has no container yet: %s", name, error)
            return False
        with self._lock:
            now_there = self._service.store.get(KIND, name) or {}
            is_wanted = now_there.get("EndpointConfigName") == config_name and not self.server(name)
            if is_wanted:
                self._servers[name] = server
        if not is_wanted:  # an update was faster
            server.stop()
        with self.changed:
            self.changed.notify_all()
        return True

    def _update(self, name: str, target: str) -> None:
        try:
            server = self._launch(name, target)
        except (ContainerError, ServiceError, BotoCoreError) as error:
            if not self._counts(name, error):
                return
            self._set(name, EndpointStatus="RollingBack")
            self._set(
                name,
                EndpointStatus="InService",
                FailureReason=str(error),
                PendingDeploymentSummary=None,
            )
            return
        self._replace(name, server)
        self._set(
            name,
            EndpointStatus="InService",
            EndpointConfigName=target,
            PendingDeploymentSummary=None,
        )

    def _counts(self, name: str, error: Exception) -> bool:
        """Say whether a failed start is the endpoint's fault, and not the stack's end."""
        logger.error("Endpoint %s has no container: %s", name, error)
        return not self._service.stopping.is_set() and self._service.gateway.is_reachable()

    def _delete(self, name: str) -> None:
        with self._lock:
            server = self._servers.pop(name, None)
        if server is not None:
            server.stop()
        dropped = self._service.store.remove_endpoint(name)
        if dropped:
            logger.warning("Endpoint %s went with %d invocations in its queue", name, dropped)
        self._service.store.delete(KIND, name)

    def _replace(self, name: str, server: ModelServer) -> None:
        with self._lock:
            old = self._servers.get(name)
            self._servers[name] = server
        with self.changed:
            self.changed.notify_all()
        if old is not None:
            self._pool.submit(old.stop)

    def _set(self, name: str, **changes: Any) -> None:
        self._service.store.update(KIND, name, **changes, LastModifiedTime=now())
        with self.changed:
            self.changed.notify_all()

    def _watch(self) -> None:
        while not self._service.stopping.wait(WATCH_SECONDS):
            with self._lock:
                crashed = [
                    (name, server)
                    for name, server in self._servers.items()
                    if not server.alive() and not server.stopping
                ]
            for name, server in crashed:
                logger.error("The container of endpoint %s exited; starting it again", name)
                server.starts = 0
                server.start()
                try:
                    server.wait_until_healthy(HEALTH_CHECK_SECONDS, self._service.stopping.is_set)
                except ContainerError as error:
                    logger.error("Endpoint %s: %s", name, error)


def _variant_name(config: Document) -> str:
    name: str = config["ProductionVariants"][0]["VariantName"]
    return name
