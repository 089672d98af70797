"""The functions' modules, which other folders' tests import for another environment."""

from __future__ import annotations

import importlib
import sys

from femo_jobs import clients
from tests.unit.imports import Modules, imported_apart

from .conftest import PACKAGES


def test_tests_of_another_environment_leave_these_ones_their_modules() -> None:
    with imported_apart(PACKAGES):
        others = importlib.import_module("femo_jobs.clients")
        others_only = importlib.import_module("femo_jobs.submission")
    assert others is not clients
    assert sys.modules["femo_jobs.clients"] is clients
    assert sys.modules.get("femo_jobs.submission") is not others_only


def test_tests_that_are_run_in_two_goes_patch_the_modules_that_they_call() -> None:
    kept: Modules = {}
    with imported_apart(PACKAGES, kept):
        first = importlib.import_module("femo_jobs.clients")
    with imported_apart(PACKAGES, kept):
        assert importlib.import_module("femo_jobs.clients") is first
