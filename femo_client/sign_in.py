"""How requests are signed: as a machine client that renews its own token, or with one given.

Both are `httpx.Auth`: ``httpx.get(url, auth=client.auth)`` signs a request of one's own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass, field

import anyio
import httpx

from femo_client.answers import error_of
from femo_client.errors import BadAnswerError

__all__ = ["Credentials", "GivenToken", "MachineSignIn", "Signing"]

_TOKEN_MARGIN_SECONDS = 30.0
_Sent = Generator[httpx.Request, httpx.Response, None]
_SentLater = AsyncGenerator[httpx.Request, httpx.Response]


@dataclass(frozen=True)
class Credentials:
    """A machine client of the stack's user pool and where it gets its tokens."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = ("jobs/read", "jobs/write")


class Signing(httpx.Auth):
    """Signs requests with a token that it has, or gets."""

    def token_by(self, send: Callable[[httpx.Request], httpx.Response]) -> str:
        """Return a token that is valid for at least half a minute, if need be a new one."""
        raise NotImplementedError

    async def token_by_loop(
        self, send: Callable[[httpx.Request], Awaitable[httpx.Response]]
    ) -> str:
        """Return the same in an event loop."""
        raise NotImplementedError


class GivenToken(Signing):
    """Signs with a token that somebody else got, until it runs out."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> _Sent:
        """Sign a request."""
        yield _signed(request, self._token)

    def token_by(self, send: Callable[[httpx.Request], httpx.Response]) -> str:  # noqa: ARG002
        """Return the token."""
        return self._token

    async def token_by_loop(
        self,
        send: Callable[[httpx.Request], Awaitable[httpx.Response]],  # noqa: ARG002
    ) -> str:
        """Return the token."""
        return self._token


class MachineSignIn(Signing):
    """Signs with the client's own token (OAuth 2.0 client credentials), and renews it in time.

    Several threads may use one: the token is asked for once, and those that need it wait. A token
    that is refused although it has not run out is renewed once, as it may have been revoked, or the
    machine has slept.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._token = ""
        self._expires = 0.0  # by time.monotonic()
        self._lock = threading.Lock()
        self._loop_lock = anyio.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> _Sent:
        """Sign a request, with the token's renewal before it where that is due."""
        while True:
            with self._lock:
                renewal = self._renewal()
                if renewal is not None:
                    answer = yield renewal
                    answer.read()
                    self._take(answer)
                token = self._token
            answer = yield _signed(request, token)
            if not self._may_be_revoked(answer, token, is_new=renewal is not None):
                return

    async def async_auth_flow(self, request: httpx.Request) -> _SentLater:
        """Do the same in an event loop."""
        while True:
            async with self._loop_lock:
                renewal = self._renewal()
                if renewal is not None:
                    answer = yield renewal
                    await answer.aread()
                    self._take(answer)
                token = self._token
            answer = yield _signed(request, token)
            if not self._may_be_revoked(answer, token, is_new=renewal is not None):
                return

    def token_by(self, send: Callable[[httpx.Request], httpx.Response]) -> str:
        """Return a token that is valid for at least half a minute, if need be a new one.

        Raises
        ------
        SignInError
            The token endpoint refused the client.
        BadAnswerError
            Its answer holds no token.
        """
        with self._lock:
            renewal = self._renewal()
            if renewal is not None:
                self._take(send(renewal))
            return self._token

    async def token_by_loop(
        self, send: Callable[[httpx.Request], Awaitable[httpx.Response]]
    ) -> str:
        """Return the same in an event loop."""
        async with self._loop_lock:
            renewal = self._renewal()
            if renewal is not None:
                self._take(await send(renewal))
            return self._token

    def _renewal(self) -> httpx.Request | None:
        """Return the request for a new token; none while the old one is valid for long enough."""
        if time.monotonic() <= self._expires - _TOKEN_MARGIN_SECONDS:
            return None
        own = self._credentials
        asked = httpx.Request(
            "POST",
            own.token_url,
            data={"grant_type": "client_credentials", "scope": " ".join(own.scopes)},
        )
        return next(httpx.BasicAuth(own.client_id, own.client_secret).auth_flow(asked))

    def _take(self, answer: httpx.Response) -> None:
        if not answer.is_success:
            raise error_of(answer)
        try:
            granted = answer.json()
            token, lasts = str(granted["access_token"]), float(granted["expires_in"])
        except (ValueError, KeyError, TypeError) as error:
            raise BadAnswerError(f"{answer.url.host} answered without a token") from error
        self._token, self._expires = token, time.monotonic() + lasts

    def _may_be_revoked(self, answer: httpx.Response, token: str, *, is_new: bool) -> bool:
        if answer.status_code != httpx.codes.UNAUTHORIZED or is_new:
            return False
        if token == self._token:  # else another thread has renewed it already
            self._expires = 0.0
        return True


def _signed(request: httpx.Request, token: str) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request
