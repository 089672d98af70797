"""The stack's processes are found, reported and ended, whoever started them."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from local_stack.errors import PartCrashedError, PortTakenError
from local_stack.processes import ID_VARIABLE, Part, choose_port, end_all, members, tail


def part(tmp_path: Path, program: str) -> Part:
    return Part(
        name="Thing",
        command=[sys.executable, "-c", program],
        environment={"PATH": os.environ["PATH"]},
        folder=tmp_path,
        log=tmp_path / "thing.log",
        ready_url="http://127.0.0.1:1/",
    )


def test_a_port_that_is_taken_is_named_with_the_way_out() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortTakenError, match=rf"Port {port} .*--port"):
            choose_port(port)
        assert choose_port(None) != port


def test_a_crash_is_told_with_the_last_lines_of_the_log(tmp_path: Path) -> None:
    crashing = part(tmp_path, "import sys; print('no memory left'); sys.exit(7)")
    crashing.start()
    assert crashing.process is not None
    crashing.process.wait(20)
    with pytest.raises(PartCrashedError, match=r"(?s)Thing ended with status 7.*no memory left"):
        crashing.check()


def test_a_killed_process_is_told_as_killed(tmp_path: Path) -> None:
    killed = part(tmp_path, "import time; time.sleep(60)")
    killed.start()
    assert killed.process is not None
    killed.process.kill()
    killed.process.wait(20)
    with pytest.raises(PartCrashedError, match="killed by signal 9"):
        killed.check()


def test_all_processes_of_a_stack_are_ended_and_no_other(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " start_new_session=True)\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program]

    def spawn(stack_id: str) -> tuple[subprocess.Popen[str], int]:
        process = subprocess.Popen(
            command,
            env={**os.environ, ID_VARIABLE: stack_id},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        return process, int(process.stdout.readline())

    unique = f"test-{os.getpid()}-{time.monotonic_ns()}"
    mine, child = spawn(unique)
    other, other_child = spawn(f"{unique}-other")
    try:
        assert {process.pid for process in members(unique)} == {mine.pid, child}
        assert end_all(unique, 10) == 2
        assert members(unique) == []
        assert other.poll() is None
        assert psutil.pid_exists(other_child)
    finally:
        end_all(f"{unique}-other", 10)
        for process in (mine, other):
            process.wait(20)
            assert process.stdout is not None
            process.stdout.close()


def test_the_guardian_ends_what_a_killed_supervisor_leaves(tmp_path: Path) -> None:
    unique = f"test-{os.getpid()}-{time.monotonic_ns()}"
    scratch, description = tmp_path / "tmp", tmp_path / "stack.json"
    scratch.mkdir()
    description.write_text(f'{{"id": "{unique}"}}')
    orphan = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        env={**os.environ, ID_VARIABLE: unique},
    )
    command = [sys.executable, "-m", "local_stack.guardian"]
    guardian = subprocess.Popen(
        [*command, unique, str(scratch), str(description)],
        stdin=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert guardian.stdin is not None
    assert orphan.poll() is None
    guardian.stdin.close()  # as when its supervisor is killed
    assert guardian.wait(20) == 0
    assert orphan.wait(20) != 0
    assert not scratch.exists()
    assert not description.exists()


def test_a_log_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    assert "no log" in tail(tmp_path / "nothing")
