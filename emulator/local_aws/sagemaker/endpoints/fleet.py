"""The instances that serve one configuration of an endpoint, each a container of its own."""

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from local_aws.sagemaker import models
from local_aws.sagemaker.containers.logs import Stream
from local_aws.sagemaker.containers.objects import fetch_model
from local_aws.sagemaker.endpoints import configs as endpoint_configs
from local_aws.sagemaker.endpoints.model_server import ModelServer
from local_aws.sagemaker.errors import ContainerError
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document

HEALTH_CHECK_SECONDS = 480


class Fleet:
    """Instances of one endpoint with one configuration.

    Parameters
    ----------
    service, endpoint
        Whose they are.
    config
        The configuration's document.
    """

    def __init__(self, service: Service, endpoint: str, config: Document) -> None:
        self._service = service
        self._endpoint = endpoint
        self._config = config
        self._lock = threading.Lock()
        self._servers: list[ModelServer] = []

    def servers(self) -> list[ModelServer]:
        """Return the instances that are there, oldest first."""
        with self._lock:
            return list(self._servers)

    @property
    def config_name(self) -> str:
        """Name of the configuration."""
        name: str = self._config["EndpointConfigName"]
        return name

    def busy(self) -> bool:
        """Say whether an instance works on an invocation."""
        return any(server.busy for server in self.servers())

    def grow(self, count: int) -> None:
        """Start instances, all at the same time; none is added if one does not start.

        Raises
        ------
        ContainerError
            If a container does not become healthy.
        ServiceError
            If the model or the configuration is gone.
        """
        if count <= 0:
            return
        self._service.clock.wait(
            self._service.controls.seconds.get("InstanceStart", 0.0),
            self._service.stopping.is_set,
        )
        with ThreadPoolExecutor(count) as pool:
            futures = [pool.submit(self._launch) for _ in range(count)]
        failures = [error for future in futures if (error := future.exception()) is not None]
        started = [future.result() for future in futures if future.exception() is None]
        if failures:
            for server in started:
                server.stop()
            raise failures[0]
        with self._lock:
            self._servers += started

    def take(self, count: int) -> list[ModelServer]:
        """Remove the youngest instances, whatever they work on, and return them to be stopped.

        AWS does not say which ones it ends, and has ended some that worked.
        """
        with self._lock:
            kept = max(0, len(self._servers) - count)
            leaving = self._servers[kept:]
            self._servers = self._servers[:kept]
        return leaving

    def _launch(self) -> ModelServer:
        name = self._endpoint
        variant = endpoint_configs.variant(self._config)
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
            self._log_writer(stream),
        )
        server.start()
        seconds = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", HEALTH_CHECK_SECONDS)
        try:
            server.wait_until_healthy(seconds, self._service.stopping.is_set)
        except ContainerError:
            server.stop()
            raise
        return server

    def _log_writer(self, stream: Stream) -> Callable[[str], None]:
        return lambda line: self._service.logs.write(stream, line)
