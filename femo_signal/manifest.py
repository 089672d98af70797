"""The manifest: which recordings a model learns from, whose they are, and what labels them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from femo_signal.errors import ManifestError

__all__ = ["Manifest", "ManifestItem", "load_manifest", "parse_manifest"]

_Name = Annotated[str, StringConstraints(min_length=1, max_length=4096, strip_whitespace=True)]


class ManifestItem(BaseModel):
    """One recording; without ``bucketName`` the keys are paths."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    bucket_name: _Name | None = Field(default=None, alias="bucketName")
    dat_file_key: _Name = Field(alias="datFileKey")
    csv_file_key: _Name | None = Field(default=None, alias="csvFileKey")
    """Reference annotations; where present they label the detections instead of the presses."""
    subject_id: _Name | None = Field(default=None, alias="subjectId")

    @property
    def recording_id(self) -> str:
        """Name of the recording in reports and features: its key, with its bucket if it has one."""
        key = self.dat_file_key
        return f"s3://{self.bucket_name}/{key}" if self.bucket_name else key


class Manifest(BaseModel):
    """A versioned list of recordings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: _Name
    kind: _Name | None = None
    """What the recordings are: ``lifelike`` or ``rich`` for a synthetic cohort."""
    items: tuple[ManifestItem, ...]


def parse_manifest(text: str | bytes, *, source: str = "manifest") -> Manifest:
    """Read a manifest from JSON.

    Parameters
    ----------
    text : str or bytes
    source : str
        What to call it in messages.

    Raises
    ------
    ManifestError
        If it is not JSON, a field is unknown or missing, or a recording is named twice.
    """
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise ManifestError(f"{source}: {where}: {first['msg']}; correct the manifest") from error
    seen: set[str] = set()
    for index, item in enumerate(manifest.items):
        if item.recording_id in seen:
            raise ManifestError(
                f"{source}: items.{index}.datFileKey: {item.recording_id} is named twice; "
                "name each recording once"
            )
        seen.add(item.recording_id)
    return manifest


def load_manifest(path: str | Path) -> Manifest:
    """Read a manifest file.

    Raises
    ------
    ManifestError
        If the file cannot be read or is not a manifest.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ManifestError(
            f"{path}: cannot read the manifest: {reason}; check the path"
        ) from error
    return parse_manifest(text, source=str(path))
