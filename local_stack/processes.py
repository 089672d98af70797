"""The processes of a stack: started, waited for, and all of them ended.

Each carries the stack's id in its environment, so that what a killed process leaves behind is
found again by anyone who knows the id.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from local_stack.errors import PartCrashedError, PortTakenError, StackError
from local_stack.layout import HOST

ID_VARIABLE = "LOCAL_STACK_ID"
TAIL_LINES = 25


@dataclass
class Part:
    """One long-running process of the stack.

    Parameters
    ----------
    name
        What the user sees.
    command, environment, folder
        What to run, with what, where.
    log
        File for what it writes.
    ready_url
        Answers 200 once the process is ready.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    ready_url: str
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it, out of the terminal's process group so that Ctrl-C reaches the supervisor."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise if it has ended.

        Raises
        ------
        PartCrashedError
            With its last log lines.
        """
        assert self.process is not None
        status = self.process.poll()
        if status is not None:
            how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
            raise PartCrashedError(
                f"{self.name} {how}. Its last lines ({self.log}):\n{tail(self.log)}"
            )

    def is_ready(self) -> bool:
        """Say whether its ready_url answers 200."""
        try:
            with urllib.request.urlopen(self.ready_url, timeout=2) as response:  # noqa: S310
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, grace: float) -> None:
        """Ask it to end, and kill it after ``grace`` s."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def wait_until_ready(part: Part, seconds: float, check: Callable[[], None]) -> None:
    """Wait for a part.

    Parameters
    ----------
    check
        Called meanwhile; raises to give up.

    Raises
    ------
    PartCrashedError
        If it ends.
    StackError
        If it is not ready in time.
    """
    deadline = time.monotonic() + seconds
    while not part.is_ready():
        check()
        if time.monotonic() > deadline:
            raise StackError(
                f"{part.name} was not ready after {seconds:.0f} s. Its last lines ({part.log}):\n"
                f"{tail(part.log)}"
            )
        time.sleep(0.05)


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log, indented."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (it wrote nothing)"


def choose_port(wanted: int | None) -> int:
    """Return a free TCP port of the loopback, the wanted one if there is one.

    Raises
    ------
    PortTakenError
        If the wanted one is in use.
    """
    with socket.socket() as probe:
        # As the servers do: a port whose last connections linger is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted or 0))
        except OSError as error:
            raise PortTakenError(
                f"Port {wanted} of {HOST} is in use. Stop what listens there, or choose another "
                "with --port (without it a free one is taken)."
            ) from error
        port: int = probe.getsockname()[1]
        return port


def members(stack_id: str) -> list[psutil.Process]:
    """Return the running processes of a stack, this one left out."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get(ID_VARIABLE) == stack_id:
                found.append(process)
        except psutil.Error:
            continue
    return found


def guardians(stack_id: str) -> list[psutil.Process]:
    """Return the guardian of a stack, which is no member, if it runs."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if "local_stack.guardian" in words and stack_id in words and is_alive(process):
                found.append(process)
        except psutil.Error:
            continue
    return found


def end_all(stack_id: str, grace: float, keep: Sequence[int] = ()) -> int:
    """End whatever of a stack still runs and return how many that were."""
    left = [process for process in members(stack_id) if process.pid not in keep]
    _signal(left, signal.SIGTERM)
    stubborn = _wait(left, grace)
    _signal(stubborn, signal.SIGKILL)
    _wait(stubborn, 5.0)
    return len(left)


def is_alive(process: psutil.Process) -> bool:
    """Say whether a process runs; one that only waits to be reaped does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _wait(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    deadline = time.monotonic() + seconds
    alive = [process for process in processes if is_alive(process)]
    while alive and time.monotonic() < deadline:
        time.sleep(0.02)
        alive = [process for process in alive if is_alive(process)]
    return alive


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
