"""What this machine tells a build: where packages come from, and whom it trusts."""

from __future__ import annotations

import ast
import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD_FOLDER = ROOT / "build/image"
BASE_ARCHIVE = BUILD_FOLDER / "base.tar"
BASE_IMAGE = "localhost/femo-base:bookworm"
PROGRAMS = ("buildah", "mmdebstrap")
CERTIFICATES = Path("/etc/ssl/certs")
PACKAGES = ("python3", "python3-pip", "python3-venv", "python-is-python3", "ca-certificates")
PIP_SETTINGS = {
    "cert", "client-cert", "extra-index-url", "index-url", "proxy", "retries", "timeout",
    "trusted-host",
}  # fmt: skip
"""Those that say where packages come from and whom to trust; what names this machine's own folders
means nothing inside a build."""


def what_is_missing() -> str | None:
    """Return why the image cannot be built here; None if it can."""
    if os.geteuid() != 0:
        return "only root can build an image with buildah's chroot isolation"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)} (apt-get install)" if absent else None


def pip_configuration() -> str:
    """Return this machine's settings of pip, from its files and variables, as one file."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    parser = configparser.RawConfigParser()
    parser.add_section("global")
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        setting = name.removeprefix(":env:.").removeprefix("global.")
        words = [
            word
            for word in str(ast.literal_eval(value)).split()
            if not (setting.endswith("-url") and word.startswith("file:"))
        ]
        setting = setting.removeprefix("default-")
        if setting in PIP_SETTINGS and words:
            parser.set("global", setting, " ".join(words))
    lines = [f"{name} = {value}" for name, value in parser.items("global")]
    return "\n".join(["[global]", *lines, ""])


def prepare_buildah() -> dict[str, str]:
    """Lay out buildah's folders in the project; return the environment that points there."""
    BUILD_FOLDER.mkdir(parents=True, exist_ok=True)
    pip = BUILD_FOLDER / "pip.conf"
    pip.write_text(pip_configuration())
    volumes = [f"{pip}:/etc/pip.conf:ro"]
    if CERTIFICATES.is_dir():
        volumes.append(f"{CERTIFICATES}:{CERTIFICATES}:ro")
    storage = BUILD_FOLDER / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{BUILD_FOLDER}/storage"\n'
        f'runroot = "{BUILD_FOLDER}/run"\n'
    )
    containers = BUILD_FOLDER / "containers.conf"
    containers.write_text(f"[containers]\nvolumes = {volumes!r}\n".replace("'", '"'))
    return {
        **os.environ,
        "BUILDAH_ISOLATION": "chroot",
        "CONTAINERS_CONF": str(containers),
        "CONTAINERS_STORAGE_CONF": str(storage),
    }


def make_base(environment: dict[str, str]) -> None:
    """Make the image that stands for the official Python's, once: Debian with its own Python."""
    if not BASE_ARCHIVE.exists():
        partial = BASE_ARCHIVE.with_name("partial.tar")
        run(
            ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}",
             "bookworm", str(partial)],
            dict(os.environ),
        )  # fmt: skip
        partial.rename(BASE_ARCHIVE)
    known = subprocess.run(
        ["buildah", "inspect", "--type", "image", BASE_IMAGE],
        env=environment, capture_output=True, check=False,
    )  # fmt: skip
    if known.returncode == 0:
        return
    container = run(["buildah", "from", "scratch"], environment)
    run(["buildah", "add", container, str(BASE_ARCHIVE), "/"], environment)
    run(["buildah", "commit", "--rm", "--quiet", container, BASE_IMAGE], environment)


def build_image(environment: dict[str, str], tag: str) -> None:
    """Build the image as `make image` does, on the base of this machine."""
    run(
        [sys.executable, "-m", "scripts.image.build", "--builder", "buildah", "--base", BASE_IMAGE,
         "--tag", tag],
        environment,
    )  # fmt: skip


# How buildah ends now and then, where a file descriptor of its own program is still open elsewhere
# when it seals the copy that it goes on from: before a step has begun, and not the second time
_BUILDAH_FOUND_ITSELF_BUSY = "sealing memfd copy: Device or resource busy"


def run(command: list[str], environment: dict[str, str]) -> str:
    """Run a command that has to succeed; return what it printed."""
    for _ in range(3):
        done = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if _BUILDAH_FOUND_ITSELF_BUSY not in done.stdout + done.stderr:
            break
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout.strip()
