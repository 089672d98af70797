"""Takes the steps of flows in an event loop."""

from __future__ import annotations

from typing import Any, TypeVar

import anyio
import anyio.to_thread
import httpx

from femo_client.sign_in import Signing
from femo_client.steps import Flow, Pause, Request, SignIn, Step, Together, Work, advance

__all__ = ["EventLoop"]

_Made = TypeVar("_Made")


class EventLoop:
    """Takes steps with a connection; a task that is cancelled takes no further one.

    Parameters
    ----------
    http
        The connection.
    signing
        Signs the requests that want it.
    """

    def __init__(self, http: httpx.AsyncClient, signing: Signing) -> None:
        self._http = http
        self._signing = signing

    async def run(self, flow: Flow[_Made]) -> _Made:
        """Run a flow to its end and return what it returns; raise what it raises."""
        answer: Any = None
        error: Exception | None = None
        try:
            while True:
                step = advance(flow, answer, error)
                answer, error = None, None
                try:
                    answer = await self._take(step)
                except Exception as caught:
                    error = caught
        except StopIteration as done:
            made: _Made = done.value
            return made
        finally:
            flow.close()

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        await anyio.sleep(seconds)

    async def _take(self, step: Step) -> Any:
        match step:
            case Request():
                auth = self._signing if step.signed else None
                return await self._http.request(**step.parts(), auth=auth)
            case Pause(seconds):
                return await self.pause(seconds)
            case Work(do):
                return await anyio.to_thread.run_sync(do)
            case SignIn():
                return await self._signing.token_by_loop(
                    lambda request: self._http.send(request, auth=None)
                )
            case Together():
                return await self._together(step)

    async def _together(self, step: Together) -> None:
        room = anyio.CapacityLimiter(step.at_once)

        async def run(flow: Flow[Any]) -> None:
            async with room:
                step.on_done(await self.run(flow))

        try:
            async with anyio.create_task_group() as tasks:
                for flow in step.flows:
                    tasks.start_soon(run, flow)
        except ExceptionGroup as group:
            # As on threads: the first failure is the one that counts, the others came of it.
            raise _first(group) from None


def _first(group: ExceptionGroup[Exception]) -> Exception:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error
