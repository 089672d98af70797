"""`make push`: the image of this commit to Amazon ECR, and its URI to samconfig.toml."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .builders import DOCKER_MANIFEST, Builder, choose_builder
from .errors import ImageError
from .profiles import keep_parameters
from .registry import PushedImage, Repository
from .source import Source, read_source

__all__ = ["deliver", "main", "publish"]


def publish(source: Source, repository: Repository, builder: Builder) -> PushedImage:
    """Push the commit's image unless the repository has it; return it as ECR holds it.

    Raises
    ------
    ImageError
        If it was not built, if its manifest is one that SageMaker refuses, or if the push fails.
    """
    target = f"{repository.uri}:{source.revision}"
    found = repository.image(source.revision)
    if found is None:
        if not builder.holds(source.tag):
            raise ImageError(f"this machine has no {source.tag}: run make image first")
        _check_kind(builder.media_type(source.tag), source.tag)
        builder.push(source.tag, target, repository.login())
        found = repository.image(source.revision)
        if found is None:
            raise ImageError(f"{target} was pushed, but Amazon ECR does not list it")
    else:
        click.echo(f"Amazon ECR has {target} already: nothing is pushed.")
    _check_kind(found.media_type, target)
    return found


def _check_kind(kind: str, name: str) -> None:
    if kind != DOCKER_MANIFEST:
        raise ImageError(
            f"{name} has a manifest of the kind {kind}, and SageMaker takes {DOCKER_MANIFEST} "
            "alone. Build it with make image; one that lies in ECR has to be deleted there first"
        )


def deliver(
    source: Source, repository: Repository, builder: Builder, samconfig: Path, profile: str
) -> str:
    """Publish the image, write it into the profile, and return its URI by digest."""
    source.check_committed()
    uri = f"{repository.uri}@{publish(source, repository, builder).digest}"
    written = keep_parameters(samconfig, profile, {"ImageUri": uri})
    click.echo(f"Wrote ImageUri into {samconfig.name}: {', '.join(written)}")
    return uri


@click.command()
@click.option("--repository", default="femo-inference", show_default=True, help="Name in ECR.")
@click.option("--profile", default="default", show_default=True, help="Profile of samconfig.toml.")
def main(repository: str, profile: str) -> None:
    """Push the image that `make image` built of this commit, and print its ImageUri."""
    try:
        source = read_source()
        source.check_committed()
        builder = choose_builder()
        uri = deliver(
            source, Repository(repository), builder, source.root / "samconfig.toml", profile
        )
    except ImageError as error:
        sys.exit(f"Error: {error}")
    click.echo(f"ImageUri={uri}")


if __name__ == "__main__":
    main()
