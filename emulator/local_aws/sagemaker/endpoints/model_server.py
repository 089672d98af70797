"""One inference container: `serve` as a subprocess with a model, asked over HTTP."""

import http.client
import logging
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local_aws.sagemaker.containers.programs import ContainerProcess, Image
from local_aws.sagemaker.errors import ContainerError

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
PING_SECONDS = 2.0
STOP_GRACE_SECONDS = 30.0
MAX_STARTS = 3


@dataclass(frozen=True)
class ModelResponse:
    """What the container answered to an invocation."""

    status: int
    content_type: str
    body: bytes


class ModelServer:
    """A container that serves one model.

    Parameters
    ----------
    image
        What to run.
    root
        Folder that stands for /opt/ml; ``root/model`` holds the model already.
    environment
        The model's own variables and its credentials.
    on_line
        Called with each line that the container writes.
    """

    def __init__(
        self,
        image: Image,
        root: Path,
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
    ) -> None:
        self._image = image
        self._root = root
        self._environment = environment
        self._on_line = on_line
        self._process: ContainerProcess | None = None
        self._stopping = False
        self.port = 0
        self.starts = 0
        self.ready = False
        self.busy = 0  # invocations that it works on

    def start(self) -> None:
        """Start the process, on a port of its own."""
        self.ready = False
        self.port = free_port()
        self.starts += 1
        variables = {
            **self._image.variables(self._root, self._environment),
            "SAGEMAKER_BIND_TO_PORT": str(self.port),
            "MODEL_SERVER_HOST": HOST,
        }
        command = self._image.command(["serve"], [], self._root)
        self._process = ContainerProcess(command, variables, self._root, self._on_line)

    def wait_until_healthy(self, seconds: float, cancelled: Callable[[], bool]) -> None:
        """Wait for /ping to answer 200, starting again what exits.

        Raises
        ------
        ContainerError
            If it does not in time, or exits too often.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not cancelled():
            assert self._process is not None
            if self._process.poll() is not None:
                if self.starts >= MAX_STARTS:
                    break
                time.sleep(0.2)
                self.start()
            elif self.ping():
                self.ready = True
                self.starts = 1
                return
            else:
                time.sleep(0.1)
        last = self._process.tail[-1] if self._process and self._process.tail else "no output"
        raise ContainerError(
            "The primary container did not pass the ping health check. Please check CloudWatch "
            f"logs for this endpoint. Its last line was: {last}"
        )

    def ping(self) -> bool:
        """Say whether /ping answers 200 within SageMaker's 2 s."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PING_SECONDS)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def alive(self) -> bool:
        """Say whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop, so that an exit is no crash."""
        return self._stopping

    @property
    def pid(self) -> int | None:
        """Process id."""
        return self._process.pid if self._process else None

    def invoke(self, body: bytes, headers: Mapping[str, str], seconds: float) -> ModelResponse:
        """Send one request to /invocations.

        Raises
        ------
        TimeoutError
            If the answer takes longer than ``seconds``.
        ConnectionRefusedError
            If the container is not there: it has not seen the request.
        ConnectionError
            If the container went away.
        """
        connection = http.client.HTTPConnection(HOST, self.port, timeout=seconds)
        try:
            connection.request("POST", "/invocations", body, dict(headers))
            response = connection.getresponse()
            return ModelResponse(
                response.status,
                response.getheader("Content-Type", "application/octet-stream"),
                response.read(),
            )
        except (TimeoutError, ConnectionRefusedError):
            raise
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionError(f"the container went away: {error}") from error
        finally:
            connection.close()

    def stop(self) -> None:
        """End the process as SageMaker does, and remove its folder."""
        self._stopping = True
        self.ready = False
        if self._process is not None:
            self._process.stop(STOP_GRACE_SECONDS)
        shutil.rmtree(self._root.parent, ignore_errors=True)


def free_port() -> int:
    """Return a TCP port of the loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
