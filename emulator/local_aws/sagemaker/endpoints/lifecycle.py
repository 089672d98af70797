"""What happens to an endpoint after its operations have answered: fleets come and go.

The fleet of an update is started beside the one that serves, and takes over once it is healthy.
If it does not become healthy, or an alarm rings, the endpoint rolls back, and is InService with
its old configuration, as on AWS.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError

from local_aws.sagemaker import models
from local_aws.sagemaker.endpoints import configs as endpoint_configs
from local_aws.sagemaker.endpoints.fleet import HEALTH_CHECK_SECONDS, Fleet
from local_aws.sagemaker.endpoints.guardrails import Guardrails, RollBackError
from local_aws.sagemaker.endpoints.model_server import ModelServer
from local_aws.sagemaker.errors import ContainerError, ServiceError
from local_aws.sagemaker.identity import now
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document

logger = logging.getLogger(__name__)

KIND = "endpoint"
WATCH_SECONDS = 0.5
RESTORE_SECONDS = 2.0
FAILURES = (ContainerError, ServiceError, BotoCoreError, RollBackError)


class Lifecycle:
    """The fleets of all endpoints and the threads that change them."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.RLock()
        self._fleets: dict[str, Fleet] = {}
        self._leaving: list[Fleet] = []
        self._pool = ThreadPoolExecutor(thread_name_prefix="endpoint")
        self.changed = threading.Condition()

    def start(self) -> None:
        """Bring back the endpoints of the last run, and watch their containers."""
        for document in self._service.store.all(KIND):
            name, status = document["EndpointName"], document["EndpointStatus"]
            if status == "Deleting":
                self.begin(self.delete, name)
            elif status == "Creating":
                self.begin(self.create, name)
            elif status != "Failed":
                self.begin(self._restore, name)
        threading.Thread(target=self._watch, daemon=True).start()

    def stop(self) -> None:
        """End every container."""
        with self._lock:
            fleets = [*self._fleets.values(), *self._leaving]
            self._fleets.clear()
            self._leaving.clear()
        servers = [server for fleet in fleets for server in fleet.servers()]
        for future in [self._pool.submit(server.stop) for server in servers]:
            future.result()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def names(self) -> list[str]:
        """Return the endpoints that have a fleet, be it of no instance."""
        with self._lock:
            return list(self._fleets)

    def fleet(self, name: str) -> Fleet | None:
        """Return the fleet that serves an endpoint, if there is one."""
        with self._lock:
            return self._fleets.get(name)

    def begin(self, work: Callable[..., None], *arguments: Any) -> "Future[None]":
        """Do something with an endpoint in a thread."""

        def run() -> None:
            try:
                work(*arguments)
            except Exception:  # a thread's failure must be seen
                logger.exception("Endpoint %s: a change failed", arguments[0])

        return self._pool.submit(run)

    def create(self, name: str) -> None:
        """Start the first fleet."""
        document = self._document(name)
        self._last("Creating")
        try:
            fleet = self._start_fleet(name, document["EndpointConfigName"], _desired(document))
        except FAILURES as error:
            if self._counts(name, error):
                self.set(name, EndpointStatus="Failed", FailureReason=str(error))
            return
        self._serve(name, fleet)
        role = self._role(endpoint_configs.find(self._service, document["EndpointConfigName"]))
        self.set(name, EndpointStatus="InService", ExecutionRole=role)

    def update(self, name: str) -> None:
        """Carry out the update that the endpoint's document holds."""
        document = self._document(name)
        target = document["PendingDeploymentSummary"]["EndpointConfigName"]
        pending = document["Fleets"].get("pending", document["Fleets"]["serving"])
        old, new = self.fleet(name), None
        try:
            config = endpoint_configs.find(self._service, target)
            guardrails = Guardrails(
                self._service, document.get("PendingDeploymentConfig", {}), self._role(config)
            )
            self._last("Updating")
            new = self._start_fleet(name, target, pending["desired"])
            guardrails.check_time()
            self._serve(name, new)  # the old one waits beside it
            guardrails.bake()
        except FAILURES as error:
            if self._counts(name, error):
                self._roll_back(name, old, new, str(error))
            return
        self._retire(name, old, guardrails)
        self.set(
            name,
            EndpointStatus="InService",
            EndpointConfigName=target,
            ExecutionRole=self._role(config),
            Fleets={"serving": pending},
            PendingDeploymentSummary=None,
            PendingDeploymentConfig=None,
            LastDeploymentConfig=document.get("PendingDeploymentConfig"),
        )

    def _roll_back(self, name: str, old: Fleet | None, new: Fleet | None, reason: str) -> None:
        self.set(name, EndpointStatus="RollingBack")
        if old is not None:
            self._serve(name, old)
        if new is not None:
            self._dismiss(new)
        self.set(
            name,
            EndpointStatus="InService",
            FailureReason=reason,
            Fleets={"serving": self._document(name)["Fleets"]["serving"]},
            PendingDeploymentSummary=None,
            PendingDeploymentConfig=None,
        )

    def resize(self, name: str) -> None:
        """Bring the instances of an endpoint to the desired number."""
        document = self._document(name)
        desired, fleet = _desired(document), self.fleet(name)
        self._last("Updating")
        reason = None
        if fleet is None:
            fleet = Fleet(
                self._service,
                name,
                endpoint_configs.find(self._service, document["EndpointConfigName"]),
            )
            self._serve(name, fleet)
        try:
            fleet.grow(desired - len(fleet.servers()))
            self._end(fleet.take(len(fleet.servers()) - desired))
        except FAILURES as error:
            if not self._counts(name, error):
                return
            reason = str(error)
        serving = {**document["Fleets"]["serving"], "desired": len(fleet.servers())}
        self.set(
            name, EndpointStatus="InService", FailureReason=reason, Fleets={"serving": serving}
        )

    def cool(self, name: str) -> None:
        """Stop every container of an endpoint; its fleet stays, and may grow again."""
        fleet = self.fleet(name)
        if fleet is not None:
            self._end(fleet.take(len(fleet.servers())))

    def delete(self, name: str) -> None:
        """End the fleet and forget the endpoint with all that waits for it.

        SageMaker frees what is left with the model's role, and waits where that role is gone.
        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpoint.html
        """
        with self._lock:
            fleet = self._fleets.pop(name, None)
        if fleet is not None:
            for server in fleet.take(len(fleet.servers())):
                server.stop()
        role = self._document(name).get("ExecutionRole")
        while role is not None and not self._is_trusted(name, role):
            if self._service.stopping.wait(RESTORE_SECONDS):
                return
        dropped = self._service.store.remove_endpoint(name)
        if dropped:
            logger.warning("Endpoint %s went with %d invocations in its queue", name, dropped)
        self._service.store.delete(KIND, name)

    def _is_trusted(self, name: str, role: str) -> bool:
        try:
            self._service.roles.check_trust(role)
        except ServiceError as error:
            logger.error("Endpoint %s is not deleted yet: %s", name, error)
            return False
        return True

    def set(self, name: str, **changes: Any) -> None:
        """Change an endpoint's document and tell whoever waits for it."""
        self._service.store.update(KIND, name, **changes, LastModifiedTime=now())
        with self.changed:
            self.changed.notify_all()

    def _document(self, name: str) -> Document:
        document = self._service.store.get(KIND, name)
        if document is None:
            raise ServiceError("InternalFailure", f"endpoint {name} is gone", 500)
        return document

    def _role(self, config: Document) -> str:
        model = models.find(self._service, endpoint_configs.variant(config)["ModelName"])
        role: str = model["ExecutionRoleArn"]
        return role

    def _last(self, state: str) -> None:
        """Let a state last as long as it was asked to."""
        seconds = self._service.controls.seconds.get(state, 0.0)
        self._service.clock.wait(seconds, self._service.stopping.is_set)

    def _start_fleet(self, name: str, config_name: str, count: int) -> Fleet:
        config = endpoint_configs.find(self._service, config_name)
        fleet = Fleet(self._service, name, config)
        fleet.grow(count)
        return fleet

    def _serve(self, name: str, fleet: Fleet) -> None:
        with self._lock:
            replaced = self._fleets.get(name)
            if replaced is not None and replaced is not fleet:
                self._leaving.append(replaced)
            if fleet in self._leaving:
                self._leaving.remove(fleet)
            self._fleets[name] = fleet
        with self.changed:
            self.changed.notify_all()

    def _retire(self, name: str, old: Fleet | None, guardrails: Guardrails) -> None:
        """Let the old fleet go once its time is over; until then it counts as in use."""
        if old is None:
            return
        guardrails.wait_for_termination(old.busy)
        logger.info("The old instances of endpoint %s end", name)
        self._dismiss(old)

    def _dismiss(self, fleet: Fleet) -> None:
        with self._lock:
            if fleet in self._leaving:
                self._leaving.remove(fleet)
        self._end(fleet.take(len(fleet.servers())))

    def _end(self, servers: list[ModelServer]) -> None:
        for server in servers:
            self._pool.submit(server.stop)

    def _restore(self, name: str) -> None:
        """Bring back an endpoint that was in service; as on AWS it stays so without a container."""
        document = self._document(name)
        if document["EndpointStatus"] == "Updating" and "PendingDeploymentSummary" in document:
            self.start_again(name)
            self.update(name)
        else:
            self.set(name, EndpointStatus="InService", PendingDeploymentSummary=None)
        while not self._service.stopping.is_set() and not self.start_again(name):
            self._service.stopping.wait(RESTORE_SECONDS)

    def start_again(self, name: str) -> bool:
        """Start the fleet of an endpoint that has none; False if that must be tried again."""
        document = self._service.store.get(KIND, name)
        if document is None or document["EndpointStatus"] == "Deleting" or self.fleet(name):
            return True
        config_name = document["EndpointConfigName"]
        try:
            fleet = self._start_fleet(name, config_name, _desired(document))
        except FAILURES as error:
            logger.error("Endpoint %s has no container yet: %s", name, error)
            return False
        with self._lock:
            now_there = self._service.store.get(KIND, name) or {}
            is_wanted = now_there.get("EndpointConfigName") == config_name and not self.fleet(name)
            if is_wanted:
                self._fleets[name] = fleet
        if not is_wanted:  # an update was faster
            self._dismiss(fleet)
        with self.changed:
            self.changed.notify_all()
        return True

    def _counts(self, name: str, error: Exception) -> bool:
        """Say whether a failed start is the endpoint's fault, and not the stack's end."""
        logger.error("Endpoint %s: %s", name, error)
        return not self._service.stopping.is_set() and self._service.gateway.is_reachable()

    def _watch(self) -> None:
        while not self._service.stopping.wait(WATCH_SECONDS):
            with self._lock:
                fleets = [*self._fleets.items(), *(("(old)", fleet) for fleet in self._leaving)]
            for name, fleet in fleets:
                for server in fleet.servers():
                    if not server.alive() and not server.stopping:
                        self._revive(name, server)

    def _revive(self, name: str, server: ModelServer) -> None:
        logger.error("The container of endpoint %s exited; starting it again", name)
        server.starts = 0
        server.start()
        try:
            server.wait_until_healthy(HEALTH_CHECK_SECONDS, self._service.stopping.is_set)
        except ContainerError as error:
            logger.error("Endpoint %s: %s", name, error)


def _desired(document: Document) -> int:
    count: int = document["Fleets"]["serving"]["desired"]
    return count
