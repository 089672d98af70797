"""Features of all recordings of a manifest on disk, from a cache where nothing has changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from femo_signal import __version__
from femo_signal.dataset import RecordingFeatures
from femo_signal.errors import FemoError, ManifestError, ModelError
from femo_signal.features import FEATURE_SET
from femo_signal.labels import extract_recording
from femo_signal.manifest import Manifest, ManifestItem
from femo_signal.settings import AnalysisSettings

__all__ = ["Extraction", "default_cache", "extract_manifest"]

_EDGE_BYTES = 1 << 20


@dataclass(frozen=True)
class Extraction:
    """What became of a manifest's recordings."""

    recordings: tuple[RecordingFeatures, ...]
    cached: int  # how many of them came from the cache
    notices: tuple[str, ...]  # recordings that were left out, and why


def default_cache() -> Path:
    """Return where features are kept unless told otherwise."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "femo" / "features"


def extract_manifest(
    manifest: Manifest,
    *,
    folder: Path,
    settings: AnalysisSettings,
    cache: Path | None = None,
    force: bool = False,
    progress: Callable[[], None] | None = None,
) -> Extraction:
    """Extract every recording that the manifest names; one that cannot be read is left out.

    Parameters
    ----------
    manifest : Manifest
        Of files on disk.
    folder : Path
        Relative paths count from here.
    settings : AnalysisSettings
    cache : Path, optional
        Default: `default_cache()`. A cache that cannot be written is done without.
    force : bool
        Extract everything anew.
    progress : callable, optional
        Called after each recording.

    Raises
    ------
    ManifestError
        If an item lies in S3, or no recording is left.
    """
    place = cache or default_cache()
    found: list[RecordingFeatures] = []
    notices: list[str] = []
    cached = 0
    for item in manifest.items:
        if item.bucket_name is not None:
            raise ManifestError(
                f"{item.recording_id}: lies in S3, which the training state machine reads; "
                "for local use leave bucketName out and give a path"
            )
        try:
            features, hit = _extract(item, folder, settings, place, force)
        except FemoError as error:
            notices.append(f"left out {item.recording_id}: {error}")
        else:
            found.append(features)
            cached += hit
        if progress is not None:
            progress()
    if not found:
        raise ManifestError(
            f"none of the {len(manifest.items)} recordings could be analysed; "
            f"the first: {notices[0]}"
        )
    return Extraction(tuple(found), cached, tuple(notices))


def _extract(
    item: ManifestItem, folder: Path, settings: AnalysisSettings, cache: Path, force: bool
) -> tuple[RecordingFeatures, bool]:
    recording = folder / item.dat_file_key
    labels = folder / item.csv_file_key if item.csv_file_key else None
    entry = cache / f"{_key(recording, labels, settings)}.npz"
    if not force and entry.exists():
        try:
            kept = RecordingFeatures.load(entry)
        except ModelError:
            entry.unlink(missing_ok=True)  # damaged or of another version: extract anew
        else:
            named = replace(kept, recording_id=item.recording_id, subject_id=item.subject_id)
            return named, True
    features = extract_recording(
        recording,
        settings=settings,
        labels_csv=labels,
        recording_id=item.recording_id,
        subject_id=item.subject_id,
    )
    try:
        cache.mkdir(parents=True, exist_ok=True)
        partial = entry.with_suffix(f".{os.getpid()}")
        features.save(partial)
        partial.replace(entry)
    except OSError:
        return features, False  # a cache is a convenience: without one all still works
    return features, False


def _key(recording: Path, labels: Path | None, settings: AnalysisSettings) -> str:
    """Name what the features depend on: the files, the settings and our own version."""
    digest = hashlib.sha256()
    digest.update(f"{__version__} {FEATURE_SET} {settings.digest()}".encode())
    for path in (recording, labels):
        if path is None or not path.is_file():
            continue
        facts = path.stat()
        digest.update(f"{facts.st_size} {facts.st_mtime_ns}".encode())
        with path.open("rb") as file:
            digest.update(file.read(_EDGE_BYTES))
            file.seek(max(facts.st_size - _EDGE_BYTES, 0))
            digest.update(file.read(_EDGE_BYTES))
    digest.update(b"labelled" if labels else b"presses")
    return digest.hexdigest()[:32]
