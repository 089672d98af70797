"""Divides the tests between workers: those of a file stay together, and those of a stack."""

from __future__ import annotations

from typing import Any

import pytest


# Optional, as the environment of tests/sdk is without workers
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class ByStack(LoadScopeScheduling):
        """Starts each stack once, on one worker, and keeps its tests in their order."""

        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            if not path.startswith("tests/integration/"):
                return path
            return "kept stack" if path.endswith("test_kills.py") else "stack"

    return ByStack(config, log)
