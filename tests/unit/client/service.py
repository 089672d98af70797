"""A service that answers in place of the network, and the clients that ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import isasyncgenfunction
from typing import Any, cast

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from femo_client import AsyncFemoClient, Credentials, FemoClient

URL = "https://api.example/dev"
CREDENTIALS = Credentials("https://auth.example/oauth2/token", "id", "secret")
Answer = Callable[[httpx.Request], httpx.Response]
SINGLE = {
    "uploadId": "u",
    "s3Key": "uploads/u/recording.dat",
    "kind": "single",
    "url": "https://s3.example/put?signed",
    "headers": {"If-None-Match": "*"},
}


class Service:
    """Answers in place of the network and remembers what it was asked."""

    def __init__(self, answers: dict[str, Answer], *, expires_in: int = 3600) -> None:
        self.requests: list[httpx.Request] = []
        self.answers = answers
        self._expires_in = expires_in

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host == "auth.example":
            token = f"token-{len(self.asked('/oauth2/token'))}"
            return httpx.Response(200, json={"access_token": token, "expires_in": self._expires_in})
        return self.answers[f"{request.method} {request.url.path}"](request)

    def asked(self, path: str) -> list[httpx.Request]:
        return [request for request in self.requests if request.url.path == path]


def answering(status: int, body: Any, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json=body, headers=named)

    return answer


def in_turn(*answers: tuple[int, Any], **headers: str) -> Answer:
    """Return an answer that is another one each time: status and body."""
    left = iter(answers)
    return lambda request: answering(*next(left), **headers)(request)


def job(status: str = "Queued", **further: Any) -> dict[str, Any]:
    return {"jobId": "a", "status": status, **further}


def refusal(code: str, message: str = "x", **further: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **further}}


class _Awaited:
    """An `AsyncFemoClient` whose methods block, so that one test serves both clients."""

    def __init__(self, client: AsyncFemoClient, portal: BlockingPortal) -> None:
        self._client = client
        self._portal = portal

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if not callable(method) or isinstance(method, httpx.Auth):
            return method
        if isasyncgenfunction(method):
            return partial(self._each, method)
        return lambda *given, **named: self._portal.call(partial(method, *given, **named))

    def _each(self, method: Any, *given: Any, **named: Any) -> Iterator[Any]:
        things = method(*given, **named)
        while True:
            try:
                yield self._portal.call(things.__anext__)
            except StopAsyncIteration:
                return


@contextmanager
def blocking(answer: Answer, credentials: Credentials | str = CREDENTIALS) -> Iterator[FemoClient]:
    with FemoClient(URL, credentials, transport=httpx.MockTransport(answer)) as client:
        yield client


@contextmanager
def awaited(answer: Answer, credentials: Credentials | str = CREDENTIALS) -> Iterator[FemoClient]:
    with start_blocking_portal() as portal:
        transport = httpx.MockTransport(answer)
        client = portal.call(partial(AsyncFemoClient, URL, credentials, transport=transport))
        with portal.wrap_async_context_manager(client):
            yield cast(FemoClient, _Awaited(client, portal))
