"""The jobs API of one deployed stack, as a client with nothing but HTTP and a token sees it."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay

from femo_client.answers import (
    LONGEST_PAUSE_SECONDS,
    ApiError,
    error_of,
    is_passing,
    json_body,
    pause_before,
    retry_after_of,
    seconds_waited,
)
from femo_result import EventsResult, MetadataResult, read_response, read_result

__all__ = ["JOB_ID", "TERMINAL", "ApiError", "Credentials", "JobsApi", "UnusableInputError",
           "check_job_id"]  # fmt: skip

TERMINAL = frozenset({"Completed", "Failed", "Expired"})
JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
HASHED_BYTES = 32 * 1024 * 1024  # of each hash of POST /uploads
_TOKEN_MARGIN_SECONDS = 30.0
_PARALLEL_PARTS = 4
_FIRST_POLL_SECONDS = 0.25
_LAST_POLL_SECONDS = 5.0
_WAIT_SECONDS = 20  # the longest that the service holds an answer back
_POLLS_A_WAIT = 10  # how often a job that has outlasted a wait is looked at in as much time again
_PATIENCE_SECONDS = 60.0
# S3's own, where a URL has run out, and ours and S3's, where an upload was given up.
_BEGIN_AGAIN = frozenset({403, 404})
_PRECONDITION_FAILED = 412


class UnusableInputError(ValueError):
    """What was given cannot be sent; nothing was."""


@dataclass(frozen=True)
class Credentials:
    """A machine client of the stack's user pool and where it gets its tokens."""

    token_url: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...] = ("jobs/read", "jobs/write")


