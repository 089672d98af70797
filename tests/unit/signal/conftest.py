"""What the signal tests share: recordings, the plain twin of the engine, the golden outputs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

from .recordings import Belt, make_belt, write_v1, write_v2

hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def twin() -> ModuleType:
    """The reference profile in plain scipy, at full rate."""
    spec = importlib.util.spec_from_file_location(
        "reference_profile", ROOT / "bench" / "reference_profile.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden() -> Path:
    folder = ROOT.parent / "shared" / "golden"
    if not folder.is_dir():
        pytest.skip("the golden outputs (../shared/golden) are not on this machine")
    return folder


@pytest.fixture(scope="session")
def belt() -> Belt:
    return make_belt(70, seed=3, moves=(33.0, 47.0))


@pytest.fixture(scope="session")
def v1_path(belt: Belt, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_v1(tmp_path_factory.mktemp("v1") / "night.dat", belt)


@pytest.fixture(scope="session")
def v2_path(belt: Belt, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_v2(tmp_path_factory.mktemp("v2") / "night.bin", belt)
