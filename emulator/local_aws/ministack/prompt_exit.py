"""Ends the process once its state is written, whatever its threads still wait for.

Python joins worker threads at exit, and a state machine's task may wait for minutes in one. What
it waits for goes on at the next start.
"""

import logging
import os
from collections.abc import Callable

from ministack import app as gateway

from local_aws.ministack.asgi import Application, Message, Receive, Send
from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (PrivateName("app", "app", ("scope", "receive", "send")),)


def apply() -> None:
    """Exit at the end of the shutdown that MiniStack itself runs."""

    def leave() -> None:
        logging.shutdown()
        os._exit(0)

    gateway.app = exiting(gateway.app, leave)


def exiting(application: Application, leave: Callable[[], None]) -> Application:
    """Return an ASGI application that calls ``leave`` when its shutdown is complete."""

    async def watched(scope: Message, receive: Receive, send: Send) -> None:
        async def send_and_leave(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.shutdown.complete":
                leave()

        await application(scope, receive, send_and_leave if scope["type"] == "lifespan" else send)

    return watched
