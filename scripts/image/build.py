"""`make image`: build the inference image on this machine."""

from __future__ import annotations

import sys

import click

from .builders import DOCKER_MANIFEST, choose_builder
from .errors import ImageError
from .source import read_source


@click.command()
@click.option("--base", help="Image to build on, instead of the one that the Dockerfile names.")
@click.option("--builder", "only", type=click.Choice(["docker", "buildah"]), help="This one alone.")
@click.option("--tag", help="Name of the image; by default it tells the commit.")
def main(base: str | None, only: str | None, tag: str | None) -> None:
    """Build the inference image with Docker or buildah, in the format that SageMaker takes."""
    try:
        source = read_source()
        builder = choose_builder(only)
        name = tag or source.tag
        builder.build(source, name, base=base or None)
        kind = builder.media_type(name)
        if kind != DOCKER_MANIFEST:
            raise ImageError(f"the image's manifest is {kind}; SageMaker takes {DOCKER_MANIFEST}")
    except ImageError as error:
        sys.exit(f"Error: {error}")
    click.echo(f"Built {name}")
    if source.changed:
        click.echo("It has files that are not committed: it can be tried, not pushed.")


if __name__ == "__main__":
    main()
