"""Threads that share the work of one analysis: numpy and scipy leave Python's lock while they run.

Every task owns what it changes, so answers do not depend on how many threads there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

__all__ = ["ALONE", "Batch", "Crew", "usual_threads"]

T = TypeVar("T")


def usual_threads() -> int:
    """Return how many threads an analysis may use unless it is told.

    What ``OMP_NUM_THREADS`` says, by which processes that run side by side already share the
    cores; else one a core that this process may run on.
    """
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Batch(Generic[T]):
    """Tasks that were handed to a crew; `finish` takes part in the work."""

    def __init__(self, tasks: Sequence[Callable[[], T]], pool: ThreadPoolExecutor | None) -> None:
        self._futures: list[Future[T]] = []
        self._tasks = tasks
        if pool is not None:
            self._futures = [pool.submit(task) for task in tasks]

    def finish(self) -> list[T]:
        """Do what no thread has begun, wait for the rest, and return the results in order."""
        if not self._futures:
            return [task() for task in self._tasks]
        own: dict[int, T] = {}
        for number in range(len(self._tasks) - 1, -1, -1):  # the threads come from the other end
            if self._futures[number].cancel():
                own[number] = self._tasks[number]()
        return [
            own[number] if number in own else future.result()
            for number, future in enumerate(self._futures)
        ]


class Crew:
    """Up to so many threads, the calling one included; to be used in a ``with`` statement.

    Parameters
    ----------
    threads : int, optional
        `usual_threads` unless given; with 1 all is done by the caller.

    Examples
    --------
    >>> from femo_signal.crew import Crew
    >>> with Crew(2) as crew:
    ...     crew.map(len, ["a", "bc"])
    [1, 2]
    """

    def __init__(self, threads: int | None = None) -> None:
        count = usual_threads() if threads is None else threads
        if count < 1:
            raise ValueError("an analysis takes at least one thread")
        self._pool = ThreadPoolExecutor(count - 1, "analysis") if count > 1 else None

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def start(self, tasks: Sequence[Callable[[], T]]) -> Batch[T]:
        """Let threads begin on tasks that do not touch each other's things."""
        return Batch(tasks, self._pool)

    def map(self, function: Callable[..., T], *arguments: Iterable[object]) -> list[T]:
        """Return a function's results in the order of its arguments."""

        def task(given: tuple[object, ...]) -> Callable[[], T]:
            return lambda: function(*given)

        return self.start([task(given) for given in zip(*arguments, strict=True)]).finish()


ALONE = Crew(1)
"""No thread but the calling one."""
