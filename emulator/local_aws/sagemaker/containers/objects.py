"""Moves files between S3 and the folders of a container."""

import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local_aws.sagemaker.arns import S3Location
from local_aws.sagemaker.errors import ContainerError


def list_keys(s3: Any, location: S3Location) -> list[str]:
    """Return the keys below a prefix (or the one key), folder markers left out."""
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=location.bucket, Prefix=location.key
    )
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return [key for key in keys if not key.endswith("/")]


def download_keys(s3: Any, location: S3Location, keys: Iterable[str], folder: Path) -> None:
    """Write objects into a folder under their names relative to the prefix.

    Raises
    ------
    ContainerError
        If a key would lead out of the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    prefix = location.key
    if prefix and not prefix.endswith("/"):
        # SageMaker matches prefixes as text, and keeps what follows the last slash of it
        prefix = prefix[: prefix.rfind("/") + 1] if "/" in prefix else ""
        below = location.key.rsplit("/", 1)[-1] + "/"
    else:
        below = ""
    for key in keys:
        relative = key.removeprefix(prefix)
        relative = relative.removeprefix(below) if below else relative
        target = (folder / relative).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise ContainerError(f"ClientError: the key {key!r} leads out of its folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(location.bucket, key, str(target))


def upload_folder(s3: Any, folder: Path, location: S3Location) -> int:
    """Upload every file of a folder below a prefix and return their number."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        target = location.child(path.relative_to(folder).as_posix())
        s3.upload_file(str(path), target.bucket, target.key)
    return len(files)


def fetch_model(s3: Any, uri: str, folder: Path) -> None:
    """Download a model.tar.gz and extract it.

    Raises
    ------
    ContainerError
        If it cannot be read, or holds a path that leads out of the folder.
    """
    location = S3Location.parse(uri)
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder.parent / f"{folder.name}.tar.gz"
    try:
        s3.download_file(location.bucket, location.key, str(archive))
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except ClientError as error:
        raise ContainerError(f"Failed to download model data from {uri}: {error}") from error
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ContainerError(f"Failed to extract model data from {uri}: {error}") from error
    finally:
        archive.unlink(missing_ok=True)


def pack_model(folder: Path, archive: Path) -> None:
    """Write a folder as a model.tar.gz, members named from its top."""

    def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name, filter=anonymous)
