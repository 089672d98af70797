"""Starts the parts of the local AWS in order, deploys the template, watches, and ends them all."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import psutil

from local_stack.deployment import deploy
from local_stack.errors import AlreadyRunningError, StackError
from local_stack.layout import HOST, Project, StackFolder, base_environment
from local_stack.processes import (
    ID_VARIABLE,
    Part,
    choose_port,
    end_all,
    guardians,
    is_alive,
    wait_until_ready,
)
from local_stack.target import Deployment

LOCK_SECONDS = 1.0  # who looks whether a stack runs holds the lock for an instant
READY_SECONDS = 60.0
WATCH_SECONDS = 0.2
SAGEMAKER_STOP_SECONDS = 35.0  # a container has 30 s to end
GUARDIAN_SECONDS = 30.0  # it gives the rest of a stack 10 s to end
MINISTACK_STOP_SECONDS = 20.0

Report = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How to run a stack.

    Parameters
    ----------
    folder
        The stack's own folder.
    port
        The gateway's port; None takes a free one.
    keep
        Whether state is read at start and written at stop.
    parameters
        Of the template, each as NAME=VALUE.
    """

    folder: Path
    port: int | None = None
    keep: bool = False
    parameters: tuple[str, ...] = ()


@dataclass
class Description:
    """What stack.json says about a running stack."""

    id: str
    pid: int
    status: str  # starting, ready
    endpoint_url: str
    sagemaker_url: str
    logs: str
    environment: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    processes: dict[str, int] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write it in one step."""
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n")
        temporary.replace(path)


class Supervisor:
    """One local stack from start to end.

    Parameters
    ----------
    options
        How to run it.
    report
        Called with each line of progress.
    on_ready
        Called once with the content of stack.json.
    """

    def __init__(
        self, options: Options, report: Report, on_ready: Callable[[dict[str, Any]], None]
    ) -> None:
        self._options = options
        self._report = report
        self._on_ready = on_ready
        self._project = Project()
        self._folder = StackFolder(options.folder.resolve())
        self._id = secrets.token_hex(8)
        self._stop = threading.Event()
        self._parts: list[Part] = []
        self._guardian: subprocess.Popen[bytes] | None = None
        self._lock_number = 0

    def run(self) -> None:
        """Start, serve until a signal comes, and stop.

        Raises
        ------
        StackError
            If it cannot start, or a part ends by itself.
        """
        self._folder.path.mkdir(parents=True, exist_ok=True)
        with self._signals(), self._locked():
            self._prepare()
            try:
                self._start()
                self._watch()
                self._report("Stopping.")
            except _InterruptedError:
                self._report("Stopping before the stack was ready.")
            finally:
                self._end()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._folder.lock.open("a") as lock:
            deadline = time.monotonic() + LOCK_SECONDS
            while not _lock(lock, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise AlreadyRunningError(
                        f"A stack runs in {self._folder.path} already. Stop it with "
                        "`python -m local_stack stop`, or choose another folder with --state-dir."
                    )
                time.sleep(0.01)
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self._lock_number = os.fstat(lock.fileno()).st_ino
            yield

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def note(_number: int, _frame: FrameType | None) -> None:
            self._stop.set()

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        old = {number: signal.signal(number, note) for number in numbers}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)

    def _prepare(self) -> None:
        tools = [
            self._project.tool("ministack", "python"),
            self._project.tool("container", "python"),
            self._project.tool("sam", "sam"),
            self._project.asl_validator,
        ]
        if missing := [str(path) for path in tools if not path.exists()]:
            raise StackError(f"{', '.join(missing)} is not installed. Run `make setup` first.")
        finish_interrupted(self._folder)
        for folder in (self._folder.scratch, self._folder.logs):
            shutil.rmtree(folder, ignore_errors=True)
        if not self._options.keep:
            shutil.rmtree(self._folder.state, ignore_errors=True)
        for folder in (self._folder.scratch, self._folder.logs, self._folder.state):
            folder.mkdir(parents=True, exist_ok=True)
        self._folder.description.unlink(missing_ok=True)

    def _start(self) -> None:
        known = self._known_deployment()
        gateway_port = self._gateway_port(known)
        sagemaker_port = choose_port(None)
        gateway = f"http://{HOST}:{gateway_port}"
        sagemaker = f"http://{HOST}:{sagemaker_port}"
        endpoints = {
            "AWS_ENDPOINT_URL": gateway,
            "AWS_ENDPOINT_URL_SAGEMAKER": sagemaker,
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": sagemaker,
        }
        base = base_environment(self._id, self._folder.scratch)
        self._start_guardian(base)
        key = {"LOCAL_AWS_KEY": secrets.token_hex(16)}
        self._parts = [
            self._ministack(gateway_port, gateway, {**base, **endpoints, **key}),
            self._sagemaker(sagemaker_port, gateway, sagemaker, {**base, **key}),
        ]
        client = {
            name: base[name]
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
        }
        description = Description(
            id=self._id,
            pid=os.getpid(),
            status="starting",
            endpoint_url=gateway,
            sagemaker_url=sagemaker,
            logs=str(self._folder.logs),
            environment={**client, **endpoints},
        )
        description.write(self._folder.description)
        self._report(f"Starting MiniStack on {gateway} and SageMaker on {sagemaker}.")
        for part in self._parts:
            # One after the other: SageMaker takes up its work at once, and needs MiniStack for it
            part.start()
            assert part.process is not None
            description.processes[part.name] = part.process.pid
            description.write(self._folder.description)
            wait_until_ready(part, READY_SECONDS, self._interrupt_if_stopped)

        deployment = Deployment(
            template=self._project.template,
            gateway=gateway,
            environment={**base, **endpoints},
            folder=self._folder,
            project=self._project,
            report=self._report,
            check=self._interrupt_if_stopped,
            parameters=self._options.parameters,
        )
        description.outputs = deploy(deployment, known)
        self._resume(gateway, key["LOCAL_AWS_KEY"])
        for part in self._parts:
            part.check()
        description.status = "ready"
        self._report("The stack is ready.")
        self._on_ready(asdict(description))
        description.write(self._folder.description)

    def _known_deployment(self) -> dict[str, Any]:
        try:
            known: dict[str, Any] = json.loads(self._folder.deployment.read_text())
        except (OSError, ValueError):
            return {}
        return known

    def _gateway_port(self, known: dict[str, Any]) -> int:
        if self._options.port is not None:
            return choose_port(self._options.port)
        try:
            # Kept state holds URLs with the port of the last run
            return choose_port(known.get("port"))
        except StackError:
            return choose_port(None)

    def _start_guardian(self, environment: dict[str, str]) -> None:
        # Without the id in its own environment, or it would end itself
        without_id = {key: value for key, value in environment.items() if key != "LOCAL_STACK_ID"}
        self._guardian = subprocess.Popen(
            [
                str(self._project.python),
                "-m",
                "local_stack.guardian",
                self._id,
                str(self._folder.scratch),
                str(self._folder.description),
            ],
            cwd=self._project.root,
            env=without_id,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _ministack(self, port: int, url: str, environment: dict[str, str]) -> Part:
        options = self._options
        return Part(
            name="MiniStack",
            command=[
                str(self._project.tool("ministack", "python")),
                "-m",
                "local_aws.ministack",
            ],
            environment={
                **environment,
                "AUTH": "true",
                "BIND_HOST": HOST,
                "GATEWAY_PORT": str(port),
                "IOT_MTLS_ENABLED": "0",
                "LAMBDA_WARM_TTL_SECONDS": "60",
                "MINISTACK_HOST": "localhost",
                "PERSIST_STATE": str(int(options.keep)),
                "S3_DATA_DIR": str(self._folder.state / "s3"),
                "S3_PERSIST": str(int(options.keep)),
                "SFN_WAIT_SCALE": "0.05",
                "SFTP_ENABLED": "0",
                "STATE_DIR": str(self._folder.state / "ministack"),
            },
            folder=self._project.emulator,
            log=self._folder.log("ministack"),
            ready_url=f"{url}/_ministack/ready",
        )

    def _sagemaker(self, port: int, gateway: str, url: str, environment: dict[str, str]) -> Part:
        library = self._folder.scratch / "library"
        library.mkdir()
        for package in ("femo_result", "femo_signal"):
            (library / package).symlink_to(self._project.root / package)
        arguments = {
            "--port": str(port),
            "--gateway": gateway,
            "--state": str(self._folder.state),
            "--scratch": str(self._folder.scratch / "containers"),
            "--entry-points": str(self._project.entry_points),
            "--library": str(library),
            "--container-python": str(self._project.tool("container", "python")),
            "--root-variable": "FEMO_ML_ROOT",
            "--pass-variable": ID_VARIABLE,
        }
        return Part(
            name="SageMaker",
            command=[
                str(self._project.python),
                "-m",
                "local_aws.sagemaker",
                *(word for pair in arguments.items() for word in pair),
            ],
            environment=environment,
            folder=self._project.emulator,
            log=self._folder.log("sagemaker"),
            ready_url=f"{url}/ping",
        )

    def _resume(self, gateway: str, key: str) -> None:
        request = urllib.request.Request(  # noqa: S310 - the loopback
            f"{gateway}/_local/resume", b"{}", {"X-Local-Aws-Key": key}
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            resumed = json.loads(response.read())
        if resumed["executions"]:
            self._report(f"{len(resumed['executions'])} executions go on where they were.")
        if resumed["invocations"]:
            self._report(f"{resumed['invocations']} events are delivered again.")

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_SECONDS):
            for part in self._parts:
                part.check()
            self._check_folder()

    def _check_folder(self) -> None:
        # Without its folder the stack could not be found, and so not be stopped, by anyone
        try:
            number = self._folder.lock.stat().st_ino
        except FileNotFoundError:
            number = 0
        if number != self._lock_number:
            raise StackError(f"The folder of the running stack, {self._folder.path}, was removed.")

    def _interrupt_if_stopped(self) -> None:
        if self._stop.is_set():
            raise _InterruptedError
        for part in self._parts:
            if part.process is not None:
                part.check()

    def _end(self) -> None:
        # SageMaker first: it hands over what its containers are about to finish
        for part, grace in zip(
            reversed(self._parts), (SAGEMAKER_STOP_SECONDS, MINISTACK_STOP_SECONDS), strict=False
        ):
            part.stop(grace)
        end_all(self._id, 5.0)
        shutil.rmtree(self._folder.scratch, ignore_errors=True)
        self._folder.description.unlink(missing_ok=True)
        if self._guardian is not None and self._guardian.stdin is not None:
            self._guardian.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._guardian.wait(15)


class _InterruptedError(Exception):
    """A signal came before the stack was ready."""


def read_description(folder: StackFolder) -> dict[str, Any] | None:
    """Return stack.json of the stack that runs, or None; a killed supervisor may have left one."""
    try:
        description: dict[str, Any] = json.loads(folder.description.read_text())
    except (OSError, ValueError):
        return None
    return description if description["pid"] == supervisor_pid(folder) else None


def supervisor_pid(folder: StackFolder) -> int | None:
    """Return the id of the process that holds the folder's lock, or None if none does."""
    while True:
        try:
            with folder.lock.open() as lock:
                if _lock(lock, fcntl.LOCK_SH):
                    return None
                process = _process(lock.read())
        except FileNotFoundError:
            return None
        if process is not None:
            return process.pid
        time.sleep(0.001)  # it is about to write its id over that of an earlier one


