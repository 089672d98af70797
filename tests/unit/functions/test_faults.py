"""How often a job is tried again is the catalogue's word, and there is a delay before each time."""

from __future__ import annotations

from femo_jobs.faults import FINAL, PASSING, REPEAT_DELAYS_SECONDS, attempts_for


def test_a_fault_is_either_a_jobs_outcome_or_passes() -> None:
    assert FINAL
    assert PASSING
    assert not FINAL & set(PASSING)


def test_an_attempt_is_repeated_no_more_often_than_delays_are_set_for() -> None:
    assert max(PASSING.values()) == len(REPEAT_DELAYS_SECONDS) + 1
    assert min(PASSING.values()) > 1
    assert attempts_for("a_code_of_a_newer_container") == 1