class JobsApi:
    """Client of the jobs API; signs in with client credentials and renews the token itself.

    Parameters
    ----------
    url
        The stage's address, for instance the stack's output ``ApiUrl``.
    credentials
        A machine client of the stack's user pool.
    transport
        For tests: an httpx transport that answers in place of the network.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        timeout_seconds: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._credentials = credentials
        self._http = httpx.Client(timeout=timeout_seconds, transport=transport)
        self._url = url.rstrip("/")
        self._token = ""
        self._token_expires = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def token(self) -> str:
        """Return an access token that is valid for at least half a minute.

        Raises
        ------
        ApiError
            The token endpoint refused the client, or its answer holds no token.
        """
        if time.monotonic() > self._token_expires - _TOKEN_MARGIN_SECONDS:
            answer = self._send(
                "POST",
                self._credentials.token_url,
                data={
                    "grant_type": "client_credentials",
                    "scope": " ".join(self._credentials.scopes),
                },
                auth=(self._credentials.client_id, self._credentials.client_secret),
            )
            try:
                granted = answer.json()
                self._token = str(granted["access_token"])
                self._token_expires = time.monotonic() + float(granted["expires_in"])
            except (ValueError, KeyError, TypeError) as error:
                host = httpx.URL(self._credentials.token_url).host
                raise ApiError(0, "bad_answer", f"{host} answered without a token") from error
        return self._token

    def upload(self, path: Path, *, on_bytes: Callable[[int], object] | None = None) -> str:
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
        ApiError
            The API or S3 refused the upload.
        """
        hashes = _hashes(path)
        size = path.stat().st_size
        if not hashes:
            raise UnusableInputError(f"{path} is empty")
        told = 0

        def arrived(count: int) -> None:
            nonlocal told
            told += count
            if on_bytes and count:
                on_bytes(count)

        for may_begin_again in (True, False):
            begun = self._call("POST", "/uploads", json={"sizeBytes": size, "sha256": hashes})
            whole = [{**begun, "offsetBytes": 0, "sizeBytes": size}]
            pieces = {"present": [], "single": whole}.get(begun["kind"], begun.get("parts", []))
            arrived(max(0, size - told - sum(piece["sizeBytes"] for piece in pieces)))
            try:
                self._send_pieces(path, pieces, arrived)
                if begun["kind"] == "multipart":
                    self._call("POST", f"/uploads/{quote(begun['uploadId'], safe='')}/complete")
                break
            except ApiError as error:
                if error.status not in _BEGIN_AGAIN or not may_begin_again:
                    raise
        return str(begun["s3Key"])

    def _send_pieces(
        self, path: Path, pieces: list[dict[str, Any]], arrived: Callable[[int], object]
    ) -> None:
        def send(piece: dict[str, Any]) -> int:
            with path.open("rb") as file:
                file.seek(piece["offsetBytes"])
                content = file.read(piece["sizeBytes"])
            try:
                self._send("PUT", piece["url"], content=content, headers=piece["headers"])
            except ApiError as error:
                # The same content has come from elsewhere meanwhile.
                if error.status != _PRECONDITION_FAILED:
                    raise
            return int(piece["sizeBytes"])

        with ThreadPoolExecutor(max_workers=_PARALLEL_PARTS) as pool:
            for count in pool.map(send, pieces):
                arrived(count)

    def submit(self, job: dict[str, Any]) -> dict[str, Any]:
        """Submit a job; the same job again answers with the job that exists.

        Raises
        ------
        ApiError
            The request was refused (its `code` says why) or the service is not available.
        """
        return self._call("POST", "/jobs", json=job)

    def submit_and_wait(
        self,
        job: dict[str, Any],
        *,
        timeout_seconds: float = 900.0,
        on_poll: Callable[[dict[str, Any]], object] | None = None,
    ) -> dict[str, Any]:
        """Submit a job and follow it until it is completed, failed or expired.

        The service is asked to hold its first answer back until then, which it does for some
        seconds and as long as it has room; after that the job's status is asked for.

        Raises
        ------
        ApiError
            The request was refused, the service is not available, or the job was still queued
            after `timeout_seconds`.
        """
        deadline = time.monotonic() + timeout_seconds
        prefer = {"Prefer": f"wait={min(_WAIT_SECONDS, max(int(timeout_seconds), 0))}"}
        answer = self._answer("POST", "/jobs", json=job, headers=prefer)
        submitted = json_body(answer)
        if on_poll:
            on_poll(submitted)
        if submitted["status"] in TERMINAL:
            return submitted
        pause = max(seconds_waited(answer) / _POLLS_A_WAIT, _FIRST_POLL_SECONDS)
        time.sleep(min(max(pause, retry_after_of(answer) or 0.0), LONGEST_PAUSE_SECONDS))
        return self._follow(submitted["jobId"], deadline, timeout_seconds, pause, on_poll)

    def status(self, job_id: str) -> dict[str, Any]:
        """Return a job with its status and, once it is completed, its result.

        Raises
        ------
        UnusableInputError
            The id is not one that a job can have.
        ApiError
            There is no such job, or the service is not available.
        """
        return self._call("GET", f"/jobs/{quote(check_job_id(job_id), safe='')}")

    def service(self) -> dict[str, Any]:
        """Return what is in service, how soon each lane can begin, and how much there is to do."""
        return self._call("GET", "/service")

    def warm_up(self) -> dict[str, Any]:
        """Have an instance started where there is none. Needs the scope service/write.

        Raises
        ------
        ApiError
            The client may not, no model is in service, or the service is not available.
        """
        return self._call("POST", "/service/warm-up")

    def jobs(
        self,
        *,
        status: str | None = None,
        subject_id: str | None = None,
        s3_key: str | None = None,
        created_from: str | None = None,
        created_to: str | None = None,
        limit: int = 20,
        next_token: str | None = None,
    ) -> dict[str, Any]:
        """Return one page of jobs, newest first.

        Parameters
        ----------
        status, subject_id, s3_key
            Only jobs of this status, this subject, this recording.
        created_from, created_to
            Only jobs created at this ISO 8601 time or later, and before that one.
        limit
            Jobs a page, at most: with several filters a page may hold fewer, and there are more
            as long as it has a ``nextToken``.
        next_token
            That of the page before, with the same filters.
        """
        query = {
            "status": status,
            "subjectId": subject_id,
            "s3Key": s3_key,
            "from": created_from,
            "to": created_to,
            "limit": limit,
            "nextToken": next_token,
        }
        return self._call("GET", "/jobs", params={k: v for k, v in query.items() if v is not None})

    def wait(
        self,
        job_id: str,
        *,
        timeout_seconds: float = 900.0,
        on_poll: Callable[[dict[str, Any]], object] | None = None,
    ) -> dict[str, Any]:
        """Follow a job until it is completed, failed or expired.

        Raises
        ------
        ApiError
            The job was still queued after `timeout_seconds`.
        """
        deadline = time.monotonic() + timeout_seconds
        return self._follow(job_id, deadline, timeout_seconds, _FIRST_POLL_SECONDS, on_poll)

    def _follow(
        self,
        job_id: str,
        deadline: float,
        timeout_seconds: float,
        pause: float,
        on_poll: Callable[[dict[str, Any]], object] | None,
    ) -> dict[str, Any]:
        path = f"/jobs/{quote(check_job_id(job_id), safe='')}"
        while True:
            answer = self._answer("GET", path)
            job = json_body(answer)
            if on_poll:
                on_poll(job)
            if job["status"] in TERMINAL:
                return job
            if time.monotonic() > deadline:
                raise ApiError(
                    0,
                    "still_queued",
                    f"job {job_id} is still {job['status']} after {timeout_seconds:.0f} s; "
                    "it goes on: ask for its status later",
                )
            time.sleep(min(max(pause, retry_after_of(answer) or 0.0), LONGEST_PAUSE_SECONDS))
            pause = min(pause * 1.5, _LAST_POLL_SECONDS)

    def result(self, job: dict[str, Any]) -> EventsResult | MetadataResult:
        """Return a completed job's result as typed objects; fetch it where it is too large.

        Parameters
        ----------
        job
            As `status` or `wait` return it.

        Raises
        ------
        ApiError
            The job has no result (its own error's code says why), it cannot be fetched, or it is
            that of a service that is too old (``bad_answer``).
        """
        try:
            if job.get("result") is not None:
                return read_result(job["output_type"], job["result"])
            if "error" not in job and "resultUrl" in job:
                return read_response(self._send("GET", job["resultUrl"]).json()).result
        except (KeyError, ValueError) as error:
            raise ApiError(0, "bad_answer", "the result is not as it is described") from error
        told = job.get("error", {})
        message = told.get("message", f"the job is {job['status']} and has no result")
        raise ApiError(0, told.get("code", "no_result"), message)

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        return json_body(self._answer(method, path, **request))

    def _answer(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **request: Any
    ) -> httpx.Response:
        def send(token: str) -> httpx.Response:
            signed = {**(headers or {}), "Authorization": f"Bearer {token}"}
            return self._send(method, self._url + path, headers=signed, **request)

        known = self._token
        token = self.token()
        try:
            return send(token)
        except ApiError as error:
            # An older token may have been revoked, or have run out while the machine slept.
            if error.status != httpx.codes.UNAUTHORIZED or token != known:
                raise
            self._token_expires = 0.0
            return send(self.token())

    def _send(self, method: str, url: str, **request: Any) -> httpx.Response:
        attempts = Retrying(
            retry=retry_if_exception(is_passing),
            wait=pause_before,
            stop=stop_after_attempt(5) | stop_after_delay(_PATIENCE_SECONDS),
            sleep=lambda seconds: time.sleep(seconds),
            reraise=True,
        )
        try:
            return attempts(self._send_once, method, url, **request)
        except httpx.TransportError as error:
            raise ApiError(
                0, "no_answer", f"no answer from {httpx.URL(url).host}: {error}"
            ) from error

    def _send_once(self, method: str, url: str, **request: Any) -> httpx.Response:
        response = self._http.request(method, url, **request)
        if response.is_success:
            return response
        raise error_of(method, response)


def check_job_id(text: str) -> str:
    """Return a job's id as it is.

    Raises
    ------
    UnusableInputError
        It is not one that a job can have.
    """
    if not JOB_ID.fullmatch(text):
        raise UnusableInputError(
            "a job's id is 1 to 64 of A-Z a-z 0-9 . _ -, first a letter or digit"
        )
    return text


def _hashes(path: Path) -> list[str]:
    """Return the SHA-256 of each `HASHED_BYTES` of a file, in hexadecimal."""
    with path.open("rb") as file:
        pieces = iter(lambda: file.read(HASHED_BYTES), b"")
        return [hashlib.sha256(piece).hexdigest() for piece in pieces]
