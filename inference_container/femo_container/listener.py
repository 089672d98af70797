"""uvicorn around the application, with the shutdown that SageMaker asks for."""

from __future__ import annotations

import asyncio
import socket
from types import FrameType

import uvicorn

from .app import Service, create_app
from .logs import log_event

__all__ = ["Listener"]


class Listener(uvicorn.Server):
    """Serves until SIGTERM or SIGINT, and then as long as the answers under way take.

    Parameters
    ----------
    service : Service
        Told of the signal, so that it gives long jobs up in time.
    """

    def __init__(self, service: Service) -> None:
        environment = service.environment
        config = uvicorn.Config(
            create_app(service),
            host=environment.host,
            port=environment.port,
            access_log=False,
            log_config=None,
            # After the grace a job is answered with 503 at once; the rest is for slow readers.
            timeout_graceful_shutdown=int(environment.grace) + 4,
            timeout_keep_alive=75,
        )
        super().__init__(config)
        self._service = service
        self._loop = asyncio.get_running_loop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so: from here on /ping answers."""
        await super().startup(sockets)
        log_event("listening", port=self.config.port)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop listening, and give the running jobs their time of grace."""
        self._loop.call_soon_threadsafe(self._service.drain)
        super().handle_exit(sig, frame)
