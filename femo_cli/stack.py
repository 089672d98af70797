"""What the commands share that talk to a deployed stack."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from femo_client.api import JobsApi

__all__ = ["checked_job_id", "signed_in", "stack_options"]


def stack_options(command: Callable[..., None]) -> Callable[..., None]:
    for name, variable, text in (
        ("--client-secret", "FEMO_CLIENT_SECRET", "Secret of the machine client."),
        ("--client-id", "FEMO_CLIENT_ID", "Machine client; the stack's output MachineClientId."),
        ("--token-url", "FEMO_TOKEN_URL", "The stack's output TokenUrl."),
        ("--api-url", "FEMO_API_URL", "The stack's output ApiUrl."),
    ):
        command = click.option(name, envvar=variable, show_envvar=True, required=True, help=text)(
            command
        )
    return command


@contextmanager
def signed_in(
    api_url: str, token_url: str, client_id: str, client_secret: str
) -> Iterator[JobsApi]:
    from femo_client.api import ApiError, Credentials, JobsApi, UnusableInputError

    try:
        with JobsApi(api_url, Credentials(token_url, client_id, client_secret)) as api:
            yield api
    except ApiError as error:
        field = f", field {error.field}" if error.field else ""
        later = f", again in {error.retry_after:.0f} s" if error.retry_after else ""
        click.echo(f"femo: error: {error} ({error.code}{field}{later})", err=True)
        refused = 400 <= error.status < 500
        sys.exit(2 if refused else 1)
    except (UnusableInputError, OSError) as error:
        click.echo(f"femo: error: {error}", err=True)
        sys.exit(2)


def checked_job_id(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> str | None:
    """Refuse what cannot be a job's id before anything is sent."""
    from femo_client.api import UnusableInputError, check_job_id

    try:
        return text if text is None else check_job_id(text)
    except UnusableInputError as error:
        raise click.BadParameter(str(error)) from error
