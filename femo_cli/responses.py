"""Responses that commands read: from a file, from standard input, or of a job."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from femo_cli.stack import signed_in

if TYPE_CHECKING:
    from femo_client import FemoClient

__all__ = ["STDIN", "read_responses"]

STDIN = "-"


def read_responses(sources: Iterable[str], stack: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what files hold, or jobs of a deployed stack have.

    Parameters
    ----------
    sources
        `STDIN`, paths, or ids of jobs: what is no file and could be none (`_is_file`).
    stack
        How to reach the stack (`femo_cli.stack.stack_options`); used where a job is named.

    Raises
    ------
    click.UsageError
        A file cannot be read or holds no JSON object. Whether that is a response is not looked at.
    """
    with ExitStack() as opened:
        # One sign-in for all jobs, and none where there are only files.
        client = cache(lambda: opened.enter_context(signed_in(**stack)))
        return [
            _in_file(source) if _is_file(source) else _of_job(source, client())
            for source in sources
        ]


def _is_file(source: str) -> bool:
    """Whether a file is meant; a folder that happens to be named as a job is none."""
    path = Path(source)
    return (
        source == STDIN
        or (path.exists() and not path.is_dir())
        or path.suffix == ".json"
        or len(path.parts) != 1
    )


def _of_job(job_id: str, client: FemoClient) -> dict[str, Any]:
    """Return a completed job with its result, wherever that is."""
    job = client.job(job_id)
    told = job.as_json() | {"result": client.result(job).model_dump(mode="json")}
    told.pop("resultUrl", None)  # signed: it opens the result to whoever has what is made of this
    return told


def _in_file(source: str) -> dict[str, Any]:
    """Return the JSON object in a file of any of Unicode's encodings, as shells write them."""
    try:
        with click.open_file(source, "rb") as file:
            told = json.loads(file.read(), parse_constant=_refuse)
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise click.UsageError(f"{source} cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{source} is no text, and so no result") from error
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{source} is no JSON: {error}") from error
    if not isinstance(told, dict):
        raise click.UsageError(f"{source} is no result: it is no JSON object")
    return told


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")
