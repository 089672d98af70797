"""Fixtures of local SageMaker's unit tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sagemaker_fakes import make_service

from local_aws.sagemaker.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A local SageMaker among fakes."""
    made = make_service(tmp_path)
    yield made
    made.stopping.set()
    made.store.close()
