"""`femo convert`: sessions of the public data sets as recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from femo_cli.options import json_option, overwrite_option
from femo_cli.output import print_json, share_bar

if TYPE_CHECKING:
    from femo_signal.formats.conversion import Conversion, FolderConversion

__all__ = ["convert"]


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.argument("out", type=click.Path(path_type=Path))
@overwrite_option
@json_option("Print what was written as JSON.")
def convert(source: Path, out: Path, overwrite: bool, as_json: bool) -> None:
    """Turn SOURCE, a .mat file of a public data set or a folder of them, into v1 recordings.

    OUT is a .dat file, or a folder; a folder of sessions also gets a manifest, in which the
    presses are the labels. The content tells which of the two sets a file is of.
    """
    from femo_signal.formats.conversion import convert_file, convert_folder

    as_file = out.suffix.lower() == ".dat" and not out.is_dir()
    if not as_file and out.exists() and not out.is_dir():
        raise click.BadParameter(f"{out} is neither a folder nor a .dat file", param_hint="OUT")
    if source.is_dir():
        if as_file:
            raise click.BadParameter(
                f"{source} is a folder: give a folder for its recordings", param_hint="OUT"
            )
        with share_bar("Converting") as tell:
            _show_folder(
                convert_folder(source, out, overwrite=overwrite, progress=tell), as_json=as_json
            )
        return
    target = out if as_file else out / f"{source.stem}.dat"
    with share_bar("Converting") as tell:
        conversion = convert_file(source, target, overwrite=overwrite, progress=tell)
    if as_json:
        print_json(conversion.to_dict())
    else:
        _show(conversion)


def _show_folder(result: FolderConversion, *, as_json: bool) -> None:
    for name, reason in result.left_out.items():
        click.echo(f"femo: {name} was left out: {reason}", err=True)
    if as_json:
        print_json(result.to_dict())
        return
    for conversion in result.recordings:
        _show(conversion)
    click.echo(f"Manifest of {len(result.recordings)} recordings: {result.manifest}")


def _show(conversion: Conversion) -> None:
    click.echo(
        f"{conversion.recording}: {conversion.duration_seconds / 60:.1f} min, "
        f"{conversion.presses} presses, from {conversion.source} ({conversion.layout})"
    )
    for notice in conversion.notices:
        click.echo(f"Note: {notice}", err=True)
