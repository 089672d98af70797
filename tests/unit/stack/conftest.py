"""Fixtures of the local stack's unit tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack.sagemaker.service import Service
from tests.unit.stack.fakes import make_service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A local SageMaker among fakes."""
    made = make_service(tmp_path)
    yield made
    made.stopping.set()
    made.store.close()
