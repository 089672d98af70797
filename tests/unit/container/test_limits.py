"""What the stack promises of the container."""

from __future__ import annotations

from femo_container.environment import MEBIBYTE, Environment
from tests.unit.template.documents import template


def test_no_recording_is_accepted_that_the_container_then_refuses() -> None:
    most = template()["Parameters"]["MaxRecordingMegabytes"]["MaxValue"] * MEBIBYTE
    assert most <= Environment().max_recording_bytes
