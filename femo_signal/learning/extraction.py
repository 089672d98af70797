"""Features of all recordings of a manifest on disk, from a cache where nothing has changed.

Everything that can be known without analysing is found out first: which files are there, whether
annotations are readable, where the cache lies. Recordings and labels are known by their content.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from femo_signal.errors import FemoError, ManifestError, ModelError, OutputError
from femo_signal.learning.dataset import RecordingFeatures
from femo_signal.learning.features import FEATURE_SET
from femo_signal.learning.fingerprint import content_sha256, regular_size
from femo_signal.learning.labels import extract_recording, read_annotations
from femo_signal.manifest import Manifest, ManifestItem
from femo_signal.method_version import METHOD_VERSION
from femo_signal.settings import AnalysisSettings
from femo_signal.writing import check_target, whole_file

__all__ = ["Extraction", "Found", "default_cache", "extract_manifest", "find_recordings"]

_READING_SHARE = 0.2  # of a recording's time, for the digest of its content


@dataclass(frozen=True)
class Found:
    """The files of a manifest's items as they were found, before anything is read through."""

    items: tuple[ManifestItem, ...]
    sizes: tuple[int, ...]  # bytes of each item's recording and labels
    notices: tuple[str, ...]  # items that were left out, and why


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


def find_recordings(manifest: Manifest, *, folder: Path, strict: bool = False) -> Found:
    """Find the files that a manifest names; an item whose files cannot be used is left out.

    Parameters
    ----------
    manifest : Manifest
        Of files on disk.
    folder : Path
        Relative paths count from here.
    strict : bool
        Refuse instead of leaving out.

    Raises
    ------
    ManifestError
        If an item lies in S3, or no recording is left, or, if strict, an item cannot be used.
    """
    items: list[ManifestItem] = []
    notices: list[str] = []
    sizes: list[int] = []
    for item in manifest.items:
        if item.bucket_name is not None:
            raise ManifestError(
                f"{item.recording_id}: lies in S3, which the training state machine reads; "
                "for local use leave bucketName out and give a path"
            )
        try:
            size = _size(item, folder)
        except (OSError, FemoError) as error:
            notices.append(_left_out(item, error, strict=strict))
        else:
            items.append(item)
            sizes.append(size)
    if manifest.items and not items:
        raise _nothing_left(len(manifest.items), notices)
    return Found(tuple(items), tuple(sizes), tuple(notices))


