"""SageMaker's file contract of training and processing jobs, under one root (/opt/ml)."""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Never

from . import logs
from .environment import Environment
from .errors import ContainerError, ContractError, Stopped

__all__ = ["Hosts", "JobFolder", "run_job"]

REASON_BYTES = 1024
"""SageMaker shows no more of a failure file or of an exit message."""
EXIT_FAILURE = 1
EXIT_STOPPED = 143
"""What a shell says of a process that SIGTERM ended."""


@dataclass(frozen=True)
class Hosts:
    """Which host of a job this is, among all of them."""

    current: str
    all: tuple[str, ...]

    @property
    def index(self) -> int:
        """Our place among the hosts, the same on each of them."""
        return sorted(self.all).index(self.current)


@dataclass(frozen=True)
class JobFolder:
    """The tree that SageMaker gives to a job."""

    root: Path

    @property
    def model(self) -> Path:
        """Where training leaves the model; SageMaker packs it as model.tar.gz."""
        return self.root / "model"

    def channel(self, name: str) -> Path:
        """A training job's input.

        Raises
        ------
        ContractError
            If the job has no such channel.
        """
        return self._existing(self.root / "input" / "data" / name, f"the channel {name!r}")

    def input(self, name: str) -> Path:
        """A processing job's input.

        Raises
        ------
        ContractError
            If the job has no such input.
        """
        return self._existing(self.root / "processing" / "input" / name, f"the input {name!r}")

    def optional_input(self, name: str, pattern: str) -> Path | None:
        """The one file of an input that a processing job may leave out.

        Raises
        ------
        ContractError
            If there are several.
        """
        found = sorted((self.root / "processing" / "input" / name).glob(pattern))
        if len(found) > 1:
            raise ContractError(
                f"the input {name!r} holds {len(found)} files {pattern}; give one or none"
            )
        return found[0] if found else None

    def output(self, name: str) -> Path:
        """A processing job's output, made if need be."""
        folder = self.root / "processing" / "output" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def hyperparameters(self) -> dict[str, str]:
        """What the training job was given, all of it strings, less SageMaker's own."""
        given = self._read(self.root / "input" / "config" / "hyperparameters.json")
        return {
            name: str(value) for name, value in given.items() if not name.startswith("sagemaker_")
        }

    def hosts(self) -> Hosts:
        """The hosts of a processing job; one, if SageMaker wrote nothing about it.

        Raises
        ------
        ContractError
            If this host is not among them.
        """
        given = self._read(self.root / "config" / "resourceconfig.json")
        current = str(given.get("current_host", "algo-1"))
        everyone = tuple(str(host) for host in given.get("hosts", [current]))
        if current not in everyone:
            raise ContractError(f"resourceconfig.json: {current} is not among {list(everyone)}")
        return Hosts(current, everyone)

    def is_replicated(self, input_name: str) -> bool:
        """Whether every host of a processing job was given the whole of an input."""
        config = self._read(self.root / "config" / "processingjobconfig.json")
        for entry in config.get("ProcessingInputs", []):
            if entry.get("InputName") == input_name:
                kind = entry.get("S3Input", {}).get("S3DataDistributionType", "FullyReplicated")
                return bool(kind == "FullyReplicated")
        return False

    def tell(self, reason: str) -> None:
        """Leave a reason where a training job's and a processing job's description show it."""
        text = reason.encode()[:REASON_BYTES].decode(errors="ignore")
        folder = self.root / "output"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("failure", "message"):
            (folder / name).write_text(text)

    @staticmethod
    def _existing(folder: Path, what: str) -> Path:
        if not folder.is_dir():
            raise ContractError(f"{what} is missing: the job's definition has to name it")
        return folder

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        if not path.exists():
            return {}
        try:
            content = json.loads(path.read_text())
        except ValueError as error:
            raise ContractError(f"{path.name}: not JSON: {error}") from error
        if not isinstance(content, dict):
            raise ContractError(f"{path.name}: not a JSON object")
        return content


def run_job(stage: str, work: Callable[[JobFolder], None]) -> int:
    """Run a job to its exit status; a failure is told in one line, in the log and in a file.

    Parameters
    ----------
    stage : str
        Its name in logs.
    work : callable
        Takes the job's folder.

    Returns
    -------
    int
        0, 1 after a failure, 143 after SIGTERM.
    """
    logs.configure()
    signal.signal(signal.SIGTERM, _stop)
    try:
        folder = JobFolder(Environment.read().ml_root)
    except ContainerError as error:
        print(f"{stage}: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_FAILURE
    try:
        work(folder)
    except Stopped:
        logs.log_event("stopped", stage=stage, signal="SIGTERM")
        folder.tell(f"{stage}: stopped by SIGTERM before it was done")
        return EXIT_STOPPED
    except Exception as error:
        # Whatever it was, SageMaker shows its reason only if it is written here.
        reason = _reason(error)
        logs.log_event("job failed", level=logging.ERROR, stage=stage, reason=reason, error=error)
        folder.tell(f"{stage}: {reason}")
        return EXIT_FAILURE
    logs.log_event("job completed", stage=stage)
    return 0


def _stop(*_: int | FrameType | None) -> Never:
    raise Stopped(EXIT_STOPPED)


def _reason(error: Exception) -> str:
    """A line that an operator can act on; a fault of ours shows its kind alone, not its data."""
    from femo_signal.errors import FemoError

    if isinstance(error, ContainerError | FemoError):
        return f"{error.code}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"system_error: {error.strerror}"
    return f"internal_error: {type(error).__name__}; the log names the place"
