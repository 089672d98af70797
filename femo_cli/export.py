"""`femo export`: a result in formats that other programs open."""

from __future__ import annotations

import json
import re
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from femo_cli.options import RecordingPath, overwrite_option
from femo_cli.output import share_bar
from femo_cli.responses import read_responses
from femo_cli.stack import stack_options

if TYPE_CHECKING:
    from femo_signal.exporting.counts import Counts
    from femo_signal.exporting.marks import Mark

__all__ = ["export"]

_FORMATS = ("csv", "parquet", "edf", "wfdb", "fhir")
_WITH_SIGNALS = ("edf", "wfdb")
_PRINTED = ("csv", "fhir")
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+", re.ASCII | re.IGNORECASE)
_RECORD = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class _Zone(click.ParamType[tzinfo]):
    """A time zone's name."""

    name = "zone"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tzinfo:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return UTC if value == "UTC" else ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is no time zone; give a name as Europe/Berlin", param, ctx)


class _Uri(click.ParamType[str]):
    """A URI with its scheme."""

    name = "uri"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _URI.fullmatch(value):
            self.fail(f"{value!r} is no URI; give one as https://example.org/subjects", param, ctx)
        return str(value)


@click.command()
@click.argument("source", metavar="RESULT|JOB")
@click.option(
    "--format",
    "kind",
    type=click.Choice(_FORMATS),
    required=True,
    help="csv and parquet: a table; fhir: a bundle; edf and wfdb: with the signals.",
)
@click.option("--recording", type=RecordingPath, help="The recording, for edf and wfdb.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; csv and fhir are printed without. Of wfdb its header (.hea).",
)
@click.option(
    "--zone",
    type=_Zone(),
    help="Tell local time too, of this zone (Europe/Berlin); "
    "edf and wfdb start by its clock. Default UTC.",
)
@click.option(
    "--subject-system",
    type=_Uri(),
    help="For fhir: URI of the set of pseudonyms that the subject's is unique in.",
)
@overwrite_option
@stack_options
def export(
    source: str,
    kind: str,
    recording: Path | None,
    output: Path | None,
    zone: tzinfo | None,
    subject_system: str | None,
    overwrite: bool,
    **stack: Any,
) -> None:
    """Write RESULT, or the result of a JOB, as a table, a FHIR bundle, EDF+ or a WFDB record.

    RESULT is a file that `femo analyze` printed or the service stored, or `-` for standard input;
    any other name is the id of a job of a deployed stack.
    """  # fmt: skip
    _check_options(kind, recording, output, subject_system)
    if output is not None:
        _check_output(kind, output, (source, recording), overwrite=overwrite)
    response = _response(source, stack)
    if kind in _WITH_SIGNALS and recording is not None and output is not None:
        _write_signals(kind, response, recording, output, zone or UTC)
    elif kind == "parquet" and output is not None:
        from femo_signal.exporting.parquet import write_parquet
        from femo_signal.writing import whole_file

        with whole_file(output) as partial:
            write_parquet(partial, response, zone=zone)
    else:
        _write_text(_text(kind, response, zone, subject_system), output)
    if output is not None:
        click.echo(f"Written: {', '.join(map(str, _written(kind, output)))}", err=True)


def _written(kind: str, output: Path) -> list[Path]:
    """Return the files that are there now, by their names."""
    if kind != "wfdb":
        return [output]
    from femo_signal.exporting.wfdb_record import wfdb_files

    files = [output.parent / name for name in wfdb_files(_record(output))]
    return [file for file in files if file.exists()]


def _check_options(
    kind: str, recording: Path | None, output: Path | None, subject_system: str | None
) -> None:
    if kind in _WITH_SIGNALS and recording is None:
        raise click.UsageError(f"--format {kind} has the signals: give the --recording")
    if kind not in _WITH_SIGNALS and recording is not None:
        raise click.UsageError(f"--format {kind} has no signals: leave out the --recording")
    if kind not in _PRINTED and output is None:
        raise click.UsageError(f"--format {kind} is no text: give the --output")
    if kind != "fhir" and subject_system is not None:
        raise click.UsageError(f"--format {kind} has no --subject-system: leave it out")


