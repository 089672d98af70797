"""`serve`: the workers and the HTTP side, started together and ended together."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from . import logs
from .environment import ServerEnvironment
from .errors import EnvironmentVariableError
from .line import JobLine
from .pool import WorkerPool, python_module, worker_environment

if TYPE_CHECKING:
    from .app import Service
    from .listener import Listener

__all__ = ["main"]


async def _serve(environment: ServerEnvironment, scratch: Path) -> int:
    logs.log_event("starting", workers=environment.workers, port=environment.port)
    line = _line(environment, scratch)
    line.start()
    try:
        # The web framework takes half a second to import: the workers load meanwhile.
        service_type, listener_type = await asyncio.to_thread(_import_http)
        server = listener_type(service_type(environment, line, scratch))
        await server.serve()
    finally:
        await line.stop()
        logs.log_event("stopped")
    return 0 if server.started else 1


def _line(environment: ServerEnvironment, scratch: Path) -> JobLine:
    workers = environment.workers
    variables = worker_environment(workers)
    command = [*python_module("femo_container.worker"), "--scratch", str(scratch)]
    model = ["--model", str(environment.ml_root / "model")]
    return JobLine(
        fetchers=WorkerPool(
            [*command, "fetch"], size=workers, environment=variables, kind="fetcher"
        ),
        analysts=WorkerPool([*command, "analyze", *model], size=workers, environment=variables),
    )


def _import_http() -> tuple[type[Service], type[Listener]]:
    from .app import Service
    from .listener import Listener

    return Service, Listener


def main() -> int:
    """Serve until SIGTERM; the exit status is 0 unless it could not start."""
    logs.configure()
    # Until uvicorn listens for them, and once more after it has shut down: as process 1 of a
    # container we would else not notice the former and report failure at the latter.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        environment = ServerEnvironment.read()
    except EnvironmentVariableError as error:
        print(f"serve: {error}", file=sys.stderr)  # noqa: T201
        return 1
    with tempfile.TemporaryDirectory(prefix="femo-serve-", ignore_cleanup_errors=True) as scratch:
        return asyncio.run(_serve(environment, Path(scratch)))
