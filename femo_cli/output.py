"""What commands print, and the bars that they show."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

__all__ = ["bar", "print_json", "share_bar"]


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, allow_nan=False))


@contextmanager
def bar(description: str, total: float, unit: str) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on standard error once a task takes longer than a second."""
    from tqdm import tqdm

    with tqdm(
        desc=description,
        total=total,
        delay=1.0,
        mininterval=0.5,
        leave=False,
        file=sys.stderr,
        bar_format="{desc} |{bar:30}| {percentage:3.0f} % of {total:.0f} " + unit + ", {remaining}",
    ) as bar:

        def advance(amount: float) -> None:
            bar.update(amount)

        yield advance


@contextmanager
def share_bar(description: str) -> Iterator[Callable[[float], None]]:
    """Like `_bar`, for tasks that tell which share of them is done."""
    done = 0.0
    with bar(description, 100, "percent") as update:

        def tell(share: float) -> None:
            nonlocal done
            update(100 * share - done)
            done = 100 * share

        yield tell
