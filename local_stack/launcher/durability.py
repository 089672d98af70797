"""Groups everything that waits to be on disk into as few writes as possible.

MiniStack writes its state at a clean stop only. With a kept state folder nothing is answered
before it is written, so that a killed process loses nothing that anyone was told.
"""

import asyncio
import time
from collections.abc import Callable

Save = Callable[[bool], None]
# Lets requests that come together share one write
GATHER_SECONDS = 0.003


class Committer:
    """Writes the state when someone waits for it.

    Parameters
    ----------
    save
        Writes the state; its argument says whether what seldom changes and is large (functions'
        code, stacks) must be written too.
    """

    def __init__(self, save: Save) -> None:
        self._save = save
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._callbacks: list[Callable[[], None]] = []
        self._dirty = False
        self._structural = True
        self._task: asyncio.Task[None] | None = None

    async def committed(self, *, structural: bool) -> None:
        """Wait until all that has happened up to now is on disk."""
        self._loop = asyncio.get_running_loop()
        waiter = self._loop.create_future()
        self._waiting.append(waiter)
        self._structural |= structural
        self._schedule()
        await waiter

    def mark(self) -> None:
        """Have the state written soon; from any thread."""
        self._call(self._mark)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call something once all that has happened up to now is on disk; from any thread."""
        self._call(lambda: self._mark(callback))

    def _call(self, function: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    def _mark(self, callback: Callable[[], None] | None = None) -> None:
        self._dirty = True
        if callback is not None:
            self._callbacks.append(callback)
        self._schedule()

    def _schedule(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._waiting or self._callbacks or self._dirty:
            await asyncio.sleep(GATHER_SECONDS)
            waiting, self._waiting = self._waiting, []
            callbacks, self._callbacks = self._callbacks, []
            structural, self._structural = self._structural, False
            self._dirty = False
            began = time.perf_counter()
            self._save(structural)
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_result(None)
            for callback in callbacks:
                callback()
            # The loop must have time for its work, however large the state is
            await asyncio.sleep(time.perf_counter() - began)
        self._task = None


# Set where the state is kept
committer: Committer | None = None


def mark() -> None:
    """Have the state written soon, where it is kept."""
    if committer is not None:
        committer.mark()


def after_commit(callback: Callable[[], None]) -> None:
    """Call something once the state is on disk, or at once where it is not kept."""
    if committer is None:
        callback()
    else:
        committer.after_commit(callback)
