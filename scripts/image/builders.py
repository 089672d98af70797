"""Docker and buildah behind one face: whichever of them works on this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from .errors import ImageError
from .source import DOCKERFILE, Source

__all__ = ["DOCKER_MANIFEST", "Buildah", "Builder", "Docker", "choose_builder"]

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
"""The one kind of manifest that SageMaker takes: it refuses those of OCI and every list of them."""
PLATFORM = "linux/amd64"
"""Of the instance types that the template offers."""


@dataclass(frozen=True)
class Login:
    """A password for a registry, which goes to a program's standard input alone."""

    registry: str
    user: str
    password: str = field(repr=False)


class Builder(Protocol):
    """A program that builds and pushes images."""

    def build(self, source: Source, tag: str, *, base: str | None) -> None:
        """Build the image and keep it on this machine as ``tag``."""

    def holds(self, tag: str) -> bool:
        """Return whether this machine has an image of this name."""

    def media_type(self, tag: str) -> str:
        """Return the kind of manifest that a push of the image would send."""

    def push(self, tag: str, target: str, login: Login) -> None:
        """Send the image to a registry, and leave no password behind."""


class Docker:
    """Docker with its plugin buildx, on a running engine."""

    @staticmethod
    def why_not() -> str | None:
        """Return what is missing; None if it works."""
        if shutil.which("docker") is None:
            return "docker is not installed"
        if not _answers(["docker", "buildx", "version"]):
            return "docker has no buildx"
        if not _answers(["docker", "info"]):
            return "docker's engine does not answer"
        return None

    def build(self, source: Source, tag: str, *, base: str | None) -> None:
        """Build without attestations, which would make the manifest a list of OCI's kind."""
        _run([
            "docker", "buildx", "build", "--provenance=false", "--sbom=false",
            "--output", f"type=docker,name={tag},oci-mediatypes=false",
            *_common(source, base), str(source.root),
        ])  # fmt: skip

    def holds(self, tag: str) -> bool:
        """Ask the engine."""
        return _answers(["docker", "image", "inspect", tag])

    def media_type(self, tag: str) -> str:
        """The stored manifest's; an engine that stores none makes Docker's when it pushes."""
        (about,) = json.loads(_run(["docker", "image", "inspect", tag], read=True))
        kind: str = (about.get("Descriptor") or {}).get("mediaType", DOCKER_MANIFEST)
        return kind

    def push(self, tag: str, target: str, login: Login) -> None:
        """Log in, push under the other name, and log out whatever happens."""
        _run(
            ["docker", "login", "--username", login.user, "--password-stdin", login.registry],
            given=login.password,
        )
        try:
            _run(["docker", "tag", tag, target])
            _run(["docker", "push", target])
        finally:
            _run(["docker", "logout", login.registry])


class Buildah:
    """Buildah, which needs no engine."""

    @staticmethod
    def why_not() -> str | None:
        """Return what is missing; None if it works."""
        if shutil.which("buildah") is None:
            return "buildah is not installed"
        return None if _answers(["buildah", "images"]) else "buildah images fails"

    def build(self, source: Source, tag: str, *, base: str | None) -> None:
        """Build in Docker's format, as buildah's own is OCI's."""
        _run([
            "buildah", "build", "--format", "docker", "--tag", tag,
            *_common(source, base), str(source.root),
        ])  # fmt: skip

    def holds(self, tag: str) -> bool:
        """Look into buildah's own store."""
        return _answers(["buildah", "inspect", "--type", "image", tag])

    def media_type(self, tag: str) -> str:
        """The stored manifest's."""
        about = json.loads(_run(["buildah", "inspect", "--type", "image", tag], read=True))
        manifest = json.loads(about["Manifest"])
        kind: str = manifest.get("mediaType", "application/vnd.oci.image.manifest.v1+json")
        return kind

    def push(self, tag: str, target: str, login: Login) -> None:
        """Log in for this push alone: the password's file goes with its folder."""
        with tempfile.TemporaryDirectory(prefix="femo-login-") as folder:
            at = ["--authfile", str(Path(folder) / "auth.json")]
            _run(
                ["buildah", "login", *at, "--username", login.user, "--password-stdin",
                 login.registry],
                given=login.password,
            )  # fmt: skip
            _run(["buildah", "push", *at, "--format", "v2s2", tag, f"docker://{target}"])


def choose_builder(only: str | None = None) -> Builder:
    """Return the first that works.

    Parameters
    ----------
    only : str, optional
        ``docker`` or ``buildah``: look at this one alone.

    Raises
    ------
    ImageError
        If none does, with what each lacks.
    """
    kinds: tuple[type[Docker] | type[Buildah], ...] = (Docker, Buildah)
    missing = []
    for kind in kinds:
        if only not in (None, kind.__name__.lower()):
            continue
        reason = kind.why_not()
        if reason is None:
            return kind()
        missing.append(reason)
    raise ImageError(
        f"the image needs Docker with buildx, or buildah: {' and '.join(missing)}. "
        "Debian and Ubuntu: apt-get install buildah"
    )


def _common(source: Source, base: str | None) -> list[str]:
    chosen = [] if base is None else ["--build-arg", f"PYTHON_IMAGE={base}"]
    return [
        "--platform", PLATFORM, "--file", str(source.root / DOCKERFILE),
        "--label", f"org.opencontainers.image.revision={source.revision}", *chosen,
    ]  # fmt: skip


def _answers(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(command: Sequence[str], *, given: str | None = None, read: bool = False) -> str:
    done = subprocess.run(
        command, input=given, stdout=subprocess.PIPE if read else None, text=True, check=False
    )
    if done.returncode != 0:
        raise ImageError(f"{' '.join(command[:3])} ... failed (exit status {done.returncode})")
    return done.stdout or ""
