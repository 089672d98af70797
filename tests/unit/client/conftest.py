"""Both clients, without pauses."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from femo_client import FemoClient
from femo_client.threads import Threads

from .service import awaited, blocking

Connect = Callable[..., AbstractContextManager[FemoClient]]


@pytest.fixture(params=[blocking, awaited], ids=["blocking", "awaited"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Connect a client, of either kind, to a service."""
    made: Connect = request.param
    return made


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make no pauses, but note how long they would have been (s)."""
    noted: list[float] = []

    async def note(_self: object, seconds: float) -> None:
        noted.append(seconds)

    pause = Threads.pause

    def pass_over(self: Threads, seconds: float) -> None:
        noted.append(seconds)
        pause(self, 0)

    monkeypatch.setattr("femo_client.answers._FIRST_RETRY_SECONDS", 0.0)
    monkeypatch.setattr("femo_client.calls._FIRST_POLL_SECONDS", 0.0)
    monkeypatch.setattr("femo_client.threads.Threads.pause", pass_over)
    monkeypatch.setattr("femo_client.event_loop.EventLoop.pause", note)
    return noted
