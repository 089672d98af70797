"""Who runs a stack's folder is known at any time, also after a supervisor was killed."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local_stack.layout import StackFolder
from local_stack.processes import ID_VARIABLE, members
from local_stack.supervisor import (
    finish_interrupted,
    read_description,
    supervisor_pid,
    wait_until_stopped,
)

HOLDER = (
    "import fcntl, os, sys\n"
    "lock = open(sys.argv[1], 'w')\n"
    "fcntl.flock(lock, fcntl.LOCK_EX)\n"
    "lock.write(str(os.getpid()))\n"
    "lock.flush()\n"
    "print('held', flush=True)\n"
    "sys.stdin.read()\n"
)


ASK = (
    "import sys\n"
    "from pathlib import Path\n"
    "from local_stack.layout import StackFolder\n"
    "from local_stack.supervisor import supervisor_pid\n"
    "print('asking', flush=True)\n"
    "print(supervisor_pid(StackFolder(Path(sys.argv[1]))))\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> StackFolder:
    return StackFolder(tmp_path)


@contextmanager
def supervisor(folder: StackFolder) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the folder's lock as a supervisor does."""
    command = [sys.executable, "-c", HOLDER, str(folder.lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def describe(folder: StackFolder, pid: int) -> None:
    folder.description.write_text(json.dumps({"id": "some-stack", "pid": pid, "status": "ready"}))


def test_a_stack_that_runs_is_described(folder: StackFolder) -> None:
    with supervisor(folder) as running:
        describe(folder, running.pid)
        assert supervisor_pid(folder) == running.pid
        assert read_description(folder) is not None


def test_a_killed_stack_is_not_described_nor_taken_to_run(folder: StackFolder) -> None:
    with supervisor(folder) as killed:
        describe(folder, killed.pid)
        killed.kill()
        killed.wait()
        assert supervisor_pid(folder) is None
        assert read_description(folder) is None


def test_a_stack_that_starts_is_not_described_by_what_a_killed_one_left(
    folder: StackFolder,
) -> None:
    with supervisor(folder) as killed:
        describe(folder, killed.pid)
    with supervisor(folder) as starting:
        assert read_description(folder) is None
        assert supervisor_pid(folder) == starting.pid


def test_a_supervisor_is_known_from_its_first_moment_on(folder: StackFolder) -> None:
    """Until it has written its id the lock's file holds that of an earlier one, or nothing."""
    with subprocess.Popen([sys.executable, "-c", ""]) as earlier:
        earlier.wait()
    folder.lock.write_text(str(earlier.pid))
    with folder.lock.open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(
            [sys.executable, "-c", ASK, str(folder.path)], stdout=subprocess.PIPE, text=True
        ) as asking:
            assert asking.stdout is not None
            assert asking.stdout.readline() == "asking\n"
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            assert asking.stdout.readline() == f"{os.getpid()}\n"


def test_whoever_waits_for_a_stop_is_not_kept_by_a_stack_started_since(
    folder: StackFolder,
) -> None:
    with supervisor(folder) as stopped:
        pass
    with supervisor(folder):
        assert wait_until_stopped(folder, stopped.pid, 5)


def test_what_a_killed_stack_left_is_gone_before_the_next_one_starts(folder: StackFolder) -> None:
    program = "import sys; print('runs', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, ID_VARIABLE: "some-stack"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as left:
        assert left.stdout is not None
        left.stdout.readline()
        describe(folder, left.pid)
        (folder.scratch / "containers").mkdir(parents=True)

        finish_interrupted(folder)

        assert members("some-stack") == []
        assert not folder.scratch.exists()
        assert not folder.description.exists()


def test_nothing_is_waited_for_where_no_stack_was_killed(folder: StackFolder) -> None:
    finish_interrupted(folder)
    assert list(folder.path.iterdir()) == []
