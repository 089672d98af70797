"""What `train`, `evaluate` and `compare` begin with: the features of a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from femo_cli.output import print_json, share_bar

if TYPE_CHECKING:
    from femo_signal.learning.training import Dataset
    from femo_signal.settings import AnalysisSettings

__all__ = ["extract_dataset", "tell_no_items"]


def extract_dataset(
    manifest_path: Path,
    *,
    settings: AnalysisSettings,
    cache: Path | None,
    force: bool,
    strict: bool,
) -> Dataset | None:
    """Extract a manifest's recordings, or take them from the cache; None if there are no items."""
    from femo_signal.learning.extraction import extract_manifest
    from femo_signal.learning.training import prepare_dataset
    from femo_signal.manifest import load_manifest

    manifest = load_manifest(manifest_path)
    if not manifest.items:
        return None
    with share_bar("Extracting features") as tell:
        extraction = extract_manifest(
            manifest,
            folder=manifest_path.parent,
            settings=settings,
            cache=cache,
            force=force,
            strict=strict,
            progress=tell,
        )
    for notice in extraction.notices:
        click.echo(f"femo: {notice}", err=True)
    dataset = prepare_dataset(extraction.recordings, notices=extraction.notices)
    for notice in dataset.notices[len(extraction.notices) :]:
        click.echo(f"femo: {notice}", err=True)
    return dataset


def tell_no_items(status: str, deed: str, *, as_json: bool) -> None:
    """Say that nothing was done, as the manifest names no recordings."""
    if as_json:
        print_json({"status": status, "reason": "the manifest has no items"})
    else:
        click.echo(f"The manifest has no items: nothing to {deed}.")
