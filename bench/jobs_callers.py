"""Who submits jobs in `bench.jobs`, and what the threads of a run tell each other."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from bench.jobs_files import Recordings
from bench.jobs_plan import JobFault, PlannedJob
from bench.jobs_stack import KeptStack
from femo_client import ApiError, FemoClient

__all__ = ["Caller", "Progress"]

# What a caller sends again: no answer, a token of a stack that was killed, a service that is not
# there (yet), or one that says itself that it does not know
PASSING = frozenset({0, 401, 500, 502, 503, 504})
IMPATIENT_SECONDS = 0.03  # too short for an answer, long enough for the request to arrive
ANSWER_SECONDS = 900.0


class Progress:
    """What the threads of a run tell each other."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.submitted = 0
        self.settled = 0
        self.post_seconds: list[float] = []
        self.injected: Counter[str] = Counter()
        self.oddities: list[str] = []
        self._lock = threading.Lock()

    def count(self, kind: str, number: int = 1) -> None:
        """Note faults that were injected."""
        with self._lock:
            self.injected[kind] += number

    def note_submitted(self) -> None:
        """Note one more job."""
        with self._lock:
            self.submitted += 1

    def odd(self, what: str) -> None:
        """Note something that must not happen."""
        with self._lock:
            self.oddities.append(what)


class Caller:
    """One connection that submits jobs, as a backend would."""

    def __init__(self, stack: KeptStack, recordings: Recordings, progress: Progress) -> None:
        self._stack = stack
        self._recordings = recordings
        self._progress = progress
        self._api: FemoClient | None = None

    def submit(self, job: PlannedJob) -> None:
        """Submit a job with its faults."""
        body = {"jobId": job.job_id, "s3Key": self._recordings.keys[job.recording], **job.options}
        if JobFault.ABANDONED in job.faults:
            self._break_off(body)
            return
        if JobFault.UNANSWERED in job.faults:
            self._break_off(body)
        if JobFault.RACED in job.faults:
            other = Caller(self._stack, self._recordings, self._progress)
            thread = threading.Thread(target=other._post, args=(body,), daemon=True)
            thread.start()
            self._post(body)
            thread.join(ANSWER_SECONDS)
        else:
            began = time.perf_counter()
            if self._post(body) == 1:
                self._progress.post_seconds.append(time.perf_counter() - began)
        if JobFault.REPEATED in job.faults:
            self._post(body)
        if JobFault.CONTRADICTED in job.faults:
            self._contradict(body)

    def _post(self, body: dict[str, Any]) -> int:
        """Send until there is an answer that says what became of it; return how often."""
        deadline = time.monotonic() + ANSWER_SECONDS
        tries = 0
        while not self._progress.stopping.is_set():
            tries += 1
            try:
                answered = _submitted(self._connected(), body)
            except (ApiError, BotoCoreError, ClientError) as error:
                status = error.status if isinstance(error, ApiError) else 0
                if status not in PASSING or time.monotonic() > deadline:
                    self._progress.odd(f"{body['jobId']}: POST was answered {status}: {error}")
                    return tries
                self._api = None
                self._progress.stopping.wait(1)
                continue
            if answered != body["jobId"]:
                self._progress.odd(f"{body['jobId']}: POST was answered with {answered}")
            return tries
        return tries

    def _contradict(self, body: dict[str, Any]) -> None:
        other = {**body, "removeHiccups": not body["removeHiccups"]}
        while not self._progress.stopping.is_set():
            try:
                _submitted(self._connected(), other)
            except (ApiError, BotoCoreError, ClientError) as error:
                if isinstance(error, ApiError) and error.code == "job_id_conflict":
                    return
                if not isinstance(error, ApiError) or error.status in PASSING:
                    self._api = None
                    self._progress.stopping.wait(1)
                    continue
                self._progress.odd(f"{body['jobId']}: another body was answered {error.status}")
                return
            self._progress.odd(f"{body['jobId']}: another body under the same id was accepted")
            return

    def _break_off(self, body: dict[str, Any]) -> None:
        try:
            headers = {"Authorization": f"Bearer {self._connected().token()}"}
            httpx.post(
                f"{self._stack.outputs['ApiUrl']}/jobs",
                json=body,
                headers=headers,
                timeout=httpx.Timeout(5, read=IMPATIENT_SECONDS),
            )
        except (httpx.TransportError, ApiError, BotoCoreError, ClientError):
            return

    def _connected(self) -> FemoClient:
        if self._api is None:
            self._api = self._stack.api()
        return self._api


def _submitted(api: FemoClient, body: dict[str, Any]) -> str:
    """Submit what POST /jobs takes, and return the id that is answered."""
    job = api.submit(
        body["s3Key"],
        job_id=body["jobId"],
        remove_hiccups=body["removeHiccups"],
        include_full_intervals=body["includeFullIntervals"],
        extract_events=body["extractEvents"],
    )
    return job.job_id
