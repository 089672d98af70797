"""Shows on a terminal, or in a log, where an execution stands."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

import click
from tqdm import tqdm

from femo_pipeline.execution import Position
from femo_pipeline.jobs import JOB_STATES

__all__ = ["ProgressDisplay", "duration"]

REPEAT_SECONDS = 60.0  # in a log, where a line cannot be rewritten


class ProgressDisplay:
    """One bar a state: the job's own progress where it tells one, else the time it takes.

    Parameters
    ----------
    is_terminal : bool
        Whether lines can be rewritten; without, one line a state and one a minute.
    """

    def __init__(self, *, is_terminal: bool) -> None:
        self._is_terminal = is_terminal
        self._state: str | None = None
        self._job: str | None = None
        self._seconds = 0.0
        self._bar: tqdm[Any] | None = None
        self._told = 0.0

    def __enter__(self) -> ProgressDisplay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._finish()

    def show(self, position: Position) -> None:
        """Take a new position in."""
        if position.state != self._state:
            self._finish()
            self._state = position.state
            self._told = time.monotonic()
        if position.job is not None and position.job.name != self._job:
            self._job = position.job.name
            click.echo(f"{position.state}: job {self._job}", err=True)
        self._seconds = position.seconds
        if self._is_terminal:
            self._draw(position)
        elif time.monotonic() - self._told > REPEAT_SECONDS:
            self._told = time.monotonic()
            click.echo(f"{position.state}: {_words(position)}", err=True)

    def _draw(self, position: Position) -> None:
        done, total = position.progress or (0, None)
        if self._bar is None:
            self._bar = tqdm(desc=position.state, leave=False, dynamic_ncols=True)
        self._bar.total = total
        self._bar.n = done
        self._bar.bar_format = (
            "{desc} {percentage:3.0f}%|{bar}| {n}/{total} [{elapsed}] {postfix}"
            if total
            else "{desc} [{elapsed}] {postfix}"
        )
        self._bar.set_postfix_str(position.job.status if position.job else "", refresh=True)

    def _finish(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        # States without a job pass in an instant
        if self._state in JOB_STATES:
            click.echo(f"{self._state}: {duration(self._seconds)}", err=True)
        self._state = None


def _words(position: Position) -> str:
    status = position.job.status if position.job else "running"
    done = f", {position.progress[0]} of {position.progress[1]}" if position.progress else ""
    return f"{status}{done}, {duration(position.seconds)}"


def duration(seconds: float) -> str:
    """Return seconds in the units that a person reads."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
