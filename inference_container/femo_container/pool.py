"""Worker processes that are loaded once, do one job at a time and are replaced when they die."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from . import frames
from .environment import usable_cores
from .errors import COULD_NOT_LOAD, WorkerLostError, WorkersFailedError
from .logs import log_event

__all__ = ["WorkerPool", "python_module", "worker_environment"]

START_TIMEOUT = 120.0
"""Seconds for a worker to load; SageMaker gives a container 8 minutes."""
LONGEST_PAUSE = 30.0
"""Seconds between attempts to start a worker that keeps dying; the first pause is a fifth."""
MOST_FAILED_STARTS = 4
"""Deaths in loading, one after the other, of workers none of which has ever loaded: what kills them
is then what they load, and another try would end the same way."""
PIPE_BUFFER = 1024**2


class WorkerPool:
    """A fixed number of processes, each speaking :mod:`.frames` on its standard streams.

    A job that is cancelled (timeout, caller gone, shutdown) has its worker killed: a thread cannot
    be stopped in the middle of a filter, a process can. Processes are started afresh rather than
    forked: a fork would copy the threads' locks of OpenMP and of the S3 client.

    Parameters
    ----------
    command : sequence of str
        What starts a worker. It sends ``{"ready": true, ...}`` once it is loaded (the rest goes to
        the log), or ``{"error": code, "message": text}`` where trying again cannot help.
    size : int
        Workers kept alive.
    environment : mapping of str to str
        The workers' environment variables.
    kind : str
        What the log calls them.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        size: int,
        environment: Mapping[str, str],
        kind: str = "worker",
    ) -> None:
        self.size = size
        self.failure: str | None = None
        """The code of a fault that a new worker would meet again, such as an invalid model."""
        self.failure_reason: str | None = None
        """What is broken and why, in a line that may be shown."""
        self._has_loaded = False
        self._kind = kind
        self._command = list(command)
        self._environment = dict(environment)
        self._keepers: list[asyncio.Task[None]] = []
        self._live: set[_Worker] = set()
        self._idle: asyncio.Queue[_Worker | None] = asyncio.Queue()  # None: none will come
        self._places = size  # that are filled, or will be again

    @property
    def ready(self) -> bool:
        """Whether any worker is loaded and alive (idle or at work)."""
        return any(worker.alive for worker in self._live)

    def start(self) -> None:
        """Begin to load the workers, in the running event loop; does not wait for them."""
        self._keepers = [asyncio.create_task(self._fill(n)) for n in range(self.size)]

    async def run(
        self, job: Mapping[str, Any], *, began: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        """Give a job to the next idle worker, however long that takes, and return its answer.

        Cancelling it kills that worker, and returns once the process is gone.

        Parameters
        ----------
        job : mapping
        began : callable
            Called when a worker takes the job.

        Raises
        ------
        WorkerLostError
            If the worker died at it.
        WorkersFailedError
            If no worker can be loaded.
        """
        worker = await self._next_idle()
        began()
        try:
            answer = await worker.call(job)
        except BaseException:
            await worker.kill()
            raise
        self._idle.put_nowait(worker)
        return answer

    async def _next_idle(self) -> _Worker:
        """Wait for a worker that is free and alive.

        Raises
        ------
        WorkersFailedError
            If none will come.
        """
        while True:
            worker = await self._idle.get()
            if worker is None:
                self._idle.put_nowait(None)  # for the next that waits
                raise WorkersFailedError(
                    self.failure_reason or "no worker could be loaded",
                    code=self.failure or COULD_NOT_LOAD,
                    status=HTTPStatus.SERVICE_UNAVAILABLE,
                )
            if worker.alive:
                return worker

    async def stop(self) -> None:
        """Kill the workers and wait until they are gone."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(worker.kill() for worker in list(self._live)))
        self._live.clear()

    async def _fill(self, number: int) -> None:
        """Keep one place filled; once the last one is given up, none will come."""
        await self._keep(number)
        self._places -= 1
        if self._places == 0:
            self._idle.put_nowait(None)

    async def _keep(self, number: int) -> None:
        """Keep one place in the pool filled, until a fault that every worker would meet."""
        pause = LONGEST_PAUSE / 5**3
        failed_starts = 0
        while self.failure is None:
            worker = await _Worker.start(self._command, self._environment)
            began = time.monotonic()
            try:
                async with asyncio.timeout(START_TIMEOUT):
                    greeting = await worker.receive()
            except (WorkerLostError, TimeoutError) as error:
                await worker.kill()
                log_event(f"{self._kind} failed to start", level=logging.ERROR, worker=number,
                          exit_status=worker.process.returncode, error=error)  # fmt: skip
                failed_starts += isinstance(error, WorkerLostError)
                if failed_starts >= MOST_FAILED_STARTS and not self._has_loaded:
                    self._give_up(
                        COULD_NOT_LOAD,
                        f"{failed_starts} workers in a row died while they loaded; "
                        f"the last one: {error}",
                        worker=number,
                    )
                    return
                await asyncio.sleep(pause)
                pause = min(pause * 5, LONGEST_PAUSE)
                continue
            except asyncio.CancelledError:
                await worker.kill()
                raise
            if "error" in greeting:
                reason = str(greeting.get("message", ""))
                self._give_up(str(greeting["error"]), reason, worker=number)
                await worker.kill()
                return
            pause = LONGEST_PAUSE / 5**3
            failed_starts = 0
            self._has_loaded = True
            about = {name: value for name, value in greeting.items() if name != "ready"}
            log_event(f"{self._kind} ready", worker=number, ready_seconds=_since(began), **about)
            self._live.add(worker)
            self._idle.put_nowait(worker)
            try:
                await worker.process.wait()
            finally:
                if not worker.alive:
                    self._live.discard(worker)
            log_event(f"{self._kind} ended", level=logging.WARNING, worker=number,
                      exit_status=worker.process.returncode)  # fmt: skip

    def _give_up(self, code: str, reason: str, *, worker: int) -> None:
        """Start no further worker, and say why."""
        self.failure, self.failure_reason = code, reason
        log_event(f"{self._kind} refused to start", level=logging.ERROR, worker=worker,
                  code=code, reason=reason)  # fmt: skip


class _Worker:
    """One process and the pipes to it."""

    def __init__(self, process: Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str]) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, env=dict(environment), limit=PIPE_BUFFER
        )
        return cls(process)

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def call(self, job: Mapping[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(frames.encode(job))
            await self.process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise await self._lost() from error
        return await self.receive()

    async def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        try:
            return await frames.receive(self.process.stdout)
        except (asyncio.IncompleteReadError, ConnectionResetError) as error:
            raise await self._lost() from error

    async def kill(self) -> None:
        self._send_sigkill()
        await asyncio.shield(self.process.wait())

    def _send_sigkill(self) -> None:
        # Process.kill() looks first whether the process has ended, and so takes its status away
        # from asyncio, which then reports 255.
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)

    async def _lost(self) -> WorkerLostError:
        """Its pipe closed: it is ending, or about to."""
        self._send_sigkill()
        status = await self.process.wait()
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        return WorkerLostError(
            f"the worker process ended {how} before it answered; it may have run out of memory"
        )


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)


def python_module(name: str) -> list[str]:
    """The command that runs a module of ours with the interpreter that runs us.

    ``-P`` keeps the current folder, which is anyone's, from being searched for modules.
    """
    return [sys.executable, "-P", "-m", name]


def worker_environment(workers: int) -> dict[str, str]:
    """The variables of a worker process: ours, this package's place, and its share of the cores.

    Parameters
    ----------
    workers : int
        How many share the cores.
    """
    variables = dict(os.environ)
    place = str(Path(__file__).resolve().parents[1])
    given = variables.get("PYTHONPATH")
    variables["PYTHONPATH"] = os.pathsep.join([place, given] if given else [place])
    variables.setdefault("OMP_NUM_THREADS", str(max(1, usable_cores() // workers)))
    # glibc gives every thread a heap of its own: after two nights that were downloaded by eight
    # threads a worker peaked at 507 MB; with two heaps at 399 MB, and no slower.
    variables.setdefault("MALLOC_ARENA_MAX", "2")
    return variables
