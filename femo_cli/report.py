"""`femo report`: a night as one file to look at, to send and to print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from femo_cli.options import overwrite_option

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
@click.argument("results", type=click.Path(path_type=Path), nargs=-1, required=True,
                metavar="RESULT...")  # fmt: skip
@click.option("--output", type=page_kind, required=True, help="The page, an .html file.")
@zone_option
@click.option("--subject", help="The woman's pseudonym, where the result has none.")
@overwrite_option
def report(
    results: tuple[Path, ...],
    output: Path,
    zone: str | None,
    subject: str | None,
    overwrite: bool,
) -> None:
    """Make one HTML file of RESULT, which needs no network and prints to A4.

    RESULT is what `femo analyze` printed, or `femo status --json` of a completed job. Several
    results are nights of one subject, under each other on one scale.
    """
    from femo_cli.viewing import Shown

    check_page(output, "--output", overwrite=overwrite)
    responses = [_response(path) for path in results]
    _check_subject(responses, results, subject)
    write_page(output, Shown(responses=responses, zone=zone, subject=subject))
    click.echo(f"Report: {output}", err=True)


def _check_subject(
    responses: list[dict[str, Any]], names: tuple[Path, ...], subject: str | None
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
        first, whose = str(name), own


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


def _response(path: Path) -> dict[str, Any]:
    """Read a response and see that it is one that the page can show."""
    from femo_result import read_result

    try:
        body = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no JSON"
        raise click.UsageError(f"{path} cannot be read: {why}") from error
    if not isinstance(body, dict) or not isinstance(body.get("status"), str):
        raise click.UsageError(
            f"{path} is no result: give what `femo analyze` printed, or `femo status --json` of a "
            "completed job"
        )
    if body["status"] != "Completed":
        raise click.UsageError(f"{path} is of a job that is {body['status']}: it has no result")
    if body.get("result") is None:
        raise click.UsageError(
            f"{path} has no result in it; fetch the file that its resultUrl names, and give that"
        )
    try:
        read_result(str(body.get("output_type")), body["result"])
    except ValueError as error:
        raise click.UsageError(
            f"{path} is no result that this version can show ({_first_fault(error)}); if an older "
            "service made it, analyse the recording again"
        ) from error
    return body


def _first_fault(error: ValueError) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
