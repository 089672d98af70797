"""Brings a manifest, settings, and in local mode the recordings, to where the stack reads them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from femo_pipeline.errors import InputError, PipelineError
from femo_pipeline.stack import Stack
from femo_signal.errors import ManifestError, SettingsError
from femo_signal.learning.fingerprint import content_sha256, regular_size
from femo_signal.manifest import Manifest, ManifestItem, load_manifest
from femo_signal.settings import AnalysisSettings

__all__ = [
    "Upload",
    "ending_notice",
    "in_bucket",
    "plan_recordings",
    "provide_smoke_recording",
    "read_manifest",
    "read_settings",
    "upload_manifest",
    "upload_recordings",
    "upload_settings",
]

UPLOADS_AT_ONCE = 4
DIGEST_LENGTH = 16
# Where the deployment machine looks for the recording that it tries a model with
SMOKE_KEY = "smoke/recording.dat"
SMOKE_MINUTES = 3

# Prefixes of the recordings bucket whose objects end after RecordingRetentionDays (template.yaml)
ENDING_PREFIXES = ("uploads/", "input-data/")

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Upload:
    """A file on this machine and the key under which the stack finds it."""

    path: Path
    key: str
    size: int  # bytes


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest file.

    Raises
    ------
    InputError
        If it cannot be read or is not a manifest.
    """
    try:
        return load_manifest(path)
    except ManifestError as error:
        raise InputError(str(error)) from error


def plan_recordings(
    manifest: Manifest, folder: Path, bucket: str, *, strict: bool = False
) -> tuple[Manifest, Sequence[Upload], Sequence[str]]:
    """Decide where the manifest's local files go.

    A key holds a digest of its file's content: the same recording is uploaded once, and its ETag,
    and with it the cache of its features, stays the same from run to run.

    Parameters
    ----------
    manifest : Manifest
    folder : Path
        The manifest's own: relative paths start there.
    bucket : str
        Bucket of the recordings.
    strict : bool
        Refuse an item whose files cannot be read instead of leaving it out.

    Returns
    -------
    manifest : Manifest
        The same recordings by bucket and key, less those that were left out.
    uploads : sequence of Upload
    notices : sequence of str
        Which were left out, and why.

    Raises
    ------
    InputError
        If no item is left, if two items name the same recording, or, if strict, a file cannot be
        read.
    """
    uploads: dict[str, Upload] = {}

    def place(name: str, item: int, field: str) -> str:
        upload = _upload_of(folder / name, f"items.{item}.{field}")
        uploads[upload.key] = upload
        return upload.key

    def placed(index: int, item: ManifestItem) -> ManifestItem:
        if item.bucket_name is not None:
            return item
        key = place(item.dat_file_key, index, "datFileKey")
        labels = item.csv_file_key
        return item.model_copy(
            update={
                "bucket_name": bucket,
                "dat_file_key": key,
                "csv_file_key": None if labels is None else place(labels, index, "csvFileKey"),
            }
        )

    items: dict[int, ManifestItem] = {}
    notices: list[str] = []
    for index, item in enumerate(manifest.items):
        try:
            items[index] = placed(index, item)
        except InputError as error:
            if strict:
                raise
            notices.append(f"left out {item.recording_id}: {error}")
    if manifest.items and not items:
        raise InputError(f"none of the {len(notices)} recordings can be read; {notices[0]}")
    _check_named_once(items)
    kept = manifest.model_copy(update={"items": tuple(items.values())})
    return kept, list(uploads.values()), notices


def _upload_of(path: Path, field: str) -> Upload:
    """Return where a file goes.

    Raises
    ------
    InputError
        If it cannot be read; `field` says who names it.
    """
    try:
        size = regular_size(path)
        digest = content_sha256(path)[:DIGEST_LENGTH]
    except OSError as error:
        raise InputError(
            f"{field}: {path}: {error.strerror or error}; correct the path, or "
            "give bucketName for a recording in S3"
        ) from error
    return Upload(path, f"training/{digest}/{path.name}", size)


def _check_named_once(items: Mapping[int, ManifestItem]) -> None:
    """Refuse two items of the same recording.

    Raises
    ------
    InputError
        Naming both.
    """
    seen: dict[str, int] = {}
    for index, item in items.items():
        if (first := seen.setdefault(item.recording_id, index)) != index:
            raise InputError(
                f"items.{index}: the same recording as items.{first}; name each recording once"
            )


