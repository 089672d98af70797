"""Serverless endpoints: what AWS takes and refuses, and containers that run while they are asked.

One container stands for the instances that AWS starts side by side. It is started for a request
that finds none, and stopped once nobody has asked for a while.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from botocore.exceptions import BotoCoreError

from local_aws.sagemaker import models
from local_aws.sagemaker.endpoints.model_server import ModelServer
from local_aws.sagemaker.errors import ContainerError, ServiceError, ValidationError
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document

logger = logging.getLogger(__name__)

# https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html
MEMORY_STEP_MEGABYTES = 1024
UNSUPPORTED_OF_A_CONFIG = (
    "AsyncInferenceConfig",
    "DataCaptureConfig",
    "EnableNetworkIsolation",
    "ShadowProductionVariants",
    "VpcConfig",
)
UNSUPPORTED_OF_A_MODEL = ("EnableNetworkIsolation", "VpcConfig")
OF_INSTANCES = ("AcceleratorType", "InitialInstanceCount", "InstanceType", "VolumeSizeInGB")
IDLE_SECONDS = 300.0
LOOK_SECONDS = 1.0


class ThrottledError(ServiceError):
    """More requests at once than MaxConcurrency."""

    def __init__(self) -> None:
        super().__init__("ThrottlingException", "Rate exceeded", 429)


class Containers(Protocol):
    """What this module needs of the endpoints."""

    def names(self) -> list[str]:
        """Return the endpoints that have a container."""

    def server(self, name: str) -> ModelServer | None:
        """Return the container of an endpoint, if there is one."""

    def config(self, name: str) -> Document | None:
        """Return the configuration that an endpoint carries now."""

    def warm(self, name: str) -> None:
        """Start the container of an endpoint that has none."""

    def cool(self, name: str) -> None:
        """Stop the container of an endpoint and leave the endpoint in service."""


def settings(config: Document | None) -> Document | None:
    """Return the ServerlessConfig of an endpoint configuration, if it has one."""
    if config is None:
        return None
    found: Document | None = config["ProductionVariants"][0].get("ServerlessConfig")
    return found


def check_config(service: Service, request: Document) -> None:
    """Refuse of a serverless configuration what AWS refuses.

    Raises
    ------
    ValidationError
        If it asks for instances as well, for a feature that serverless endpoints lack, or for an
        amount of memory that is none of theirs.
    """
    variant = request["ProductionVariants"][0]
    wanted = variant["ServerlessConfig"]
    for member in OF_INSTANCES:
        if member in variant:
            raise ValidationError(
                f"Production variant {variant['VariantName']}: ServerlessConfig and {member} "
                "cannot be given together."
            )
    if wanted["MemorySizeInMB"] % MEMORY_STEP_MEGABYTES:
        raise ValidationError(
            "MemorySizeInMB must be one of 1024, 2048, 3072, 4096, 5120 and 6144."
        )
    if "ProvisionedConcurrency" in wanted:
        raise ValidationError("ProvisionedConcurrency is not here: every endpoint starts cold.")
    model = models.find(service, variant["ModelName"])
    for member in UNSUPPORTED_OF_A_CONFIG:
        if request.get(member):
            raise ValidationError(f"Serverless endpoints do not support {member}.")
    for member in UNSUPPORTED_OF_A_MODEL:
        if model.get(member):
            raise ValidationError(
                f"Serverless endpoints do not support {member}, which model "
                f"{variant['ModelName']} asks for."
            )
    if len(model.get("Containers") or []) > 1:
        raise ValidationError("Serverless endpoints do not support inference pipelines.")


def check_update(old: Document | None, new: Document, request: Document) -> None:
    """Refuse of an update to or of a serverless endpoint what AWS refuses.

    Raises
    ------
    ValidationError
        If an endpoint of instances is to become serverless, or guardrails are asked for.
    """
    if settings(new) is None:
        return
    if old is not None and settings(old) is None:
        raise ValidationError("An endpoint with instances cannot be updated to a serverless one.")
    if "DeploymentConfig" in request:
        raise ValidationError("Serverless endpoints do not support a DeploymentConfig.")


def describe(variant: Document) -> Document:
    """Return what DescribeEndpoint tells of a serverless variant."""
    serverless = variant["ServerlessConfig"]
    return {
        "VariantName": variant["VariantName"],
        "CurrentWeight": 1.0,
        "DesiredWeight": 1.0,
        "CurrentInstanceCount": 0,
        "CurrentServerlessConfig": serverless,
        "DesiredServerlessConfig": serverless,
    }


@dataclass
class _Use:
    """How one endpoint is used."""

    running: int = 0
    last: float = 0.0  # s on the clock, when a request ended
    starting: threading.Lock = field(default_factory=threading.Lock)


class Serverless:
    """Takes requests up to each endpoint's concurrency, and stops what is idle.

    Parameters
    ----------
    service, endpoints
        Whose endpoints.
    idle_seconds
        Time without a request after which a container is stopped.
    clock
        Time, s.
    """

    def __init__(
        self,
        service: Service,
        endpoints: Containers,
        idle_seconds: float = IDLE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._service = service
        self._endpoints = endpoints
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._uses: dict[str, _Use] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Stop idle containers in a thread until the service stops."""
        threading.Thread(target=self._cool_forever, daemon=True).start()

    @contextmanager
    def serving(self, name: str, limit: int) -> Iterator[ModelServer]:
        """Hold one of an endpoint's places, with its container, started where there is none.

        Raises
        ------
        ThrottledError
            If all places are taken.
        ServiceError
            503 if the container cannot be started.
        """
        with self._lock:
            use = self._use(name)
            if use.running >= limit:
                raise ThrottledError
            use.running += 1
        try:
            yield self._container(name, use)
        finally:
            with self._lock:
                use.running -= 1
                use.last = self._clock()

    def cool(self) -> list[str]:
        """Stop the containers that nobody has asked for long enough; return their endpoints."""
        idle = []
        for name in self._endpoints.names():
            if settings(self._endpoints.config(name)) is None:
                continue
            with self._lock:
                use = self._use(name)
                if use.running or self._clock() - use.last < self._idle_seconds:
                    continue
                self._endpoints.cool(name)
            idle.append(name)
        return idle

    def _use(self, name: str) -> _Use:
        return self._uses.setdefault(name, _Use(last=self._clock()))

    def _container(self, name: str, use: _Use) -> ModelServer:
        with use.starting:
            server = self._endpoints.server(name)
            if server is None:
                try:
                    self._endpoints.warm(name)
                except (ContainerError, ServiceError, BotoCoreError) as error:
                    logger.error("Serverless endpoint %s does not start: %s", name, error)
                    raise ServiceError(
                        "ServiceUnavailable", f"No container could be started: {error}", 503
                    ) from error
                server = self._endpoints.server(name)
        if server is None:
            raise ServiceError("ServiceUnavailable", "The endpoint is being removed.", 503)
        return server

    def _cool_forever(self) -> None:
        while not self._service.stopping.wait(LOOK_SECONDS):
            for name in self.cool():
                logger.info("Serverless endpoint %s is idle: its container is stopped", name)
