"""Which faults are a job's outcome, and which pass: the one table of both."""

from __future__ import annotations

__all__ = ["FINAL", "PASSING", "REPEAT_DELAYS_SECONDS", "attempts_for"]

REPEAT_DELAYS_SECONDS = (0, 0, 300, 600, 1200)
"""How long each repeat waits: what a new worker or instance cures is over at once, and what lasts
(S3, a disk, a model that is being replaced) has half an hour and more to pass."""

_AS_LONG_AS_IT_MAY_LAST = len(REPEAT_DELAYS_SECONDS) + 1
_SUSPECT = 3
"""Attempts where the job itself may be what breaks its worker: few, as each costs others theirs."""

FINAL = frozenset(
    {
        # The request
        "malformed_request", "invalid_field", "unknown_field", "request_too_large",
        "invalid_s3_key", "invalid_settings", "invalid_labels",
        # The recording: it is the same next time
        "recording_not_found", "recording_forbidden", "recording_archived", "recording_changed",
        "recording_too_large", "empty_recording", "not_a_recording", "recording_without_data",
        "recording_damaged", "recording_too_short", "recording_too_long", "recording_unusable",
        # An analysis that had all of its time, or that a fault in the code has ended
        "timeout", "internal_error", "femo_error",
    }
)  # fmt: skip
"""Codes that say something about the request or its recording: the job has failed."""

PASSING = {
    # The container was not there for the job
    "loading": _AS_LONG_AS_IT_MAY_LAST,
    "shutting_down": _AS_LONG_AS_IT_MAY_LAST,
    "caller_gone": _AS_LONG_AS_IT_MAY_LAST,
    "worker_lost": _SUSPECT,
    "out_of_memory": _SUSPECT,
    # The model in service is broken, which the next deployment mends
    "invalid_model": _AS_LONG_AS_IT_MAY_LAST,
    "worker_could_not_load": _AS_LONG_AS_IT_MAY_LAST,
    # S3 or the disk
    "storage_unavailable": _AS_LONG_AS_IT_MAY_LAST,
    "storage_credentials": _AS_LONG_AS_IT_MAY_LAST,
    "insufficient_storage": _AS_LONG_AS_IT_MAY_LAST,
    "incomplete_download": _AS_LONG_AS_IT_MAY_LAST,
    "recording_unreadable": _SUSPECT,  # the container's own copy
    "system_error": _SUSPECT,
    # What the functions say where the container has said nothing
    "processing_failed": _SUSPECT,
    "result_unreadable": _SUSPECT,
    "outcome_misplaced": _SUSPECT,
    "lost": _AS_LONG_AS_IT_MAY_LAST,
}
"""Codes of faults that pass, and how many attempts in all a job gets that meets one."""


def attempts_for(code: str) -> int:
    """Return how many attempts a job gets that fails with a code; an unknown code is final."""
    return PASSING.get(code, 1)
