"""`process extract`: recordings in S3 become one file of features each, on every core at once."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Awaitable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from .contract import Hosts, JobFolder
from .environment import JobEnvironment, usable_cores
from .errors import ContainerError, ServiceError, StorageError, WorkerLostError, WorkersFailedError
from .feature_cache import FeatureCache
from .logs import log_event
from .pool import WorkerPool, python_module, worker_environment
from .storage import ObjectName, ObjectVersion, download, find

if TYPE_CHECKING:
    from femo_signal.manifest import ManifestItem
    from femo_signal.settings import AnalysisSettings

__all__ = ["Outcome", "extract"]

WORKER_BYTES = 700 * 1024**2
"""Memory set aside for each recording under analysis: a night takes at most 500 MB."""
LABELS_MOST_BYTES = 64 * 1024**2


@dataclass(frozen=True)
class Outcome:
    """What became of one recording."""

    recording_id: str
    subject_id: str | None
    status: str  # "ok", "cached" or "failed"
    features: str | None = None  # file name in the output folder
    code: str | None = None
    reason: str | None = None
    recording_bytes: int | None = None
    seconds: float | None = None  # from the start of its download to its last byte of features


def extract(folder: JobFolder) -> None:
    """Extract this host's share of the manifest.

    Outputs ``features/HOST-RECORDING.npz`` and ``features/report-HOST.json``. A recording that
    cannot be used is reported; S3 or a disk that fails ends the job, since going on without them
    would train on less than was asked for.

    Raises
    ------
    ContainerError, femo_signal.errors.FemoError
    """
    environment = JobEnvironment.read()
    hosts = folder.hosts()
    settings = _settings(folder)
    items = share(_items(folder, environment), folder, hosts)
    output = folder.output("features")
    log_event("extraction started", host=hosts.current, total=len(items),
              settings_digest=settings.digest(), empty=not items)  # fmt: skip
    with _scratch(folder) as scratch:
        run = _Extraction(environment, settings, hosts.current, output, scratch)
        outcomes = asyncio.run(run.all(items)) if items else []
    report = {
        "host": hosts.current,
        "settings_digest": settings.digest(),
        "counts": {
            status: sum(outcome.status == status for outcome in outcomes)
            for status in ("ok", "cached", "failed")
        },
        "recordings": [asdict(outcome) for outcome in outcomes],
    }
    (output / f"report-{hosts.current}.json").write_text(json.dumps(report, indent=2) + "\n")


def share(items: Sequence[ManifestItem], folder: JobFolder, hosts: Hosts) -> Sequence[ManifestItem]:
    """This host's part of the items: all it was given, or every n-th if each was given all."""
    if len(hosts.all) == 1 or not folder.is_replicated("manifest"):
        return items
    return items[hosts.index :: len(hosts.all)]


def workers_for(recordings: int, *, cores: int, free_bytes: int) -> int:
    """How many recordings to analyse at once.

    Parameters
    ----------
    recordings : int
    cores : int
    free_bytes : int
        Memory that can still be had.
    """
    return max(1, min(recordings, cores, free_bytes // WORKER_BYTES))


def free_memory() -> int:
    """Bytes that this container can still take: the host's, or less by its cgroup's limit."""
    available = 2**62
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                available = int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError):
        # Version 2 of cgroups; "max" where there is no limit.
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        available = min(available, limit - used)
    return available


def _items(folder: JobFolder, environment: JobEnvironment) -> list[ManifestItem]:
    """The items of every manifest file of the input, in a stable order."""
    from femo_signal.errors import ManifestError
    from femo_signal.manifest import parse_manifest

    items: dict[str, ManifestItem] = {}
    for path in sorted(folder.input("manifest").rglob("*.json")):
        for given in parse_manifest(path.read_bytes(), source=path.name).items:
            bucket = given.bucket_name or environment.recordings_bucket
            item = given.model_copy(update={"bucket_name": bucket})
            if item.recording_id in items:
                raise ManifestError(
                    f"{path.name}: {item.recording_id} is named twice; name each recording once"
                )
            items[item.recording_id] = item
    return [items[name] for name in sorted(items)]


def _settings(folder: JobFolder) -> AnalysisSettings:
    from femo_signal.errors import SettingsError
    from femo_signal.settings import AnalysisSettings

    path = folder.optional_input("settings", "*.json")
    if path is None:
        return AnalysisSettings()
    try:
        return AnalysisSettings.from_json(path.read_bytes())
    except SettingsError as error:
        raise SettingsError(f"{path.name}: {error}") from error


@contextlib.contextmanager
def _scratch(folder: JobFolder) -> Iterator[Path]:
    """A folder on the job's own volume, which is sized for its recordings."""
    parent = folder.root / "processing"
    parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="scratch-", dir=parent))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@dataclass(frozen=True)
