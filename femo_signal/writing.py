"""Files that are written whole or not at all, and never over others unless that was asked for.

A symbolic link is followed: the file that it names is written, and the link stays. What is no
regular file (a device, a pipe, a folder) is never replaced, as no file could take its place.
"""

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
        or cannot be written, or if what is there is no regular file.
    """
    try:
        _check_folder(folder)
        for name in names:
            path = folder / name
            target = _replaceable(path)
            if target.parent != _target(folder):  # a link to elsewhere
                _check_folder(target.parent)
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


def _check_folder(folder: Path) -> None:
    """See that files can be written into a folder, or that it can be made."""
    above = folder.absolute()
    while not os.path.lexists(above):
        above = above.parent
    if not above.is_dir():
        raise NotADirectoryError(f"{above} is no folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise PermissionError(f"{above} cannot be written")


def _target(path: Path) -> Path:
    """Return where a path leads; an OSError tells that links lead round in a circle."""
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(f"{path} is a link that leads to itself")
    return target


def _replaceable(path: Path) -> Path:
    """Return the file that a path names, seen to be a regular one where it is there."""
    target = _target(path)
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    if target.exists() and not target.is_file():
        raise OSError(f"{path} is no regular file")
    return target


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to; what was written there takes the place of `path` at the end.

    Whoever is interrupted, even killed, leaves `path` as it was. The given path has the same suffix
    and lies in the same folder, which is created if need be.

    Raises
    ------
    OSError
        `path` is there and no regular file, or cannot be written.
    """
    suffix, path = path.suffix, _replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".partial-", suffix=suffix, dir=path.parent)
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

    Raises
    ------
    OSError
        One of the names is there and no regular file, or cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    try:
        yield partial
        moves = {path: _replaceable(folder / path.name) for path in partial.iterdir()}
        # Between the first and the last move there is nothing rather than a mixture.
        _replaceable(folder / last).unlink(missing_ok=True)
        for path in sorted(moves, key=lambda path: (path.name == last, path.name)):
            _move(path, moves[path])
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _move(path: Path, target: Path) -> None:
    """Put a file into the place of another, which a link may have on another disk."""
    if target.parent == _target(path.parent.parent):
        path.replace(target)
        return
    with whole_file(target) as partial:
        shutil.copyfile(path, partial)


def _umask() -> int:
    """Return the process's umask, which can be read only by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
