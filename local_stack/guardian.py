"""Outlives a killed supervisor by as long as it takes to end the rest of its stack.

The supervisor holds the other end of this process's standard input. When that closes, for
whatever reason, nothing of the stack may stay behind: no process, no temporary folder.
"""

import json
import shutil
import signal
import sys
from pathlib import Path

from local_stack.processes import end_all

GRACE_SECONDS = 10.0


def main() -> None:
    """Wait for the supervisor's end, then clean up after it."""
    stack_id, scratch, description = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    # It must live through the signals that end the others
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end_all(stack_id, GRACE_SECONDS)
    shutil.rmtree(scratch, ignore_errors=True)
    if _describes(description, stack_id):
        description.unlink(missing_ok=True)


def _describes(description: Path, stack_id: str) -> bool:
    # Another stack may have been started in the folder meanwhile
    try:
        return bool(json.loads(description.read_text())["id"] == stack_id)
    except (OSError, ValueError, KeyError):
        return False


if __name__ == "__main__":
    main()
