"""What tells a recording from others whatever it is called: the digest of its file."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

__all__ = ["content_sha256", "regular_size"]

_CHUNK_BYTES = 1 << 20


def regular_size(path: Path) -> int:
    """Return the size in bytes of a file that can be read to its end.

    Raises
    ------
    OSError
        If there is no such file, or no right to read it, or if it is a folder, a pipe or a device,
        which may never end. Also for a name that no file can have.
    """
    try:
        facts = path.stat()
    except ValueError as error:  # a NUL in the name
        raise OSError(f"{error}: no file can have this name") from error
    if not stat.S_ISREG(facts.st_mode):
        raise OSError("it is no regular file but a folder, a pipe or a device")
    if not os.access(path, os.R_OK):
        raise PermissionError("Permission denied")
    return facts.st_size


def content_sha256(path: Path, *, progress: Callable[[float], None] | None = None) -> str:
    """Return the SHA-256 of a file's whole content, 64 hex digits.

    Parameters
    ----------
    path : Path
    progress : callable, optional
        Called with the bytes read since its last call.

    Raises
    ------
    OSError
        If the file cannot be read, or is none (see `regular_size`).
    """
    regular_size(path)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            if progress is not None:
                progress(len(chunk))
    return digest.hexdigest()
