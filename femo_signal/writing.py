"""Files that are written whole or not at all, and never over others unless that was asked for."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from femo_signal.errors import OutputError

__all__ = ["check_target", "whole_file", "whole_files"]


def check_target(folder: Path, names: Iterable[str], *, overwrite: bool) -> None:
    """Tell before any work whether files could be written.

    Parameters
    ----------
    folder : Path
        It need not be there yet; nothing is created.
    names : iterable of str
        The files that would be written into it.
    overwrite : bool
        Whether files that exist may be replaced.

    Raises
    ------
    OutputError
        ``output_exists`` if a file is there already; ``output_unwritable`` if the folder is none
        or cannot be written.
    """
    try:
        above = folder.absolute()
        while not os.path.lexists(above):
            above = above.parent
        if not above.is_dir():
            raise NotADirectoryError(f"{above} is no folder")
        if not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(f"{above} cannot be written")
        for name in names:
            path = folder / name
            if path.is_dir():
                raise IsADirectoryError(f"{path} is a folder")
            if not overwrite and os.path.lexists(path):
                raise OutputError(
                    f"{path} exists already; choose another place, or say --overwrite to replace "
                    "what is there",
                    code="output_exists",
                )
    except (OSError, ValueError) as error:
        raise OutputError(
            f"cannot write into {folder}: {error}; choose another place", code="output_unwritable"
        ) from error


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to; what was written there takes the place of `path` at the end.

    Whoever is interrupted, even killed, leaves `path` as it was. The given path has the same suffix
    and lies in the same folder, which is created if need be.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".partial-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o666 & ~_umask())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_files(folder: Path, *, last: str) -> Iterator[Path]:
    """Give a folder to write files into, which are moved into `folder` at the end.

    Parameters
    ----------
    folder : Path
        Created if need be; files of the same names are replaced.
    last : str
        The file without which the others count for nothing: it comes last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    try:
        yield partial
        if (folder / last).exists():
            # Between the first and the last move there is nothing rather than a mixture.
            (folder / last).unlink()
        for path in sorted(partial.iterdir(), key=lambda path: (path.name == last, path.name)):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _umask() -> int:
    """Return the process's umask, which can be read only by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
