"""Run a notebook from top to bottom, and keep it with what its cells printed and drew.

python -m scripts.run_notebook docs/first_night.ipynb build/notebooks/first_night.ipynb
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CELL_SECONDS = 300


def run_notebook(source: Path, target: Path) -> None:
    """Run every cell of ``source`` in a kernel of this environment; write ``target`` at the end.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell failed. ``target`` is left as it was.
    """
    notebook = nbformat.read(source, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3").execute()
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)  # type: ignore[no-untyped-call]


def main() -> int:
    """Run the notebook that the command line names; return the exit status."""
    if len(sys.argv) != 3:
        click.echo(__doc__, err=True)
        return 2
    try:
        run_notebook(Path(sys.argv[1]), Path(sys.argv[2]))
    except CellExecutionError as error:
        click.echo(f"{sys.argv[1]}: {error}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