def in_bucket(manifest: Manifest, bucket: str) -> Manifest:
    """Return the manifest with the recordings bucket where an item names none."""
    items = tuple(
        item if item.bucket_name else item.model_copy(update={"bucket_name": bucket})
        for item in manifest.items
    )
    return manifest.model_copy(update={"items": items})


def ending_notice(manifest: Manifest, bucket: str) -> str | None:
    """Say which recordings of a cohort lie where the bucket deletes them, if any do."""
    ending = [
        item.dat_file_key
        for item in manifest.items
        if item.bucket_name == bucket and item.dat_file_key.startswith(ENDING_PREFIXES)
    ]
    if not ending:
        return None
    return (
        f"{len(ending)} recordings, {ending[0]} among them, lie under "
        f"{' or '.join(ENDING_PREFIXES)}, where they are deleted after RecordingRetentionDays; "
        "copy what you train with to another prefix, such as cohorts/"
    )


def upload_recordings(stack: Stack, uploads: Iterable[Upload], progress: Progress) -> int:
    """Upload the files that the recordings bucket does not hold yet.

    Parameters
    ----------
    stack : Stack
    uploads : iterable of Upload
    progress : callable
        Called with each number of bytes that is done, from several threads.

    Returns
    -------
    int
        How many files were uploaded.

    Raises
    ------
    PipelineError
        If S3 does not take one.
    """

    def upload(one: Upload) -> bool:
        bucket = stack.recordings_bucket
        if _size(stack, bucket, one.key) == one.size:
            progress(one.size)
            return False
        try:
            stack.clients.s3.upload_file(str(one.path), bucket, one.key, Callback=progress)
        except (S3UploadFailedError, ClientError, BotoCoreError, OSError) as error:
            raise PipelineError(f"{one.path}: cannot be uploaded to {bucket}: {error}") from error
        return True

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as threads:
        return sum(threads.map(upload, uploads))


def upload_manifest(stack: Stack, manifest: Manifest) -> str:
    """Store a manifest in the artefact bucket and return its URI.

    Raises
    ------
    PipelineError
        If S3 does not take it.
    """
    return _store(stack, "manifests", manifest.model_dump_json(by_alias=True, exclude_none=True))


def read_settings(path: Path) -> AnalysisSettings:
    """Read and check a file of analysis settings.

    Raises
    ------
    InputError
        If it cannot be read or does not hold settings.
    """
    try:
        return AnalysisSettings.from_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; correct the path") from error
    except SettingsError as error:
        raise InputError(f"{path}: {error}") from error


def upload_settings(stack: Stack, settings: AnalysisSettings) -> str:
    """Store analysis settings in the artefact bucket and return their URI.

    Raises
    ------
    PipelineError
        If S3 does not take them.
    """
    return _store(stack, "settings", settings.model_dump_json())


def _store(stack: Stack, folder: str, text: str) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
    bucket, key = stack.artifact_bucket, f"{folder}/{digest}.json"
    try:
        stack.clients.s3.put_object(
            Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json"
        )
    except (ClientError, BotoCoreError) as error:
        raise PipelineError(f"s3://{bucket}/{key} cannot be stored: {error}") from error
    return f"s3://{bucket}/{key}"


def provide_smoke_recording(stack: Stack) -> bool:
    """Put a synthetic recording where a deployment looks for one, unless one is there.

    Returns
    -------
    bool
        Whether one was put there now.

    Raises
    ------
    PipelineError
        If S3 does not take it.
    """
    from femo_signal.synthetic import synthesize_cohort

    bucket = stack.models_bucket
    if _size(stack, bucket, SMOKE_KEY) is not None:
        return False
    with tempfile.TemporaryDirectory(prefix="femo-smoke-") as folder:
        made = synthesize_cohort(Path(folder), recordings=1, minutes=SMOKE_MINUTES)
        recording = made.parent / load_manifest(made).items[0].dat_file_key
        try:
            stack.clients.s3.upload_file(str(recording), bucket, SMOKE_KEY)
        except (S3UploadFailedError, ClientError, BotoCoreError) as error:
            raise PipelineError(
                f"s3://{bucket}/{SMOKE_KEY}, which a deployment needs, cannot be stored: {error}"
            ) from error
    return True


def _size(stack: Stack, bucket: str, key: str) -> int | None:
    """Return an object's size in bytes, or None where there is no such object."""
    try:
        return stack.clients.s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
            return None
        raise PipelineError(f"{bucket} cannot be read: {error}") from error
