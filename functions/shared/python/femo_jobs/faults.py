"""Which faults are a job's outcome, and which pass: as the catalogue of errors has them."""

from __future__ import annotations

from femo_result.errors.jobs import JobCode, Kind

__all__ = ["FINAL", "PASSING", "REPEAT_DELAYS_SECONDS", "attempts_for"]

REPEAT_DELAYS_SECONDS = (0, 0, 300, 600, 1200)
"""How long each repeat waits: what a new worker or instance cures is over at once, and what lasts
(S3, a disk, a model that is being replaced) has half an hour and more to pass."""

FINAL = frozenset(str(code) for code in JobCode if code.kind is Kind.FINAL)
"""Codes that say something about the request or its recording: the job has failed."""

PASSING = {str(code): code.attempts for code in JobCode if code.kind is Kind.PASSING}
"""Codes of faults that pass, and how many attempts in all a job gets that meets one."""


def attempts_for(code: str) -> int:
    """Return how many attempts a job gets that fails with a code; an unknown code is final."""
    return PASSING.get(code, 1)
