"""The client for programs with an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

import httpx

from femo_client.calls import LONGEST_HELD_SECONDS, Calls, OnPoll, OnTrouble
from femo_client.connection import DEFAULT_TIMEOUT, Connection, check_address, signing_with
from femo_client.event_loop import EventLoop
from femo_client.jobs import Job, JobFilters, JobOptions, Page
from femo_client.service import Service, WarmUp
from femo_client.sign_in import Credentials
from femo_client.steps import signed_in
from femo_client.uploads import uploaded
from femo_result import EventsResult, MetadataResult

__all__ = ["AsyncFemoClient"]


class AsyncFemoClient:
    """`FemoClient` for asyncio: the same methods, parameters and errors, to be awaited.

    One belongs to one event loop. A task that is cancelled leaves an upload that goes on where it
    ended when it is begun again.

    Examples
    --------
    >>> import asyncio
    >>> from femo_client import AsyncFemoClient
    >>> async def count(path):
    ...     async with AsyncFemoClient.from_environment() as client:
    ...         job = await client.wait(await client.submit_file(path))
    ...         return (await client.result(job)).movement_count
    >>> asyncio.run(count("night.dat"))
    1
    """

    def __init__(
        self,
        api_url: str,
        credentials: Credentials | str,
        *,
        timeout: httpx.Timeout | float = DEFAULT_TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._calls = Calls(check_address(api_url, "the API's address"))
        self.auth = signing_with(credentials)
        """Signs requests of one's own: ``await http.get(url, auth=client.auth)``."""
        self._http = httpx.AsyncClient(timeout=timeout, transport=transport)
        self._run = EventLoop(self._http, self.auth).run

    @classmethod
    def from_environment(
        cls,
        *,
        timeout: httpx.Timeout | float = DEFAULT_TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """See `FemoClient.from_environment`."""
        connection = Connection.from_environment()
        return cls(connection.api_url, connection.credentials, timeout=timeout, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def token(self) -> str:
        """See `FemoClient.token`."""
        return await self._run(signed_in())

    async def upload(
        self, path: Path | str, *, on_bytes: Callable[[int], object] | None = None
    ) -> str:
        """See `FemoClient.upload`."""
        return await self._run(uploaded(self._calls.url, Path(path), on_bytes))

    async def submit(
        self, s3_key: str, *, wait_seconds: float = 0, **options: Unpack[JobOptions]
    ) -> Job:
        """See `FemoClient.submit`."""
        return await self._run(self._calls.submitted(s3_key, wait_seconds, options))

    async def submit_file(
        self,
        path: Path | str,
        *,
        wait_seconds: float = LONGEST_HELD_SECONDS,
        on_bytes: Callable[[int], object] | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """See `FemoClient.submit_file`."""
        key = await self.upload(path, on_bytes=on_bytes)
        return await self.submit(key, wait_seconds=wait_seconds, **options)

    async def job(self, job_id: str) -> Job:
        """See `FemoClient.job`."""
        return await self._run(self._calls.job(job_id))

    async def wait(
        self,
        job: Job | str,
        timeout_seconds: float = 900.0,
        *,
        on_poll: OnPoll = None,
        on_trouble: OnTrouble = None,
    ) -> Job:
        """See `FemoClient.wait`."""
        return await self._run(self._calls.ended(job, timeout_seconds, on_poll, on_trouble))

    async def jobs(
        self, *, page_size: int = 20, **filters: Unpack[JobFilters]
    ) -> AsyncIterator[Job]:
        """See `FemoClient.jobs`."""
        async for page in self.pages(page_size=page_size, **filters):
            for job in page.jobs:
                yield job

    async def pages(
        self,
        *,
        page_size: int = 20,
        next_token: str | None = None,
        **filters: Unpack[JobFilters],
    ) -> AsyncIterator[Page]:
        """See `FemoClient.pages`."""
        while True:
            page = await self._run(self._calls.page(filters, page_size, next_token))
            yield page
            next_token = page.next_token
            if next_token is None:
                return

    async def result(self, job: Job | str) -> EventsResult | MetadataResult:
        """See `FemoClient.result`."""
        return await self._run(self._calls.result(job))

    async def download_result(self, job: Job | str, path: Path | str) -> Path:
        """See `FemoClient.download_result`."""
        return await self._run(self._calls.downloaded(job, Path(path)))

    async def service(self) -> Service:
        """See `FemoClient.service`."""
        return await self._run(self._calls.service())

    async def warm_up(self) -> WarmUp:
        """See `FemoClient.warm_up`."""
        return await self._run(self._calls.warmed_up())
