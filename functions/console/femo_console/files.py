"""The files that are served, read once: what is not among them cannot be asked for."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Without a charset a browser may guess one.
_TEXTS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".yaml": "application/yaml; charset=utf-8",
}
INDEX = "index.html"
_HASHED = "assets/"  # where Vite puts what carries a hash of its content in its name


class MissingFilesError(RuntimeError):
    """The files to serve were not built."""


@dataclass(frozen=True)
class StaticFile:
    """A file as it is answered."""

    body: str
    is_base64: bool
    content_type: str
    etag: str
    is_immutable: bool  # its content never changes under this name

    @property
    def is_page(self) -> bool:
        """Whether a browser shows it, and so obeys its policy."""
        return self.content_type.startswith("text/html")


def read_folder(folder: Path) -> Mapping[str, StaticFile]:
    """Return a folder's files by their path below it.

    Raises
    ------
    MissingFilesError
        If there is no index among them.
    """
    found = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    if INDEX not in found:
        raise MissingFilesError(
            f"the package has no {folder.name}/{INDEX}: run `make setup` before `sam build`"
        )
    return {name: _read(path, name) for name, path in found.items()}


def _read(path: Path, name: str) -> StaticFile:
    content = path.read_bytes()
    text = _TEXTS.get(path.suffix)
    return StaticFile(
        body=content.decode() if text else base64.b64encode(content).decode(),
        is_base64=text is None,
        content_type=text or "application/octet-stream",
        etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        is_immutable=name.startswith(_HASHED),
    )
