"""What the image is built from: the commit, and whether the files still are that commit's."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import ImageError

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = Path("inference_container/Dockerfile")
NAME = "femo-cloud"
REVISION_CHARACTERS = 12
"""Of a commit's hash: as many as git itself shows of it in a very large repository."""


@dataclass(frozen=True)
class Source:
    """One state of the files that the image is built from."""

    root: Path
    revision: str
    """The commit, shortened; ``unknown`` outside a git repository."""
    changed: tuple[str, ...]
    """What of these files differs from the commit."""

    @property
    def tag(self) -> str:
        """Name of the built image on this machine."""
        changed = "-changed" if self.changed else ""
        return f"localhost/{NAME}:{self.revision}{changed}"

    def check_committed(self) -> None:
        """Refuse what no commit names: its tag could not be told from another's.

        Raises
        ------
        ImageError
            Outside a git repository, or naming what is not committed.
        """
        if self.revision == "unknown":
            raise ImageError("the image's tag is its commit, and this folder is no git repository")
        if self.changed:
            listed = "\n  ".join(self.changed)
            raise ImageError(
                "the image's tag is its commit, and these files differ from it; commit them, "
                f"then run make image and make push again:\n  {listed}"
            )


def read_source(root: Path = ROOT) -> Source:
    """Ask git about the files that the build is given."""
    try:
        revision = _git(root, "rev-parse", f"--short={REVISION_CHARACTERS}", "HEAD").strip()
        status = _git(root, "status", "--porcelain", "--", *_given_to_the_build(root))
    except (OSError, subprocess.CalledProcessError):
        return Source(root, "unknown", ())
    return Source(root, revision, tuple(line[3:] for line in status.splitlines()))


def _given_to_the_build(root: Path) -> list[str]:
    lines = (root / ".dockerignore").read_text().splitlines()
    admitted = [line[1:] for line in lines if line.startswith("!")]
    return [*admitted, ".dockerignore", str(DOCKERFILE)]


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout
