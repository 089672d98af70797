"""The jobs API of one deployed stack, as a client with nothing but HTTP and a token sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from tenacity import (
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential_jitter,
)

TERMINAL = frozenset({"Completed", "Failed", "Expired"})
_TOKEN_MARGIN_SECONDS = 30.0
_PARALLEL_PARTS = 4
_FIRST_RETRY_SECONDS = 0.2
_FIRST_POLL_SECONDS = 0.25


class ApiError(Exception):
    """The API refused a request or could not serve it.

    Attributes
    ----------
    status : int
        HTTP status; 0 where no answer came.
    code : str
        The error body's code.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


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
            The token endpoint refused the client.
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
            ).json()
            self._token = str(answer["access_token"])
            self._token_expires = time.monotonic() + float(answer["expires_in"])
        return self._token

    def upload(
        self,
        path: Path,
        *,
        file_name: str | None = None,
        on_bytes: Callable[[int], object] | None = None,
    ) -> str:
        """Upload a recording and return the key under which it can be submitted.

        Parameters
        ----------
        path
            The recording.
        file_name
            Last part of the key, where it shall not be the file's own name.
        on_bytes
            Called with the number of bytes of each piece that has arrived.

        Raises
        ------
        ApiError
            The API or S3 refused the upload.
        """
        size = path.stat().st_size
        begun = self._call(
            "POST", "/uploads", json={"fileName": file_name or path.name, "sizeBytes": size}
        )
        if begun["kind"] == "single":
            pieces = [{"offsetBytes": 0, "sizeBytes": size, "url": begun["url"]}]
        else:
            pieces = begun["parts"]

        def send(piece: dict[str, Any]) -> None:
            with path.open("rb") as file:
                file.seek(piece["offsetBytes"])
                self._send("PUT", piece["url"], content=file.read(piece["sizeBytes"]))
            if on_bytes:
                on_bytes(piece["sizeBytes"])

        with ThreadPoolExecutor(max_workers=_PARALLEL_PARTS) as pool:
            list(pool.map(send, pieces))
        if begun["kind"] != "single":
            self._call("POST", f"/uploads/{begun['uploadId']}/complete")
        return str(begun["s3Key"])

    def submit(self, job: dict[str, Any]) -> dict[str, Any]:
        """Submit a job; the same job again answers with the job that exists.

        Raises
        ------
        ApiError
            The request was refused (its `code` says why) or the service is not available.
        """
        return self._call("POST", "/jobs", json=job)

    def status(self, job_id: str) -> dict[str, Any]:
        """Return a job with its status and, once it is completed, its result."""
        return self._call("GET", f"/jobs/{job_id}")

    def jobs(
        self, *, status: str | None = None, limit: int = 20, next_token: str | None = None
    ) -> dict[str, Any]:
        """Return one page of jobs, newest first."""
        query = {"status": status, "limit": limit, "nextToken": next_token}
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
        pause = _FIRST_POLL_SECONDS
        while True:
            job = self.status(job_id)
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
            time.sleep(pause)
            pause = min(pause * 1.5, 5.0)

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token()}"}
        answer = self._send(method, self._url + path, headers=headers, **request).json()
        if not isinstance(answer, dict):
            raise ApiError(0, "bad_answer", f"{method} {path} did not answer with a JSON object")
        return answer

    def _send(self, method: str, url: str, **request: Any) -> httpx.Response:
        def passing(error: BaseException) -> bool:
            return isinstance(error, httpx.TransportError) or (
                isinstance(error, ApiError) and error.status in {429, 502, 504}
            )

        attempts = Retrying(
            retry=retry_if_exception(passing),
            wait=wait_exponential_jitter(
                multiplier=_FIRST_RETRY_SECONDS, max=5.0, jitter=_FIRST_RETRY_SECONDS
            ),
            stop=stop_after_attempt(5) | stop_after_delay(60),
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
        try:
            error = response.json()["error"]
            raise ApiError(response.status_code, str(error["code"]), str(error["message"]))
        except (ValueError, KeyError, TypeError) as unreadable:
            raise ApiError(
                response.status_code,
                "http_error",
                f"{method} {httpx.URL(url).path} answered {response.status_code}",
            ) from unreadable
