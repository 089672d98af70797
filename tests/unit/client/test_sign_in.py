"""How both clients sign in: one token for many, renewed in time, and what is missing is named."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import anyio
import anyio.lowlevel
import httpx
import pytest

from femo_client import (
    AsyncFemoClient,
    ConfigurationError,
    FemoClient,
    SignInError,
)

from .conftest import Connect
from .service import CREDENTIALS, URL, Service, answering, blocking, in_turn, job, refusal


def test_one_token_serves_many_requests_and_is_sent_as_a_bearer(connect: Connect) -> None:
    service = Service({"GET /dev/jobs/a": answering(200, job())})
    with connect(service) as client:
        client.job("a")
        client.job("a")
    assert len(service.asked("/oauth2/token")) == 1
    assert service.requests[-1].headers["Authorization"] == "Bearer token-1"


def test_a_token_about_to_expire_is_renewed_before_it_is_used(connect: Connect) -> None:
    service = Service({"GET /dev/jobs/a": answering(200, job())}, expires_in=10)
    with connect(service) as client:
        client.job("a")
        client.job("a")
        assert client.token() == "token-3"
    assert service.requests[-2].headers["Authorization"] == "Bearer token-2"


def test_a_token_that_was_given_is_used_as_it_is_and_none_is_asked_for(connect: Connect) -> None:
    service = Service({"GET /dev/jobs/a": answering(200, job())})
    with connect(service, "mine") as client:
        client.job("a")
        assert client.token() == "mine"
    (asked,) = service.requests
    assert asked.headers["Authorization"] == "Bearer mine"


def test_threads_that_need_a_token_at_once_ask_for_one_together() -> None:
    service = Service({"GET /dev/jobs/a": answering(200, job())})
    second = threading.Barrier(2)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.example":
            # Long enough for another thread to come, if it could.
            with suppress(threading.BrokenBarrierError):
                second.wait(0.3)
        return service(request)

    with blocking(answer) as client, ThreadPoolExecutor(4) as pool:
        list(pool.map(client.job, ["a"] * 4))
    assert len(service.asked("/oauth2/token")) == 1
    assert len(service.asked("/dev/jobs/a")) == 4


def test_tasks_that_need_a_token_at_once_ask_for_one_together() -> None:
    service = Service({"GET /dev/jobs/a": answering(200, job())})

    async def slow(request: httpx.Request) -> httpx.Response:
        await anyio.lowlevel.checkpoint()
        return service(request)

    async def ask() -> None:
        transport = httpx.MockTransport(slow)
        async with (
            AsyncFemoClient(URL, CREDENTIALS, transport=transport) as client,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(4):
                tasks.start_soon(client.job, "a")

    anyio.run(ask)
    assert len(service.asked("/oauth2/token")) == 1
    assert len(service.asked("/dev/jobs/a")) == 4


def test_a_request_of_ones_own_can_be_signed_with_the_clients_token() -> None:
    service = Service({"GET /dev/openapi.json": answering(200, {})})
    transport = httpx.MockTransport(service)
    with blocking(service) as client, httpx.Client(transport=transport, auth=client.auth) as http:
        assert http.get(f"{URL}/openapi.json").is_success
    assert service.requests[-1].headers["Authorization"] == "Bearer token-1"


def test_a_token_that_was_revoked_is_renewed_once(connect: Connect) -> None:
    unauthorized = (401, refusal("unauthorized"))
    service = Service({"GET /dev/jobs/a": in_turn((200, job()), unauthorized, (200, job()))})
    with connect(service) as client:
        client.job("a")
        client.job("a")
    assert service.requests[-1].headers["Authorization"] == "Bearer token-2"


def test_a_token_without_the_scope_is_not_renewed_for_ever(connect: Connect) -> None:
    service = Service({"POST /dev/jobs": answering(401, refusal("unauthorized"))})
    with connect(service) as client, pytest.raises(SignInError):
        client.submit("k", job_id="a")
    assert len(service.asked("/dev/jobs")) == 1


def test_a_refused_sign_in_is_told_as_such(connect: Connect) -> None:
    refuse = answering(400, {"error": "invalid_client"})
    with connect(refuse) as client:
        for ask in (client.service, client.token):
            with pytest.raises(SignInError, match="refused the sign-in") as error:
                ask()
            assert error.value.code == "invalid_client"


def test_the_environment_says_where_the_service_is(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service({"GET /dev/jobs/a": answering(200, job())})
    transport = httpx.MockTransport(service)
    monkeypatch.setenv("FEMO_API_URL", URL + "/")
    monkeypatch.setenv("FEMO_TOKEN_URL", CREDENTIALS.token_url)
    monkeypatch.setenv("FEMO_CLIENT_ID", "id")
    monkeypatch.setenv("FEMO_CLIENT_SECRET", "secret")
    with FemoClient.from_environment(transport=transport) as client:
        client.job("a")
    assert service.requests[-1].headers["Authorization"] == "Bearer token-1"
    monkeypatch.setenv("FEMO_TOKEN", "mine")
    with FemoClient.from_environment(transport=transport) as client:
        client.job("a")
    assert service.requests[-1].headers["Authorization"] == "Bearer mine"


def test_all_that_the_environment_lacks_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_URL", "TOKEN", "TOKEN_URL", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"FEMO_{name}", raising=False)
    monkeypatch.setenv("FEMO_CLIENT_ID", "id")
    for kind in (FemoClient, AsyncFemoClient):
        with pytest.raises(ConfigurationError) as error:
            kind.from_environment()
        assert error.value.missing == ("FEMO_API_URL", "FEMO_TOKEN_URL", "FEMO_CLIENT_SECRET")
        assert "FEMO_TOKEN in place" in str(error.value)
    monkeypatch.setenv("FEMO_TOKEN", "mine")
    with pytest.raises(ConfigurationError) as error:
        FemoClient.from_environment()
    assert error.value.missing == ("FEMO_API_URL",)
    monkeypatch.setenv("FEMO_API_URL", "api.example")
    with pytest.raises(ConfigurationError, match="https"):
        FemoClient.from_environment()


def test_neither_a_secret_nor_a_signed_address_is_shown_where_its_owner_is() -> None:
    assert "secret" not in repr(CREDENTIALS)
    body = job("Completed", resultUrl="https://s3.example/result?signed")
    with blocking(Service({"GET /dev/jobs/a": answering(200, body)})) as client:
        assert "signed" not in repr(client.job("a"))
