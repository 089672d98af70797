"""What can be asked of the API, each a flow that neither blocks nor awaits."""

from __future__ import annotations

import math
import os
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from femo_client.answers import (
    LONGEST_PAUSE_SECONDS,
    is_outage,
    json_body,
    retry_after_of,
    seconds_waited,
)
from femo_client.errors import (
    ApiError,
    BadAnswerError,
    ForbiddenError,
    NoResultError,
    StillQueuedError,
)
from femo_client.jobs import Job, JobFilters, JobOptions, Page, check_job_id, instant
from femo_client.service import Service, WarmUp
from femo_client.steps import Flow, Pause, Request, Work, answered
from femo_result import EventsResult, MetadataResult, read_response, read_result

__all__ = ["LONGEST_HELD_SECONDS", "Calls"]

OnPoll = Callable[[Job], object] | None
OnTrouble = Callable[[ApiError], object] | None
LONGEST_HELD_SECONDS = 20  # the longest that the service holds an answer back
_FIRST_POLL_SECONDS = 0.25
_LAST_POLL_SECONDS = 5.0
_POLLS_A_WAIT = 10  # how often a job that has outlasted a wait is looked at in as much time again


class Calls:
    """The API at one address."""

    def __init__(self, api_url: str) -> None:
        self.url = api_url.rstrip("/")

    def submitted(self, s3_key: str, wait_seconds: float, options: JobOptions) -> Flow[Job]:
        """Submit a job, and have the answer held back until it has ended, or for that time."""
        body = _submission(s3_key, options)
        held = min(LONGEST_HELD_SECONDS, max(int(wait_seconds), 0))
        headers = {"Prefer": f"wait={held}"} if held else {}
        try:
            answer = yield from answered(
                Request("POST", f"{self.url}/jobs", json=body, headers=headers)
            )
        except ApiError as error:
            # Whoever let the id be chosen needs it to ask what has become of the job.
            error.add_note(f"It was submitted as {body['jobId']}")
            raise
        pause = max(seconds_waited(answer) / _POLLS_A_WAIT, _FIRST_POLL_SECONDS)
        return _job(answer).asked_again_in(max(pause, retry_after_of(answer) or 0.0))

    def job(self, job_id: str, *, patience_seconds: float = math.inf) -> Flow[Job]:
        """Ask for a job."""
        request = Request("GET", self._address(job_id))
        answer = yield from answered(request, patience_seconds=patience_seconds)
        return _job(answer).asked_again_in(retry_after_of(answer) or 0.0)

    def ended(
        self, job: Job | str, timeout_seconds: float, on_poll: OnPoll, on_trouble: OnTrouble
    ) -> Flow[Job]:
        """Ask for a job until it has ended."""
        deadline = time.monotonic() + timeout_seconds
        job_id, pause = _id_of(job), _FIRST_POLL_SECONDS
        if isinstance(job, Job):
            if job.has_ended:
                return job
            pause = max(pause, job.pause_seconds)
            yield _pause(pause, deadline)
        while True:
            seen = yield from self._looked_at(job_id, deadline)
            if isinstance(seen, ApiError):
                if on_trouble:
                    on_trouble(seen)
            elif on_poll:
                on_poll(seen)
            if isinstance(seen, Job) and seen.has_ended:
                return seen
            if time.monotonic() >= deadline:
                raise _still_queued(job_id, seen, timeout_seconds)
            yield _pause_after(seen, pause, deadline)
            pause = min(pause * 1.5, _LAST_POLL_SECONDS)

    def _looked_at(self, job_id: str, deadline: float) -> Flow[Job | ApiError]:
        """Ask for a job once more, and return what kept the answer away where that passes.

        The job goes on meanwhile: a network that is down says nothing of it.
        """
        left = deadline - time.monotonic()
        try:
            return (yield from self.job(job_id, patience_seconds=left))
        except ApiError as error:
            if not is_outage(error):
                raise
            return error

    def page(self, filters: JobFilters, page_size: int, next_token: str | None) -> Flow[Page]:
        """Ask for one page of jobs."""
        query = {**_query(filters), "limit": page_size, "nextToken": next_token}
        known = {name: value for name, value in query.items() if value is not None}
        answer = yield from answered(Request("GET", f"{self.url}/jobs", params=known))
        return Page.read(json_body(answer))

    def result(self, job: Job | str) -> Flow[EventsResult | MetadataResult]:
        """Have a completed job's result, wherever it is."""
        if isinstance(job, str):
            job = yield from self.job(job)
        body = job.as_json()
        try:
            if body.get("result") is not None:
                return read_result(str(job.output_type), body["result"])
            content = yield from self._response(job)
            return read_response(content.json()).result
        except ValueError as error:
            raise BadAnswerError("the result is not as it is described") from error

    def downloaded(self, job: Job | str, path: Path) -> Flow[Path]:
        """Write a completed job's whole response into a file, as the service stored it."""
        if isinstance(job, str):
            job = yield from self.job(job)
        content = yield from self._response(job)
        yield Work(partial(_write_whole, path, content.content))
        return path

    def service(self) -> Flow[Service]:
        """Ask what is in service."""
        answer = yield from answered(Request("GET", f"{self.url}/service"))
        return Service.read(json_body(answer))

    def warmed_up(self) -> Flow[WarmUp]:
        """Have an instance started."""
        request = Request("POST", f"{self.url}/service/warm-up", repeatable=False)
        answer = yield from answered(request)
        return WarmUp.read(json_body(answer))

    def _response(self, job: Job) -> Flow[Any]:
        """Fetch the response behind a job's URL; one that has run out is asked for once more."""
        try:
            return (yield from answered(Request("GET", _result_url(job), signed=False)))
        except ForbiddenError:
            fresh = yield from self.job(job.job_id)
            return (yield from answered(Request("GET", _result_url(fresh), signed=False)))

    def _address(self, job_id: str) -> str:
        return f"{self.url}/jobs/{quote(check_job_id(job_id), safe='')}"


