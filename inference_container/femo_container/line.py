"""The way of a job through `serve`: downloaded, then analysed, each by processes of its own.

An instance's network is its limit. So that it never rests while there is work, the next recording
is downloaded while others are analysed::

    place 1  [download A][ analyse A ][download D][ analyse D ]
    place 2              [download B][  waits  ][ analyse B ]
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from .logs import log_event
from .pool import WorkerPool

__all__ = ["AHEAD", "JobClock", "JobLine"]

ANSWER_SECONDS = 10.0
ANSWER_SHARE = 0.05
"""How much sooner than SageMaker a job is given up, so that the answer that says why is heard."""
WAITING_SHARE = 0.1
"""A job that waited longer than this part of its time for a worker was not given its time: what
is then not done is no verdict on its recording."""
AHEAD = 1
"""Jobs in hand beyond those that can be analysed: one is downloaded, or lies ready, when an
analysis ends. It bounds the disk, too. MaxConcurrentInvocationsPerInstance has to allow for it."""


class JobClock:
    """The time of one job, of which waiting for a worker is a part.

    Parameters
    ----------
    limit : float
        Seconds after which SageMaker gives the job up.
    """

    def __init__(self, limit: float) -> None:
        self.seconds = limit - min(ANSWER_SECONDS, ANSWER_SHARE * limit)
        self._waited = 0.0
        self._waits_since: float | None = time.monotonic()
        self._has_begun = False

    def begin_work(self) -> None:
        """A worker has taken the job."""
        self._waited = self.waited
        self._waits_since = None
        self._has_begun = True

    def begin_wait(self) -> None:
        """The job needs another worker."""
        self._waits_since = time.monotonic()

    @property
    def waited(self) -> float:
        """Seconds in which no worker had the job, up to now."""
        since = self._waits_since
        return self._waited + (0.0 if since is None else time.monotonic() - since)

    @property
    def reason(self) -> str:
        """Why the job was not done in time: a recording that takes too long, or no worker."""
        if not self._has_begun or self.waited > WAITING_SHARE * self.seconds:
            return "loading"
        return "timeout"


class JobLine:
    """Two pools, and the places of the jobs that have anything on disk.

    Parameters
    ----------
    fetchers : WorkerPool
        Its workers answer jobs of :func:`.worker.fetch_handler`.
    analysts : WorkerPool
        Its workers answer jobs of :func:`.worker.analysis_handler`.
    """

    def __init__(self, *, fetchers: WorkerPool, analysts: WorkerPool) -> None:
        self._fetchers = fetchers
        self._analysts = analysts
        self._places = asyncio.Semaphore(analysts.size + AHEAD)

    @property
    def ready(self) -> bool:
        """Whether a worker of either kind is loaded and alive."""
        return self._fetchers.ready and self._analysts.ready

    @property
    def failure(self) -> str | None:
        """The code of a fault that a new worker would meet again, such as an invalid model."""
        return self._analysts.failure or self._fetchers.failure

    @property
    def failure_reason(self) -> str | None:
        """What is broken and why, in a line that may be shown."""
        return self._analysts.failure_reason or self._fetchers.failure_reason

    def start(self) -> None:
        """Begin to load the workers; does not wait for them."""
        self._analysts.start()
        self._fetchers.start()

    async def stop(self) -> None:
        """Kill the workers and wait until they are gone."""
        await asyncio.gather(self._fetchers.stop(), self._analysts.stop())

    async def run(
        self, fetch: Mapping[str, Any], options: Mapping[str, Any], *, job_id: str, clock: JobClock
    ) -> dict[str, Any]:
        """Have a recording downloaded and then analysed, however long it waits for its turns.

        Cancelling it kills the worker that has the job, if one has, and no other.

        Parameters
        ----------
        fetch : mapping
            What to download and whereto.
        options : mapping
            Of the analysis.
        job_id : str
            For the log.
        clock : JobClock
            Is told when the job waits and when it is worked on.

        Returns
        -------
        dict
            ``{"ok": ...}`` with what both workers found, or the ``{"error": ...}`` of one.

        Raises
        ------
        WorkerLostError
            If a worker died at it.
        WorkersFailedError
            If no worker can be loaded.
        """
        async with self._places:
            reply = await self._fetchers.run(fetch, began=clock.begin_work)
            clock.begin_wait()
            if "error" in reply:
                return reply
            fetched = reply["ok"]
            sizes = {name: fetched[name] for name in ("recording_bytes", "download_seconds")}
            log_event("recording downloaded", job_id=job_id, **sizes)
            analysis = {"path": fetched["path"], "options": options}
            reply = await self._analysts.run(analysis, began=clock.begin_work)
        return {"ok": {**fetched, **reply["ok"]}} if "ok" in reply else reply
