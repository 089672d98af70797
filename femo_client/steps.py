"""What the client does, written once: flows that ask for steps, and what takes these steps.

A flow is a generator. It yields what it wants done and is sent what came of it, so that one and the
same flow runs on threads (`femo_client.threads`) and in an event loop (`femo_client.event_loop`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import httpx
from tenacity import (
    DoAttempt,
    DoSleep,
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
)

from femo_client.answers import error_of, is_passing, pause_before
from femo_client.errors import NoAnswerError

__all__ = ["Flow", "Pause", "Request", "SignIn", "Step", "Together", "Work", "advance", "answered",
           "signed_in"]  # fmt: skip

_Made = TypeVar("_Made")
_MOST_ATTEMPTS = 5
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Request:
    """Send a request once; yields its `httpx.Response`, whatever its status."""

    method: str
    url: str = field(repr=False)  # may be signed
    signed: bool = True  # with the token; never where the address carries a signature of its own
    repeatable: bool = True  # does no more if it arrives twice
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str | int] | None = None
    json: Mapping[str, Any] | None = None
    content: bytes | None = field(default=None, repr=False)

    def parts(self) -> dict[str, Any]:
        """Return it as the arguments of httpx."""
        return {
            "method": self.method,
            "url": self.url,
            "headers": dict(self.headers),
            "params": self.params,
            "json": self.json,
            "content": self.content,
        }


@dataclass(frozen=True)
class Pause:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True)
class Work:
    """Do what blocks, such as reading a file; yields what it returns."""

    do: Callable[[], Any]


@dataclass(frozen=True)
class Together:
    """Run flows side by side until all are done; the first error ends the others."""

    flows: Sequence[Generator[Any, Any, Any]]
    at_once: int
    on_done: Callable[[Any], object]  # called with what each returns, never two at a time


@dataclass(frozen=True)
class SignIn:
    """Have a token that is valid for a while; yields it."""


Step = Request | Pause | Work | Together | SignIn
Flow = Generator[Step, Any, _Made]


def advance(flow: Flow[Any], answer: Any, error: Exception | None) -> Step:
    """Return a flow's next step, after what came of the one before.

    Raises
    ------
    StopIteration
        It is done; the value is what it returns.
    """
    return flow.send(answer) if error is None else flow.throw(error)


def answered(
    request: Request, *, patience_seconds: float = _PATIENCE_SECONDS
) -> Flow[httpx.Response]:
    """Send a request, again where its trouble passes, and return its answer, a success.

    Parameters
    ----------
    request
        What to send.
    patience_seconds
        How long to go on sending it (s); a minute at most.

    Raises
    ------
    ApiError
        The service refused it or could not serve it, or there was no answer.
    """
    answer: httpx.Response = yield from _tried(
        request, repeatable=request.repeatable, patience_seconds=patience_seconds
    )
    return answer


def signed_in() -> Flow[str]:
    """Have a token, after more than one attempt where the trouble passes.

    Raises
    ------
    ApiError
        The token endpoint refused the client or could not serve it, or there was no answer.
    """
    token: str = yield from _tried(SignIn(), repeatable=True, patience_seconds=_PATIENCE_SECONDS)
    return token


def _tried(step: Request | SignIn, *, repeatable: bool, patience_seconds: float) -> Flow[Any]:
    """Run a tenacity policy with its sleeping left to whoever runs the flow."""
    attempts = Retrying(
        retry=retry_if_exception(partial(is_passing, repeatable=repeatable)),
        wait=pause_before,
        stop=stop_after_attempt(_MOST_ATTEMPTS)
        | stop_after_delay(min(max(patience_seconds, 0.0), _PATIENCE_SECONDS)),
        reraise=True,
    )
    attempts.begin()
    state = RetryCallState(attempts, None, (), {})
    try:
        while True:
            do = attempts.iter(retry_state=state)
            if isinstance(do, DoSleep):
                state.prepare_for_next_attempt()
                yield Pause(float(do))
            elif isinstance(do, DoAttempt):
                yield from _tried_once(step, state)
            else:
                return do
    except httpx.RequestError as error:
        told = str(error) or type(error).__name__
        raise NoAnswerError(f"no answer from {error.request.url.host}: {told}") from error


def _tried_once(step: Request | SignIn, state: RetryCallState) -> Flow[None]:
    try:
        answer = yield step
        if isinstance(answer, httpx.Response) and not answer.is_success:
            raise error_of(answer)
    except Exception:
        state.set_exception(sys.exc_info())  # type: ignore[arg-type]
    else:
        state.set_result(answer)