def _check_output(
    kind: str, output: Path, read: tuple[str, Path | None], *, overwrite: bool
) -> None:
    """Refuse to write over what is there, and in any case over what is read."""
    from femo_signal.writing import check_target

    names = [output.name]
    if kind == "wfdb":
        from femo_signal.exporting.wfdb_record import wfdb_files

        names = list(wfdb_files(_record(output)))
    for source in (one for one in read if one is not None):
        given = Path(source).resolve()
        if given in {(output.parent / name).resolve() for name in names}:
            raise click.BadParameter(
                f"{given.name} would be written over, which is what is read; choose another name",
                param_hint="--output",
            )
    check_target(output.parent, names, overwrite=overwrite)


def _record(output: Path) -> str:
    """Return the name of a WFDB record by its header's path."""
    record = output.name.removesuffix(".hea")
    if not _RECORD.fullmatch(record):
        raise click.BadParameter(
            f"{record!r} is no name of a WFDB record: letters, digits, _ and - alone",
            param_hint="--output",
        )
    return record


def _response(source: str, stack: dict[str, Any]) -> dict[str, Any]:
    """Return the response in a file, or that of a job; checked to be one."""
    from pydantic import ValidationError

    from femo_result.exports import as_response

    (told,) = read_responses([source], stack)
    try:
        as_response(told)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise click.UsageError(
            f"{source} is no result that this version reads: {field}: {first['msg']}; give what "
            "`femo analyze` or a completed job gave, of this version or a later one"
        ) from error
    return told


def _text(
    kind: str, response: dict[str, Any], zone: tzinfo | None, subject_system: str | None
) -> str:
    from femo_result.exports import csv_of, fhir_of

    if kind == "csv":
        return csv_of(response, zone=zone)
    bundle = fhir_of(response, subject_system=subject_system)
    return json.dumps(bundle, indent=2, allow_nan=False) + "\n"


def _write_text(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    from femo_signal.writing import whole_file

    with whole_file(output) as partial:
        partial.write_text(text, encoding="utf-8", newline="")


def _write_signals(
    kind: str, told: dict[str, Any], recording: Path, output: Path, zone: tzinfo
) -> None:
    from femo_result.exports import as_response
    from femo_signal.exporting.counts import read_counts
    from femo_signal.exporting.marks import marks_of
    from femo_signal.exporting.pairing import check_same_recording

    response = as_response(told)
    write = _write_edf if kind == "edf" else _write_wfdb
    with share_bar("Exporting") as tell:
        counts = read_counts(recording, progress=lambda share: tell(0.7 * share))
        check_same_recording(response, counts.info, recording)
        marks = marks_of(response, counts)
        write(output, counts, marks, zone=zone, subject=told.get("subjectId"))
        tell(1.0)


def _write_edf(output: Path, counts: Counts, marks: list[Mark], **told: Any) -> None:
    from femo_signal.exporting.edf import write_edf
    from femo_signal.writing import whole_file

    with whole_file(output) as partial:
        write_edf(partial, counts, marks, **told)


def _write_wfdb(output: Path, counts: Counts, marks: list[Mark], **told: Any) -> None:
    from femo_signal.exporting.wfdb_record import wfdb_files, write_wfdb
    from femo_signal.writing import whole_files

    record = _record(output)
    with whole_files(output.parent, last=f"{record}.hea") as folder:
        write_wfdb(folder, record, counts, marks, **told)
        written = {path.name for path in folder.iterdir()}
    for name in set(wfdb_files(record)) - written:  # an older record's, of what there is none now
        (output.parent / name).unlink(missing_ok=True)