def extract_manifest(
    manifest: Manifest,
    *,
    folder: Path,
    settings: AnalysisSettings,
    cache: Path | None = None,
    force: bool = False,
    strict: bool = False,
    progress: Callable[[float], None] | None = None,
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
        One that cannot be written is refused. By default `default_cache()`, and where that cannot
        be written it is done without, and told.
    force : bool
        Extract everything anew.
    strict : bool
        Refuse instead of leaving out.
    progress : callable, optional
        Called with the share that is done, 0..1.

    Raises
    ------
    ManifestError
        If an item lies in S3, or no recording is left, or, if strict, one cannot be used.
    OutputError
        If the cache that was asked for cannot be written.
    """
    present = find_recordings(manifest, folder=folder, strict=strict)
    place, about_cache = _checked_cache(cache)
    run = _Run(folder, settings, place, force)
    found: list[RecordingFeatures] = []
    notices = list(present.notices)
    cached, done, total = 0, 0, max(sum(present.sizes), 1)
    for item, size in zip(present.items, present.sizes, strict=True):

        def tell(share: float, done: int = done, size: int = size) -> None:
            if progress is not None:
                progress((done + size * min(share, 1.0)) / total)

        try:
            features, hit = run.extract(item, size, tell)
        except Exception as error:
            # Also a fault of ours: one recording's trouble is not to cost the others' hours.
            notices.append(_left_out(item, error, strict=strict))
        else:
            found.append(features)
            cached += hit
        tell(1.0)
        done += size
    if not found:
        raise _nothing_left(len(manifest.items), notices)
    return Extraction(tuple(found), cached, (*notices, *about_cache))


def _size(item: ManifestItem, folder: Path) -> int:
    """Return the bytes of an item's files, once they and its annotations can be read.

    Raises
    ------
    OSError, FemoError
        If they cannot.
    """
    size = 0
    for field, name in (("datFileKey", item.dat_file_key), ("csvFileKey", item.csv_file_key)):
        if name is not None:
            try:
                size += regular_size(folder / name)
            except OSError as error:
                raise OSError(f"{field}: {error.strerror or error}") from error
    if item.csv_file_key is not None:
        read_annotations(folder / item.csv_file_key)
    return size


def _left_out(item: ManifestItem, error: Exception, *, strict: bool) -> str:
    """Return what to tell of an item that cannot be used.

    Raises
    ------
    ManifestError
        If strict.
    """
    reason = str(error)
    if not isinstance(error, FemoError | OSError):
        reason = f"a fault of ours, {type(error).__name__}: {error}"
    if strict:
        raise ManifestError(
            f"{item.recording_id}: {reason}; correct or remove the item, or leave --strict out"
        ) from error
    return f"left out {item.recording_id}: {' '.join(reason.split())}"


def _nothing_left(count: int, notices: Sequence[str]) -> ManifestError:
    return ManifestError(
        f"none of the {count} recordings could be analysed; the first: {notices[0]}"
    )


def _checked_cache(cache: Path | None) -> tuple[Path | None, list[str]]:
    """Return where features are kept, None for nowhere, and what to tell about it.

    Raises
    ------
    OutputError
        If the cache that was asked for cannot be written.
    """
    place = cache or default_cache()
    try:
        check_target(place, (), overwrite=True)
    except OutputError as error:
        if cache is not None:
            raise
        return None, [f"features are not kept for another time: {error}"]
    return place, []


@dataclass(frozen=True)
class _Run:
    """What all recordings of one extraction share."""

    folder: Path
    settings: AnalysisSettings
    cache: Path | None
    force: bool

    def extract(
        self, item: ManifestItem, size: int, tell: Callable[[float], None]
    ) -> tuple[RecordingFeatures, bool]:
        """Return an item's features, and whether they came from the cache.

        Parameters
        ----------
        item : ManifestItem
        size : int
            Bytes of its files.
        tell : callable
            Called with the share that is done.
        """
        recording = self.folder / item.dat_file_key
        labels = self.folder / item.csv_file_key if item.csv_file_key else None
        read = 0.0

        def count(amount: float) -> None:
            nonlocal read
            read += amount
            tell(_READING_SHARE * read / max(size, 1))

        content = content_sha256(recording, progress=count)
        labels_content = None if labels is None else content_sha256(labels, progress=count)
        entry = self._entry(content, labels_content)
        features = self._kept(entry)
        is_cached = features is not None
        if features is None:
            features = extract_recording(
                recording,
                settings=self.settings,
                labels_csv=labels,
                recording_id=item.recording_id,
                subject_id=item.subject_id,
                progress=lambda share: tell(_READING_SHARE + (1 - _READING_SHARE) * share),
            )
            self._keep(features, entry)
        named = replace(
            features,
            recording_id=item.recording_id,
            subject_id=item.subject_id,
            content_sha256=content,
        )
        return named, is_cached

    def _entry(self, content: str, labels_content: str | None) -> Path | None:
        """Name the features by all that they depend on: content, settings and method."""
        if self.cache is None:
            return None
        made_of = [METHOD_VERSION, FEATURE_SET, self.settings.digest(), content, labels_content]
        digest = hashlib.sha256(" ".join(map(str, made_of)).encode()).hexdigest()[:32]
        return self.cache / f"{digest}.npz"

    def _kept(self, entry: Path | None) -> RecordingFeatures | None:
        if entry is None or self.force:
            return None
        try:
            if not entry.exists():
                return None
            return RecordingFeatures.load(entry)
        except (OSError, ModelError):
            return None  # damaged: extracted anew and replaced

    def _keep(self, features: RecordingFeatures, entry: Path | None) -> None:
        """Keep features without the names under which this manifest knows them."""
        if entry is None:
            return
        try:
            with whole_file(entry) as partial:
                replace(features, recording_id="", subject_id=None).save(partial)
        except OSError:
            return  # a cache is a convenience: without one all still works
