"""The client for programs that block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

import httpx

from femo_client.calls import LONGEST_HELD_SECONDS, Calls, OnPoll, OnTrouble
from femo_client.connection import DEFAULT_TIMEOUT, Connection, check_address, signing_with
from femo_client.jobs import Job, JobFilters, JobOptions, Page
from femo_client.service import Service, WarmUp
from femo_client.sign_in import Credentials
from femo_client.steps import signed_in
from femo_client.threads import Threads
from femo_client.uploads import uploaded
from femo_result import EventsResult, MetadataResult

__all__ = ["FemoClient"]


class FemoClient:
    """A deployed FeMo service. Several threads may use one.

    Every method raises an `ApiError` where the service refuses or cannot serve: its class tells
    which (`femo_client.errors`), its ``code``, ``status``, ``field`` and ``request_id`` the rest.
    Trouble that passes is sat out: up to five attempts within a minute, as long apart as the
    service asks for (``Retry-After``), and only where sending a request again can do nothing twice.
    `wait` sits it out until its own time is up.

    Parameters
    ----------
    api_url
        The stage's address: the stack's output ``ApiUrl``.
    credentials
        A machine client of the stack's user pool, or an access token that somebody else got.
    timeout
        How long to wait for a connection and for an answer.
    transport
        For tests: an httpx transport that answers in place of the network.

    Raises
    ------
    ConfigurationError
        The address is none.

    Examples
    --------
    >>> from femo_client import FemoClient
    >>> with FemoClient.from_environment() as client:
    ...     job = client.wait(client.submit_file("night.dat"))
    ...     print(job.status, client.result(job).movement_count)
    Completed 1
    """

    def __init__(
        self,
        api_url: str,
        credentials: Credentials | str,
        *,
        timeout: httpx.Timeout | float = DEFAULT_TIMEOUT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._calls = Calls(check_address(api_url, "the API's address"))
        self.auth = signing_with(credentials)
        """Signs requests of one's own: ``httpx.get(url, auth=client.auth)``."""
        self._http = httpx.Client(timeout=timeout, transport=transport)
        self._run = Threads(self._http, self.auth).run

    @classmethod
    def from_environment(
        cls,
        *,
        timeout: httpx.Timeout | float = DEFAULT_TIMEOUT,
        transport: httpx.BaseTransport | None = None,
    ) -> Self:
        """Return a client as the environment says.

        ``FEMO_API_URL``, and ``FEMO_TOKEN`` or else ``FEMO_TOKEN_URL``, ``FEMO_CLIENT_ID`` and
        ``FEMO_CLIENT_SECRET``.

        Raises
        ------
        ConfigurationError
            Some are missing: it names all of them.
        """
        connection = Connection.from_environment()
        return cls(connection.api_url, connection.credentials, timeout=timeout, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def token(self) -> str:
        """Return an access token that is valid for at least half a minute.

        Raises
        ------
        SignInError
            The token endpoint refused the client.
        """
        return self._run(signed_in())

    def upload(self, path: Path | str, *, on_bytes: Callable[[int], object] | None = None) -> str:
        """Upload a recording and return the key under which it can be submitted.

        The key follows from the content: what is there already is not sent again, and an upload
        that was interrupted goes on where it ended. The file's name goes nowhere.

        Parameters
        ----------
        path
            The recording.
        on_bytes
            Called with the number of bytes of each piece that has arrived.

        Raises
        ------
        UnusableInputError
            The file is empty.
        OSError
            It cannot be read.
        """
        return self._run(uploaded(self._calls.url, Path(path), on_bytes))

    def submit(self, s3_key: str, *, wait_seconds: float = 0, **options: Unpack[JobOptions]) -> Job:
        """Submit a job for a recording that is there already.

        The same job again (by ``job_id``) answers with the job that exists.

        Parameters
        ----------
        s3_key
            What `upload` returned, or an ``s3://`` URI that the service admits.
        wait_seconds
            Ask the service to hold its answer back until the job has ended, or for that long
            (s; 20 at most). It does so as long as it has room.
        **options
            See `JobOptions`.

        Raises
        ------
        NotFoundError
            There is no such recording.
        ConflictError
            The id has been used for something else.
        UnavailableError
            No model is in service (``model_not_deployed``), or too many jobs wait.
        """
        return self._run(self._calls.submitted(s3_key, wait_seconds, options))

    def submit_file(
        self,
        path: Path | str,
        *,
        wait_seconds: float = LONGEST_HELD_SECONDS,
        on_bytes: Callable[[int], object] | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """Upload a recording and submit it; return its job, which a short one has ended by then.

        Parameters are those of `upload` and `submit`. What `wait` returns for this job has ended.

        Raises
        ------
        UnusableInputError
            The file is empty.
        OSError
            It cannot be read.
        """
        key = self.upload(path, on_bytes=on_bytes)
        return self.submit(key, wait_seconds=wait_seconds, **options)

    def job(self, job_id: str) -> Job:
        """Return a job with its status and, once it is completed, its result.

        Raises
        ------
        UnusableInputError
            The id is not one that a job can have.
        NotFoundError
            There is no such job.
        """
        return self._run(self._calls.job(job_id))

    def wait(
        self,
        job: Job | str,
        timeout_seconds: float = 900.0,
        *,
        on_poll: OnPoll = None,
        on_trouble: OnTrouble = None,
    ) -> Job:
        """Follow a job, or the one of this id, until it is completed, failed or expired.

        The job goes on without us: where nobody answers or the service cannot serve (429, 502,
        503, 504), it is asked for again until the time is up.

        Parameters
        ----------
        job
            The job, or its id.
        timeout_seconds
            How long to follow it (s).
        on_poll
            Called with the job each time that it was asked for.
        on_trouble
            Called with the error each time that no answer could be had for the moment.

        Raises
        ------
        StillQueuedError
            It was not seen to end within `timeout_seconds`. It goes on. Where there was no answer
            at last, the ``__cause__`` tells why.
        """
        return self._run(self._calls.ended(job, timeout_seconds, on_poll, on_trouble))

    def jobs(self, *, page_size: int = 20, **filters: Unpack[JobFilters]) -> Iterator[Job]:
        """Go over jobs, newest first, and ask for each page when it is come to.

        Parameters
        ----------
        page_size
            Jobs a page (1 to 100).
        **filters
            See `JobFilters`.
        """
        for page in self.pages(page_size=page_size, **filters):
            yield from page.jobs

    def pages(
        self,
        *,
        page_size: int = 20,
        next_token: str | None = None,
        **filters: Unpack[JobFilters],
    ) -> Iterator[Page]:
        """Go over pages of jobs; with the token of an earlier page and its filters, from there."""
        while True:
            page = self._run(self._calls.page(filters, page_size, next_token))
            yield page
            next_token = page.next_token
            if next_token is None:
                return

    def result(self, job: Job | str) -> EventsResult | MetadataResult:
        """Return the result of a completed job, or the one of this id, fetched where it is large.

        Raises
        ------
        NoResultError
            It has none: the code is that of the job's own error.
        BadAnswerError
            It is one of a service that is too old.
        """
        return self._run(self._calls.result(job))

    def download_result(self, job: Job | str, path: Path | str) -> Path:
        """Write a completed job's whole response into a file and return its path.

        The file is there whole or not at all; one of that name is replaced, or the one that a link
        of that name leads to.

        Raises
        ------
        NoResultError
            The job has no result: the code is that of its own error.
        OSError
            The file cannot be written, or what is there is no regular file.
        """
        return self._run(self._calls.downloaded(job, Path(path)))

    def service(self) -> Service:
        """Return what is in service, how soon each lane can begin, and how much there is to do."""
        return self._run(self._calls.service())

    def warm_up(self) -> WarmUp:
        """Have an instance started where there is none. Needs the scope ``service/write``.

        Raises
        ------
        SignInError
            The client has not that scope.
        UnavailableError
            No model is in service.
        """
        return self._run(self._calls.warmed_up())
