"""Writes MiniStack's state while it runs, so that a killed process loses seconds and not the day.

MiniStack writes its state at a clean stop only. With a kept state folder this module writes it
again whenever something changed, at most once an interval.
"""

import asyncio
import logging
import os
import time
from typing import Any

from ministack import app as gateway
from ministack.core import persistence

from local_stack.launcher.control_routes import Application, Message, Receive, Send
from local_stack.launcher.private_names import PrivateName

logger = logging.getLogger(__name__)

PRIVATE_NAMES = (
    PrivateName("app", "_build_persistence_save_dict"),
    PrivateName("core.persistence", "PERSIST_STATE", kind=bool),
    PrivateName("core.persistence", "save_all", ("services",)),
)


def apply() -> None:
    """Watch requests for changes, if the state is kept."""
    interval = float(os.environ.get("LOCAL_STACK_SNAPSHOT_SECONDS", "2"))
    if persistence.PERSIST_STATE and interval > 0:
        # Each write logs a line a service, which would bury everything else
        logging.getLogger("persistence").setLevel(logging.WARNING)
        gateway.app = with_snapshots(gateway.app, interval, _save)


def with_snapshots(application: Application, interval: float, save: Any) -> Application:
    """Return an ASGI application that saves within ``interval`` s of a request that changed."""
    state: dict[str, Any] = {"task": None}

    async def save_later() -> None:
        await asyncio.sleep(interval)
        state["task"] = None
        save()

    async def watched(scope: Message, receive: Receive, send: Send) -> None:
        await application(scope, receive, send)
        changed = scope["type"] == "http" and scope["method"] not in ("GET", "HEAD")
        if changed and state["task"] is None:
            state["task"] = asyncio.create_task(save_later())

    return watched


def _save() -> None:
    started = time.perf_counter()
    persistence.save_all(gateway._build_persistence_save_dict())
    seconds = time.perf_counter() - started
    if seconds > 1:
        logger.warning("Writing the state took %.1f s", seconds)
