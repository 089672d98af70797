"""Waits for something to be seen, never for a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from .conftest import Stack


def wait_for(look: Callable[[], Any], seconds: float = 60, every: float = 0.02) -> Any:
    """Look again and again until there is something to see, and return it."""
    return retry(
        retry=retry_if_result(lambda found: not found),
        wait=wait_fixed(every),
        stop=stop_after_delay(seconds),
    )(look)()


class Tail:
    """What a part of a stack writes into its log from now on."""

    def __init__(self, stack: Stack, part: str) -> None:
        self._path = stack.folder / "logs" / f"{part}.log"
        self._start = self._path.stat().st_size

    def wait_for(self, *words: str) -> None:
        """Wait for a line that holds some words."""

        def found() -> bool:
            with self._path.open("rb") as log:
                log.seek(self._start)
                lines = log.read().decode(errors="replace").splitlines()
            return any(all(word in line for word in words) for line in lines)

        wait_for(found)