def _lock(file: TextIO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def finish_interrupted(folder: StackFolder) -> None:
    """Wait until nothing is left of a stack whose supervisor was killed.

    Its guardian removes the temporary folder last of all, and its MiniStack writes the state:
    either would harm a stack that is started in the folder meanwhile. If the guardian was killed
    too, what it had to do is done here. Nobody may hold the folder's lock but the caller.
    """
    try:
        stack_id: str = json.loads(folder.description.read_text())["id"]
    except (OSError, ValueError, KeyError):
        return
    psutil.wait_procs(guardians(stack_id), timeout=GUARDIAN_SECONDS)
    end_all(stack_id, MINISTACK_STOP_SECONDS)
    shutil.rmtree(folder.scratch, ignore_errors=True)
    folder.description.unlink(missing_ok=True)


def wait_until_stopped(folder: StackFolder, pid: int, seconds: float) -> bool:
    """Wait until a supervisor neither holds the lock, nor runs; say whether that is so."""
    deadline = time.monotonic() + seconds
    process = _process(str(pid))
    while supervisor_pid(folder) == pid or (process is not None and is_alive(process)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _process(pid: str) -> psutil.Process | None:
    try:
        process = psutil.Process(int(pid))
    except (ValueError, psutil.Error):
        return None
    return process if is_alive(process) else None