class _Task:
    """A recording as it was found in S3, and where its features go."""

    item: ManifestItem
    recording: ObjectVersion
    labels: ObjectVersion | None
    path: Path
    entry: ObjectName | None  # in the cache, if there is one

    def outcome(self, status: str, *, seconds: float) -> Outcome:
        return Outcome(
            self.item.recording_id, self.item.subject_id, status,
            features=self.path.name,
            recording_bytes=self.recording.size,
            seconds=round(seconds, 3),
        )  # fmt: skip


class _Extraction:
    """One host's run: what the cache has first, then the rest, downloads ahead of the workers."""

    def __init__(
        self,
        environment: JobEnvironment,
        settings: AnalysisSettings,
        host: str,
        output: Path,
        scratch: Path,
    ) -> None:
        from femo_signal.learning.features import FEATURE_SET
        from femo_signal.method_version import METHOD_VERSION

        self._environment = environment
        self._settings = settings
        self._host = host
        self._output = output
        self._scratch = scratch
        self._cache: FeatureCache | None = None
        if environment.feature_cache is not None:
            self._cache = FeatureCache(
                FeatureCache.parse_prefix(environment.feature_cache),
                settings.digest(),
                FEATURE_SET,
                METHOD_VERSION,
                environment.max_recording_bytes,
            )
        self._done = 0
        self._total = 0

    async def all(self, items: Sequence[ManifestItem]) -> list[Outcome]:
        """Extract every item."""
        self._total = len(items)
        found = await _together(
            self._reported(item, asyncio.to_thread(self._look_up, item)) for item in items
        )
        missing = [entry for entry in found if isinstance(entry, _Task)]
        extracted = await self._extract(missing) if missing else []
        outcomes = [entry for entry in found if isinstance(entry, Outcome)] + extracted
        return sorted(outcomes, key=lambda outcome: outcome.recording_id)

    async def _extract(self, tasks: Sequence[_Task]) -> list[Outcome]:
        workers = self._environment.extract_workers or workers_for(
            len(tasks), cores=usable_cores(), free_bytes=free_memory()
        )
        pool = WorkerPool(
            [*python_module("femo_container.worker"), "extract", "--scratch", str(self._scratch)],
            size=workers,
            environment=worker_environment(workers),
        )
        # As many again on their way as are being analysed: the disk holds no more than that.
        on_disk = asyncio.Semaphore(2 * workers)
        log_event("workers starting", workers=workers)
        pool.start()
        try:
            done = await _together(
                self._reported(task.item, self._features(task, pool, on_disk)) for task in tasks
            )
        finally:
            await pool.stop()
        return [outcome for outcome in done if isinstance(outcome, Outcome)]

    async def _reported(
        self, item: ManifestItem, work: Awaitable[Outcome | _Task]
    ) -> Outcome | _Task:
        """Turn a fault of the recording into an outcome, and log what is done with."""
        try:
            outcome = await work
        except (StorageError, WorkersFailedError):
            raise
        except ContainerError as error:
            log_event("recording left out", level=logging.WARNING, code=error.code)
            outcome = Outcome(
                item.recording_id, item.subject_id, "failed", code=error.code, reason=str(error)
            )
        if isinstance(outcome, Outcome):
            self._done += 1
            log_event("progress", stage="extract", host=self._host, done=self._done,
                      total=self._total, status=outcome.status)  # fmt: skip
        return outcome

    def _look_up(self, item: ManifestItem) -> Outcome | _Task:
        """Find a recording and its labels; done already if the cache has its features."""
        began = time.monotonic()
        recording = find(
            self._object(item, item.dat_file_key),
            most_bytes=self._environment.max_recording_bytes,
        )
        labels = None
        if item.csv_file_key is not None:
            labels = find(self._object(item, item.csv_file_key), most_bytes=LABELS_MOST_BYTES)
        path = self._output / output_name(self._host, recording.name)
        entry = self._cache.name(recording, labels) if self._cache else None
        task = _Task(item, recording, labels, path, entry)
        if self._is_cached(task):
            return task.outcome("cached", seconds=time.monotonic() - began)
        return task

    def _object(self, item: ManifestItem, key: str) -> ObjectName:
        return ObjectName.parse(f"s3://{item.bucket_name}/{key}" if item.bucket_name else key)

    def _is_cached(self, task: _Task) -> bool:
        """Take features from the cache, under the names that this manifest gives."""
        from femo_signal.errors import FemoError
        from femo_signal.learning.training import RecordingFeatures

        if self._cache is None or task.entry is None or self._environment.force_extract:
            return False
        if not self._cache.fetch(task.entry, task.path):
            return False
        try:
            features = RecordingFeatures.load(task.path)
        except FemoError as error:
            log_event("cache entry unreadable", level=logging.WARNING, error=error)
            task.path.unlink()
            return False
        named = replace(
            features, recording_id=task.item.recording_id, subject_id=task.item.subject_id
        )
        named.save(task.path)
        return True

    async def _features(self, task: _Task, pool: WorkerPool, on_disk: asyncio.Semaphore) -> Outcome:
        async with on_disk:
            began = time.monotonic()
            folder = Path(tempfile.mkdtemp(dir=self._scratch))
            try:
                job = await asyncio.to_thread(self._fetched, task, folder)
                reply = await _run_twice(pool, job)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        if "error" in reply:
            error = reply["error"]
            raise ServiceError(error["message"], code=error["code"], status=error["status"])
        if self._cache is not None and task.entry is not None:
            await asyncio.to_thread(self._keep, self._cache, task.entry, task.path)
        return task.outcome("ok", seconds=time.monotonic() - began)

    def _keep(self, cache: FeatureCache, entry: ObjectName, path: Path) -> None:
        """Keep features without the names under which this manifest knows them."""
        from femo_signal.learning.training import RecordingFeatures

        handle, name = tempfile.mkstemp(suffix=path.suffix, dir=self._scratch)
        os.close(handle)
        try:
            features = RecordingFeatures.load(path)
            replace(features, recording_id="", subject_id=None).save(Path(name))
            cache.store(entry, Path(name))
        finally:
            Path(name).unlink()

    def _fetched(self, task: _Task, folder: Path) -> dict[str, Any]:
        """Download what a worker needs, and write down what it is to do."""
        recording = folder / f"recording{PurePosixPath(task.recording.name.key).suffix[:8]}"
        download(task.recording, recording)
        labels = None
        if task.labels is not None:
            labels = folder / "labels.csv"
            download(task.labels, labels)
        return {
            "recording": str(recording),
            "labels": str(labels) if labels else None,
            "settings": self._settings.model_dump_json(),
            "recording_id": task.item.recording_id,
            "subject_id": task.item.subject_id,
            "output": str(task.path),
        }


