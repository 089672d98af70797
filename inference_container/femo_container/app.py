"""The HTTP side of hosting: /ping and /invocations, which never blocks and never analyses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from . import invocation
from .environment import ServerEnvironment
from .errors import ContainerError, RequestError, ServiceError
from .line import JobClock, JobLine
from .logs import log_event

__all__ = ["Service", "create_app"]


class Service:
    """What the routes share: the workers, a folder for recordings, and whether we shut down.

    Parameters
    ----------
    environment : ServerEnvironment
    line : JobLine
        Started.
    scratch : Path
        Holds a folder for each job, as long as the job runs.
    """

    def __init__(self, environment: ServerEnvironment, line: JobLine, scratch: Path) -> None:
        self.environment = environment
        self.line = line
        self.draining = False
        self._given_up = asyncio.Event()
        self._scratch = scratch

    def drain(self) -> None:
        """Take no new job; give the running ones up when the time of grace is over."""
        if self.draining:
            return
        self.draining = True
        log_event("shutting down", seconds=self.environment.grace)
        loop = asyncio.get_running_loop()
        loop.call_later(self.environment.grace, self._given_up.set)

    def check_ready(self) -> None:
        """Raise unless a job could be started now: what /ping answers.

        Raises
        ------
        ServiceError
            503: ``shutting_down``, ``loading``, or the code of what is broken.
        """
        code = None
        if self.draining:
            code, message = "shutting_down", "the server is shutting down"
        elif self.line.failure is not None:
            code = self.line.failure
            message = f"no worker can be loaded: {self.line.failure_reason}"
        elif not self.line.ready:
            code, message = "loading", "no worker is ready yet"
        if code is not None:
            raise ServiceError(message, code=code, status=HTTPStatus.SERVICE_UNAVAILABLE)

    def check_open(self) -> None:
        """Raise if a job that arrives now could not be done, however long it waited.

        A worker that is being replaced is waited for: that takes seconds, and a queue that is
        told so would send the next job, to the same answer.

        Raises
        ------
        ServiceError
            503: ``shutting_down``, or the code of what is broken.
        """
        if self.draining or self.line.failure is not None:
            self.check_ready()

    async def analyse(self, request: Request, job: invocation.InvocationRequest) -> dict[str, Any]:
        """Have the workers do a job, for as long as anyone waits for it.

        Returns
        -------
        dict
            The workers' ``ok`` (see :func:`.worker.fetch_handler`, `.worker.analysis_handler`).

        Raises
        ------
        ContainerError
            With the status that answers it.
        """
        clock = JobClock(self.environment.timeout)
        with self._job_folder() as folder:
            work = asyncio.create_task(
                self.line.run(
                    self._fetch(job, folder), self._options(job), job_id=job.job_id, clock=clock
                )
            )
            ends = {
                work: None,
                asyncio.create_task(_hung_up(request)): "caller_gone",
                asyncio.create_task(self._given_up.wait()): "shutting_down",
            }
            try:
                done, _ = await asyncio.wait(
                    ends, timeout=clock.seconds, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                for task in ends:
                    task.cancel()
                # Until the killed worker is gone it could still write into the folder.
                await asyncio.gather(*ends, return_exceptions=True)
        if work not in done:
            reason = next((ends[task] for task in done), None)
            raise _abandoned(reason or clock.reason, clock.seconds)
        reply = work.result()
        if "error" in reply:
            error = reply["error"]
            kind = RequestError if error["status"] < 500 else ServiceError
            raise kind(error["message"], code=error["code"], status=error["status"],
                       field=error.get("field"))  # fmt: skip
        ok: dict[str, Any] = reply["ok"] | {"waited_seconds": round(clock.waited, 3)}
        return ok

    def _fetch(self, job: invocation.InvocationRequest, folder: Path) -> dict[str, Any]:
        return {
            "s3_key": job.s3_key,
            "version_id": job.version_id,
            "etag": job.etag,
            "default_bucket": self.environment.recordings_bucket,
            "most_bytes": self.environment.max_recording_bytes,
            "folder": str(folder),
        }

    def _options(self, job: invocation.InvocationRequest) -> dict[str, Any]:
        return {
            "remove_hiccups": job.remove_hiccups,
            "include_full_intervals": job.include_full_intervals,
            "extract_events": job.extract_events,
            "package": self.environment.model_package,
        }

    @contextlib.contextmanager
    def _job_folder(self) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def create_app(service: Service) -> FastAPI:
    """The application.

    Parameters
    ----------
    service : Service
    """
    app = FastAPI(title="FeMo inference", openapi_url=None)

    @app.get("/ping")
    async def ping() -> Response:
        service.check_ready()
        return _json({"status": "ready"})

    @app.post("/invocations")
    async def invocations(request: Request) -> Response:
        began = time.monotonic()
        fields: dict[str, Any] = {}
        try:
            body = await _body(request, service.environment.max_request_bytes)
            fields["request_bytes"] = len(body)
            job = invocation.parse(body)
            fields["job_id"] = job.job_id
            service.check_open()
            log_event("job started", **fields)
            ok = await service.analyse(request, job)
        except ContainerError as error:
            level = logging.WARNING if error.status < 500 else logging.ERROR
            log_event("job failed", level=level, status=error.status, code=error.code,
                      seconds=_since(began), **fields)  # fmt: skip
            raise
        response = _json(
            invocation.completed(job.job_id, ok["analysis"], ok["source"], seconds=_since(began))
        )
        sizes = ("recording_bytes", "download_seconds", "analysis_seconds", "waited_seconds")
        log_event("job completed", status=response.status_code, seconds=_since(began),
                  response_bytes=len(response.body), output_type=ok["analysis"]["output_type"],
                  **fields, **{name: ok[name] for name in sizes})  # fmt: skip
        return response

    @app.exception_handler(ContainerError)
    async def refused(_: Request, error: ContainerError) -> Response:
        retry = {"Retry-After": "5"} if error.status == HTTPStatus.SERVICE_UNAVAILABLE else None
        return _json(error.body(), status=error.status, headers=retry)

    @app.exception_handler(HTTPException)
    async def no_such_route(_: Request, error: HTTPException) -> Response:
        code = HTTPStatus(error.status_code).name.lower()
        return _json({"error": {"code": code, "message": error.detail}}, status=error.status_code)

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> Response:
        log_event("request failed", level=logging.ERROR, error=error)
        message = "the service failed through a fault of its own; the log names the place"
        return _json({"error": {"code": "internal_error", "message": message}}, status=500)

    return app


def _json(
    body: dict[str, Any], *, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> Response:
    """One plain answer, with its Content-Length."""
    content = json.dumps(body, allow_nan=False).encode()
    return Response(content, status, headers=headers, media_type="application/json")


async def _body(request: Request, limit: int) -> bytes:
    """Read at most `limit` bytes, whatever the header says."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > limit:
            raise RequestError(
                f"the request has more than {limit} bytes: it names a recording in S3, "
                "it does not hold one",
                code="request_too_large",
                status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )
    return bytes(content)


async def _hung_up(request: Request) -> None:
    """Return once the caller has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _abandoned(reason: str, timeout: float) -> ServiceError:
    unavailable = HTTPStatus.SERVICE_UNAVAILABLE
    match reason:
        case "shutting_down":
            message = "the server is shutting down and gave the job up: submit it again"
            return ServiceError(message, code="shutting_down", status=unavailable)
        case "caller_gone":
            message = "the caller closed the connection before the job was done"
            return ServiceError(message, code="caller_gone", status=unavailable)
        case "loading":
            message = f"no worker was free early enough to do the job within {timeout:g} s"
            return ServiceError(message, code="loading", status=unavailable)
    message = f"the job was not done within {timeout:g} s and was given up"
    return ServiceError(message, code="timeout", status=HTTPStatus.GATEWAY_TIMEOUT)


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
