"""Runs an image without Docker: its entry points as subprocesses under their own root.

Every image URI means the same here: one folder of programs, run by the interpreter that has what
the image installs. A variable that the programs know stands for /opt/ml.
"""

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_aws.sagemaker.arns import REGION
from local_aws.sagemaker.errors import ContainerError

ML_ROOT = "/opt/ml"
TAIL_LINES = 40
INTERPRETERS = ("python", "python3")


@dataclass(frozen=True)
class Image:
    """What an image URI stands for on this machine.

    Parameters
    ----------
    python
        Interpreter with the image's requirements.
    entry_points
        Folder of ``serve``, ``train`` and ``process``.
    library
        Folder to import the image's own packages from.
    root_variable
        Variable that tells a program where its /opt/ml is.
    environment
        Variables that every container gets (endpoints of the local AWS, path, ...).
    """

    python: Path
    entry_points: Path
    library: Path
    root_variable: str
    environment: Mapping[str, str]

    def command(self, entrypoint: Sequence[str], arguments: Sequence[str], root: Path) -> list[str]:
        """Return the command line of a container's entry point, /opt/ml mapped to ``root``.

        Raises
        ------
        ContainerError
            If the image has no such program.
        """
        words = [*entrypoint, *arguments]
        if words and Path(words[0]).name in INTERPRETERS:
            words = words[1:]
        if not words:
            raise ContainerError("ClientError: the container has no entry point")
        if words[0] == "-m":
            program = words[:2]
            words = words[2:]
        else:
            script = self.entry_points / Path(words[0]).name
            if not script.is_file():
                script = Path(map_path(words[0], root))
            if not script.is_file():
                raise ContainerError(f"ClientError: the image has no program {words[0]!r}")
            program = [str(script)]
            words = words[1:]
        return [str(self.python), *program, *(map_path(word, root) for word in words)]

    def variables(self, root: Path, extra: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a container with the given root."""
        scratch = root.parent / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        return {
            **self.environment,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            self.root_variable: str(root),
            "HOME": str(root.parent),
            "PYTHONPATH": str(self.library),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(scratch),
            **{name: map_path(value, root) for name, value in extra.items()},
        }


def map_path(text: str, root: Path) -> str:
    """Replace /opt/ml at the start of a path by the container's root."""
    if text == ML_ROOT or text.startswith(f"{ML_ROOT}/"):
        return str(root) + text.removeprefix(ML_ROOT)
    return text


class ContainerProcess:
    """One running container.

    Parameters
    ----------
    command, environment, folder
        What to run, with what, where.
    on_line
        Called with each line that the container writes.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        on_line: Callable[[str], None],
    ) -> None:
        self._on_line = on_line
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text = line.rstrip("\n")
            self.tail.append(text)
            self._on_line(text)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float | None = None) -> int | None:
        """Return the exit status once it has ended, or None after ``seconds``."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join(timeout=5)
        self._kill_group()
        return status

    def terminate(self) -> None:
        """Ask it to stop (SIGTERM to the entry point alone, as a container runtime does)."""
        if self.poll() is None:
            self._process.terminate()

    def stop(self, grace: float) -> int:
        """End it: SIGTERM, then SIGKILL to all that it started after ``grace`` s."""
        self.terminate()
        status = self.wait(grace)
        if status is None:
            self._kill_group()
            status = self._process.wait()
        return status

    def _kill_group(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