async def _run_twice(pool: WorkerPool, job: dict[str, Any]) -> dict[str, Any]:
    """Once more if the worker was killed: perhaps for want of memory beside a large neighbour."""
    try:
        return await pool.run(job)
    except WorkerLostError:
        log_event("recording tried again", level=logging.WARNING, code="worker_lost")
        return await pool.run(job)


async def _together(works: Iterable[Coroutine[Any, Any, Outcome | _Task]]) -> list[Outcome | _Task]:
    """The results in order; the first fault stops the others and is raised alone."""
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(work) for work in works]
    except ExceptionGroup as faults:
        # The others are what it cancelled, or the same again.
        raise faults.exceptions[0] from None
    return [task.result() for task in running]


def output_name(host: str, recording: ObjectName) -> str:
    """A file name that says host and recording, and that no other recording has."""
    stem = re.sub(r"[^A-Za-z0-9.-]+", "-", PurePosixPath(recording.key).stem)[-60:]
    digest = hashlib.sha256(recording.uri.encode()).hexdigest()[:8]
    return f"{host}-{stem}-{digest}.npz"


def read_reports(folder: Path) -> list[dict[str, Any]]:
    """What extraction reported about each recording, from every host's report."""
    return [
        recording
        for path in sorted(folder.rglob("report-*.json"))
        for recording in json.loads(path.read_text())["recordings"]
    ]
