"""Divides the tests between workers: those of a file stay together, and those of a stack."""

from __future__ import annotations

import os
from typing import Any

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores: threads of each beside them would only wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")


# Optional, as the environment of tests/sdk is without workers
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    # The others need a model in service more than a run of the training machine
    training = (
        "test_kills.py",
        "test_machine_permissions.py",
        "test_training.py",
        "test_what_a_stop_leaves.py",
    )

    class ByStack(LoadScopeScheduling):
        """Starts each stack once, on one worker, and keeps its tests in their order."""

        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            if not path.startswith("tests/integration/"):
                return path
            return "stack for training" if path.endswith(training) else "stack for jobs"

    # As they are collected: both stacks first, and what is quick fills the rest of the time
    config.option.loadscopereorder = False
    return ByStack(config, log)
