"""What the commands share that talk to a deployed stack."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from femo_client import FemoClient

__all__ = ["checked_job_id", "signed_in", "stack_options"]


def stack_options(command: Callable[..., None]) -> Callable[..., None]:
    for name, variable, text in (
        ("--token", "FEMO_TOKEN", "Access token, in place of a machine client."),
        ("--client-secret", "FEMO_CLIENT_SECRET", "Secret of the machine client."),
        ("--client-id", "FEMO_CLIENT_ID", "Machine client; the stack's output MachineClientId."),
        ("--token-url", "FEMO_TOKEN_URL", "The stack's output TokenUrl."),
        ("--api-url", "FEMO_API_URL", "The stack's output ApiUrl."),
    ):
        command = click.option(name, envvar=variable, show_envvar=True, help=text)(command)
    return command


@contextmanager
def signed_in(**stack: str | None) -> Iterator[FemoClient]:
    """Give a client of the stack; end the command where that or what is done with it fails."""
    from femo_client import ApiError, ConfigurationError, FemoClient, UnusableInputError
    from femo_client.connection import Connection

    try:
        connection = Connection.of(stack)
        with FemoClient(connection.api_url, connection.credentials) as client:
            yield client
    except ApiError as error:
        field = f", field {error.field}" if error.field else ""
        later = f", again in {error.retry_after:.0f} s" if error.retry_after else ""
        request = f", request {error.request_id}" if error.request_id else ""
        click.echo(f"femo: error: {error} ({error.code}{field}{later}{request})", err=True)
        refused = 400 <= error.status < 500
        sys.exit(2 if refused else 1)
    except (ConfigurationError, UnusableInputError, OSError) as error:
        click.echo(f"femo: error: {error}", err=True)
        sys.exit(2)


def checked_job_id(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> str | None:
    """Refuse what cannot be a job's id before anything is sent."""
    from femo_client import UnusableInputError
    from femo_client.jobs import check_job_id

    try:
        return text if text is None else check_job_id(text)
    except UnusableInputError as error:
        raise click.BadParameter(str(error)) from error