def _submission(s3_key: str, options: JobOptions) -> dict[str, Any]:
    """Return the body of POST /jobs."""
    body: dict[str, Any] = {
        "jobId": check_job_id(options.get("job_id") or f"femo-{uuid.uuid4()}"),
        "s3Key": s3_key,
        "removeHiccups": options.get("remove_hiccups", False),
        "includeFullIntervals": options.get("include_full_intervals", False),
        "extractEvents": options.get("extract_events", True),
    }
    if (subject := options.get("subject")) is not None:
        body["subjectId"] = subject
    if (request_time := options.get("request_time")) is not None:
        body["requestTime"] = instant(request_time)
    return body


def _query(filters: JobFilters) -> dict[str, str | int | None]:
    """Return the query of GET /jobs, with None for what was not given."""
    created_from, created_to = filters.get("from_"), filters.get("to")
    status = filters.get("status")
    return {
        "status": None if status is None else str(status),
        "subjectId": filters.get("subject"),
        "s3Key": filters.get("recording"),
        "from": None if created_from is None else instant(created_from),
        "to": None if created_to is None else instant(created_to),
    }


def _job(answer: Any) -> Job:
    return Job.read(json_body(answer))


def _id_of(job: Job | str) -> str:
    return check_job_id(job.job_id if isinstance(job, Job) else job)


def _pause(seconds: float, deadline: float, longest: float = LONGEST_PAUSE_SECONDS) -> Pause:
    left = max(deadline - time.monotonic(), 0.0)
    return Pause(min(seconds, longest, left))


def _pause_after(seen: Job | ApiError, pause: float, deadline: float) -> Pause:
    """Return the pause before a job is looked at again."""
    if isinstance(seen, Job):
        return _pause(max(pause, seen.pause_seconds), deadline)
    # A service in trouble is given all the time that it asks for.
    return _pause(max(pause, seen.retry_after or 0.0), deadline, longest=math.inf)


def _still_queued(job_id: str, seen: Job | ApiError, waited_seconds: float) -> StillQueuedError:
    if isinstance(seen, Job):
        return StillQueuedError(
            f"job {job_id} is still {seen.status} after {waited_seconds:.0f} s; "
            "it goes on: ask for its status later"
        )
    error = StillQueuedError(
        f"job {job_id} was not seen to end in {waited_seconds:.0f} s, at last because of: {seen}; "
        "ask for its status later"
    )
    error.__cause__ = seen
    return error


def _result_url(job: Job) -> str:
    if job.error is None and job.result_url is not None:
        return job.result_url
    if job.error is not None:
        raise NoResultError(job.error.code, job.error.message, field=job.error.field)
    raise NoResultError("no_result", f"the job is {job.status} and has no result")


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all; of a link the file that it names."""
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a directory")
    if os.path.lexists(path) and not path.is_file():
        raise OSError(f"{path} is no regular file")
    partial_file = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with partial_file.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial_file.replace(path)
    except BaseException:
        partial_file.unlink(missing_ok=True)
        raise
