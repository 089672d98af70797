"""Takes the steps of flows on threads, one after the other but for those that run together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, TypeVar

import httpx

from femo_client.errors import FemoClientError
from femo_client.sign_in import Signing
from femo_client.steps import Flow, Pause, Request, SignIn, Step, Together, Work, advance

__all__ = ["Threads"]

_Made = TypeVar("_Made")


class _StoppedError(FemoClientError):
    """Another flow of the group has failed; nobody sees this."""


class Threads:
    """Takes steps with a connection.

    Parameters
    ----------
    http
        The connection.
    signing
        Signs the requests that want it.
    """

    def __init__(self, http: httpx.Client, signing: Signing) -> None:
        self._http = http
        self._signing = signing
        self._stopping = threading.Event()

    def run(self, flow: Flow[_Made]) -> _Made:
        """Run a flow to its end and return what it returns; raise what it raises."""
        answer: Any = None
        error: Exception | None = None
        try:
            while True:
                step = advance(flow, answer, error)
                answer, error = None, None
                try:
                    answer = self._take(step)
                except Exception as caught:
                    error = caught
        except StopIteration as done:
            made: _Made = done.value
            return made
        finally:
            flow.close()

    def pause(self, seconds: float) -> None:
        """Let time pass, unless the group that this belongs to is given up."""
        if self._stopping.wait(seconds):
            raise _StoppedError("another part has failed")

    def _take(self, step: Step) -> Any:
        match step:
            case Request():
                auth = self._signing if step.signed else None
                return self._http.request(**step.parts(), auth=auth)
            case Pause(seconds):
                return self.pause(seconds)
            case Work(do):
                return do()
            case SignIn():
                return self._signing.token_by(lambda request: self._http.send(request, auth=None))
            case Together():
                return self._together(step)

    def _part(self, flow: Flow[_Made]) -> _Made:
        """Run a flow of this group, unless one has failed before it was begun."""
        self.pause(0)
        try:
            return self.run(flow)
        except BaseException:
            self._stopping.set()
            raise

    def _together(self, step: Together) -> None:
        """Run flows on threads of their own; after a failure or an interruption begin no more.

        What is being sent then is let go on, as a thread cannot be ended from outside, but no pause
        is waited out.
        """
        group = Threads(self._http, self._signing)
        with ThreadPoolExecutor(max_workers=step.at_once) as pool:
            running = [pool.submit(group._part, flow) for flow in step.flows]
            try:
                for done in as_completed(running):
                    error = done.exception()
                    if error is None:
                        step.on_done(done.result())
                    elif not isinstance(error, _StoppedError):  # those come of another's error
                        raise error
            except BaseException:
                group._stopping.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
