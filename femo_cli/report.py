"""`femo report`: a night as one file to look at, to send and to print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from femo_cli.options import overwrite_option
from femo_cli.responses import read_responses
from femo_cli.stack import stack_options

if TYPE_CHECKING:
    from femo_cli.viewing import Shown

__all__ = ["check_page", "page_kind", "report", "write_page", "zone_option"]


def _zone(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    from femo_cli.viewing import zone_named

    if value is None:
        return None
    try:
        return zone_named(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx=ctx, param=param) from error


page_kind = click.Path(path_type=Path, dir_okay=False)
zone_option = click.option(
    "--zone", callback=_zone, metavar="ZONE",
    help="Time zone of the woman, as Europe/London; default that of whoever looks.",
)  # fmt: skip


@click.command()
@click.argument("results", nargs=-1, required=True, metavar="RESULT|JOB...")
@click.option("--output", type=page_kind, required=True, help="The page, an .html file.")
@zone_option
@click.option("--subject", help="The woman's pseudonym, where the result has none.")
@overwrite_option
@stack_options
def report(
    results: tuple[str, ...],
    output: Path,
    zone: str | None,
    subject: str | None,
    overwrite: bool,
    **stack: Any,
) -> None:
    """Make one HTML file of RESULT, or of a JOB's, which needs no network and prints to A4.

    RESULT is a file that `femo analyze` printed or the service stored, or `-` for standard input;
    any other name is the id of a job of a deployed stack. Several are nights of one subject, under
    each other on one scale.
    """
    from femo_cli.viewing import Shown

    check_page(output, "--output", overwrite=overwrite)
    responses = [
        _checked(body, name)
        for body, name in zip(read_responses(results, stack), results, strict=True)
    ]
    _check_subject(responses, results, subject)
    write_page(output, Shown(responses=responses, zone=zone, subject=subject))
    click.echo(f"Report: {output}", err=True)


def _check_subject(
    responses: list[dict[str, Any]], names: tuple[str, ...], subject: str | None
) -> None:
    """Refuse a page on which a night would stand under another woman's pseudonym."""
    first, whose = "--subject", subject
    for response, name in zip(responses, names, strict=True):
        own = response.get("subjectId")
        if not own:
            continue
        if whose and own != whose:
            raise click.UsageError(
                f"{name} is a night of subject {own!r}, but {first} says {whose!r}; a page is of "
                "one subject"
            )
        first, whose = name, own


def check_page(path: Path, option: str, *, overwrite: bool) -> None:
    """Tell before any work whether a page could be written."""
    from femo_cli.viewing import empty_page
    from femo_signal.writing import check_target

    if path.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"{path.name} must end in .html", param_hint=option)
    check_target(path.parent, [path.name], overwrite=overwrite)
    empty_page()


def write_page(path: Path, shown: Shown) -> None:
    """Write a page, whole or not at all."""
    from femo_cli.viewing import night_page
    from femo_signal.writing import whole_file

    page = night_page(shown)
    with whole_file(path) as partial:
        partial.write_text(page, encoding="utf-8")


def _checked(body: dict[str, Any], name: str) -> dict[str, Any]:
    """See that a response is one that the page can show."""
    from femo_result import read_result

    if not isinstance(body.get("status"), str):
        raise click.UsageError(
            f"{name} is no result: give what `femo analyze` printed or the id of a completed job"
        )
    if body["status"] != "Completed":
        raise click.UsageError(f"{name} is of a job that is {body['status']}: it has no result")
    if body.get("result") is None:
        raise click.UsageError(
            f"{name} has no result in it: give the id of its job, or the file that its resultUrl "
            "names"
        )
    try:
        read_result(str(body.get("output_type")), body["result"])
    except ValueError as error:
        raise click.UsageError(
            f"{name} is no result that this version can show ({_first_fault(error)}); if an older "
            "service made it, analyse the recording again"
        ) from error
    return body


def _first_fault(error: ValueError) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
