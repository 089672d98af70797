"""What an accepted job can fail of: the codes of a job's ``error``."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

__all__ = ["AS_LONG_AS_IT_MAY_LAST", "SUSPECT", "JobCode", "Kind"]

AS_LONG_AS_IT_MAY_LAST = 6
"""Attempts where the fault lies with the service: as many as there are delays, and one."""

SUSPECT = 3
"""Attempts where the job itself may be what breaks its worker: few, as each costs others theirs."""


class Kind(StrEnum):
    """What a code says of its job."""

    FINAL = "final"
    """The request or its recording is at fault, or the analysis had all of its time: failed."""
    PASSING = "passing"
    """The service is at fault for now: tried again, and failed once that was done in vain."""
    EXPIRED = "expired"
    """The job was not analysed in time."""
    UNTOLD = "untold"
    """Nothing is wrong with how the job ended, but it cannot be told."""


class JobCode(StrEnum):
    """The stable names of what a job can end with, for programs; a newer model can bring others.

    Attributes
    ----------
    kind : Kind
    sentence : str
        What is wrong and what to do, for people. A job's own message may put it more exactly.
    attempts : int
        How many attempts in all a job gets that meets it.
    """

    kind: Kind
    sentence: str
    attempts: int

    def __new__(cls, code: str, kind: Kind, sentence: str, attempts: int = 1) -> Self:
        """Give a code its kind, its sentence and its attempts."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.kind = kind
        member.sentence = sentence
        member.attempts = attempts
        return member

    # the request
    MALFORMED_REQUEST = (
        "malformed_request",
        Kind.FINAL,
        "The endpoint was not given a JSON object with jobId and s3Key.",
    )
    INVALID_FIELD = "invalid_field", Kind.FINAL, "A field has a value that cannot be used."
    UNKNOWN_FIELD = "unknown_field", Kind.FINAL, "A field is not known."
    REQUEST_TOO_LARGE = (
        "request_too_large",
        Kind.FINAL,
        "The request names a recording in S3, it does not hold one.",
    )
    INVALID_S3_KEY = (
        "invalid_s3_key",
        Kind.FINAL,
        "S3 could not hold such a bucket and key: give s3://bucket/key, or a key in the "
        "recordings bucket.",
    )
    INVALID_SETTINGS = (
        "invalid_settings",
        Kind.FINAL,
        "The analysis settings contradict themselves or the recording.",
    )
    INVALID_LABELS = (
        "invalid_labels",
        Kind.FINAL,
        "The annotations are malformed or do not fit their recording.",
    )
    # the recording: it is the same next time
    RECORDING_NOT_FOUND = (
        "recording_not_found",
        Kind.FINAL,
        "There is no such recording, or no longer: upload it before the job is submitted.",
    )
    RECORDING_FORBIDDEN = (
        "recording_forbidden",
        Kind.FINAL,
        "The recording does not exist, or the service may not read it.",
    )
    RECORDING_ARCHIVED = (
        "recording_archived",
        Kind.FINAL,
        "The recording is archived: restore the object, then submit it again.",
    )
    RECORDING_CHANGED = (
        "recording_changed",
        Kind.FINAL,
        "The recording was replaced after the job was submitted: submit it again under a new "
        "jobId once it is complete.",
    )
    RECORDING_TOO_LARGE = (
        "recording_too_large",
        Kind.FINAL,
        "The recording has more bytes than the endpoint takes.",
    )
    EMPTY_RECORDING = "empty_recording", Kind.FINAL, "The recording is empty."
    NOT_A_RECORDING = (
        "not_a_recording",
        Kind.FINAL,
        "The file is no FeMo recording of a known format.",
    )
    RECORDING_WITHOUT_DATA = (
        "recording_without_data",
        Kind.FINAL,
        "The file is a FeMo recording that holds no samples that could be read.",
    )
    RECORDING_DAMAGED = (
        "recording_damaged",
        Kind.FINAL,
        "So much of the recording is missing that it cannot be analysed: transfer it again, or "
        "cut out the part that was recorded.",
    )
    RECORDING_TOO_SHORT = (
        "recording_too_short",
        Kind.FINAL,
        "The recording is too short to be analysed.",
    )
    RECORDING_TOO_LONG = (
        "recording_too_long",
        Kind.FINAL,
        "The recording is longer than is analysed: split it into shorter ones.",
    )
    RECORDING_UNUSABLE = (
        "recording_unusable",
        Kind.FINAL,
        "The recording cannot be analysed; the message says why.",
    )
    # an analysis that had all of its time, or that a fault in the code has ended
    TIMEOUT = (
        "timeout",
        Kind.FINAL,
        "The analysis was not done in the time that a job has, and was given up.",
    )
    INTERNAL_ERROR = (
        "internal_error",
        Kind.FINAL,
        "The analysis failed through a fault of ours: tell the operator the jobId.",
    )
    FEMO_ERROR = "femo_error", Kind.FINAL, "The analysis was refused; the message says why."
    # the container was not there for the job
    LOADING = (
        "loading",
        Kind.PASSING,
        "No worker was free early enough to do the job.",
        AS_LONG_AS_IT_MAY_LAST,
    )
    SHUTTING_DOWN = (
        "shutting_down",
        Kind.PASSING,
        "The instance was stopped while it had the job.",
        AS_LONG_AS_IT_MAY_LAST,
    )
    CALLER_GONE = (
        "caller_gone",
        Kind.PASSING,
        "The connection to the endpoint broke before the job was done.",
        AS_LONG_AS_IT_MAY_LAST,
    )
    WORKER_LOST = (
        "worker_lost",
        Kind.PASSING,
        "The process that had the job ended before it answered.",
        SUSPECT,
    )
    OUT_OF_MEMORY = "out_of_memory", Kind.PASSING, "The analysis ran out of memory.", SUSPECT
    # the model in service is broken, which the next deployment mends
    INVALID_MODEL = (
        "invalid_model",
        Kind.PASSING,
        "The model in service cannot be loaded, or does not fit what it is given.",
        AS_LONG_AS_IT_MAY_LAST,
    )
    WORKER_COULD_NOT_LOAD = (
        "worker_could_not_load",
        Kind.PASSING,
        "No worker could be loaded with the model in service.",
        AS_LONG_AS_IT_MAY_LAST,
    )
    # S3 or the disk
    STORAGE_UNAVAILABLE = (
        "storage_unavailable",
        Kind.PASSING,
        "S3 could not be reached, or did not answer as it should.",
        AS_LONG_AS_IT_MAY_LAST,
    )
    STORAGE_CREDENTIALS = (
        "storage_credentials",
        Kind.PASSING,
        "The service's credentials are not accepted by S3.",
        AS_LONG_AS_IT_MAY_LAST,
    )
    INSUFFICIENT_STORAGE = (
        "insufficient_storage",
        Kind.PASSING,
        "The instance's disk has no room for the recording.",
        AS_LONG_AS_IT_MAY_LAST,
    )
    INCOMPLETE_DOWNLOAD = (
        "incomplete_download",
        Kind.PASSING,
        "Not all bytes of the recording arrived from S3.",
        AS_LONG_AS_IT_MAY_LAST,
    )
    RECORDING_UNREADABLE = (
        "recording_unreadable",
        Kind.PASSING,
        "The file cannot be read: it is missing, a directory, or not ours to read. Of a job: the "
        "endpoint's own copy.",
        SUSPECT,
    )
    SYSTEM_ERROR = (
        "system_error",
        Kind.PASSING,
        "The system failed below the analysis.",
        SUSPECT,
    )
    # what the functions say where the container has said nothing
    PROCESSING_FAILED = (
        "processing_failed",
        Kind.PASSING,
        "The recording could not be analysed. Submit it again under a new jobId.",
        SUSPECT,
    )
    RESULT_UNREADABLE = (
        "result_unreadable",
        Kind.PASSING,
        "The analysis ended without a readable result. Submit the recording again under a new "
        "jobId.",
        SUSPECT,
    )
    OUTCOME_MISPLACED = (
        "outcome_misplaced",
        Kind.PASSING,
        "The analysis wrote its outcome where this service does not keep any. Submit the "
        "recording again under a new jobId.",
        SUSPECT,
    )
    LOST = (
        "lost",
        Kind.PASSING,
        "The analysis was never heard of again. Submit the recording again under a new jobId.",
        AS_LONG_AS_IT_MAY_LAST,
    )
    # of an expired job
    EXPIRED = (
        "expired",
        Kind.EXPIRED,
        "The job was not analysed in time. Submit it again under a new jobId.",
    )
    NOT_QUEUED = (
        "not_queued",
        Kind.EXPIRED,
        "The job could not be queued for analysis. Submit it again under a new jobId.",
    )
    # of a job that ended well, or whose row cannot be read
    RESULT_UNAVAILABLE = (
        "result_unavailable",
        Kind.UNTOLD,
        "The job was completed, but its result is gone or damaged. "
        "Submit the recording again under a new jobId.",
    )
    RESULT_UNREACHABLE = (
        "result_unreachable",
        Kind.UNTOLD,
        "The job was completed, but its result cannot be read at the moment. Ask again later; "
        "if it stays, tell the operator.",
    )
    UNREADABLE_JOB = (
        "unreadable_job",
        Kind.UNTOLD,
        "There is a job of this id, but this version of the service cannot read it. "
        "Tell the operator.",
    )
