"""Of a stack that ends, however it does, no process and no temporary folder stays behind.

The file's name puts it after the tests that need the stack: it stays stopped.
"""

from __future__ import annotations

import psutil
import pytest
from botocore.exceptions import BotoCoreError

from local_stack.layout import StackFolder
from local_stack.processes import guardians, members
from local_stack.supervisor import supervisor_pid

from .conftest import Stack

pytestmark = pytest.mark.integration


def kill_supervisor(stack: Stack, *, guardian: bool = False) -> str:
    """Kill what would end the other processes of a stack, and return the stack's id."""
    description = stack.description
    stack_id: str = description["id"]
    if guardian:
        for one in guardians(stack_id):
            one.kill()
    psutil.Process(description["pid"]).kill()
    return stack_id


def assert_nothing_is_left(stack: Stack, stack_id: str) -> None:
    assert members(stack_id) == []
    assert guardians(stack_id) == []
    assert not (stack.folder / "tmp").exists()
    assert not (stack.folder / "stack.json").exists()
    assert supervisor_pid(StackFolder(stack.folder)) is None


def test_a_stack_that_is_started_right_after_a_kill_keeps_its_own_temporary_folder(
    deployed: Stack,
) -> None:
    killed = kill_supervisor(deployed)
    deployed.start()
    assert members(killed) == []
    assert guardians(killed) == []
    assert deployed.description["id"] != killed
    assert (deployed.folder / "tmp" / "library" / "femo_signal").exists()


@pytest.mark.parametrize("guardian", [False, True], ids=["supervisor", "supervisor and guardian"])
def test_a_stop_after_a_killed_supervisor_leaves_no_process_and_no_temporary_folder(
    deployed: Stack, *, guardian: bool
) -> None:
    s3 = deployed.client("s3")
    killed = kill_supervisor(deployed, guardian=guardian)
    deployed.stop()
    assert_nothing_is_left(deployed, killed)
    with pytest.raises(BotoCoreError):
        s3.list_buckets()
    deployed.start()


def test_a_stopped_stack_leaves_no_process_and_no_temporary_folder(deployed: Stack) -> None:
    stack_id = deployed.description["id"]
    deployed.stop()
    assert_nothing_is_left(deployed, stack_id)
