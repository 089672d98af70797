"""What callers that wait have seen is held against what they are promised."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.synchronous import Seen

DONE = Seen("warm", 5, 200, "wait=5", "Completed", 1.2, 1.2, "serverless")
WAITED = Seen("does not answer", 5, 202, "wait=5", "Queued", 5.3, 9.0, "serverless")


def test_an_end_in_time_and_a_wait_that_was_too_short_are_as_promised() -> None:
    not_asked = replace(WAITED, patience=0, applied="", seconds=0.2)
    no_place = replace(WAITED, applied="", seconds=0.2)
    assert [fault for one in (DONE, WAITED, not_asked, no_place) for fault in one.faults()] == []


@pytest.mark.parametrize(
    "seen",
    [
        replace(DONE, http_status=202),
        replace(WAITED, http_status=200),
        replace(WAITED, http_status=504, job_status=""),
        replace(WAITED, seconds=25.0),
        replace(WAITED, patience=20, applied="wait=20", seconds=29.5),
        replace(DONE, applied="wait=20"),
    ],
)
def test_a_caller_that_is_answered_otherwise_is_told(seen: Seen) -> None:
    assert list(seen.faults())
