"""The errors with which the API answers a request."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import Self

__all__ = ["ApiCode"]


class ApiCode(StrEnum):
    """The stable names of the API's errors, for programs.

    What a job itself failed of is not among them: `femo_result.errors.JobCode`.

    Attributes
    ----------
    status : http.HTTPStatus
        Of the answer.
    sentence : str
        What is wrong and what to do, for people. An answer may put it more exactly.
    waits : bool
        Whether the answer says with ``Retry-After`` when to ask again.
    """

    status: HTTPStatus
    sentence: str
    waits: bool

    def __new__(cls, code: str, status: int, sentence: str, waits: bool = False) -> Self:
        """Give a code its status and its sentence."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.status = HTTPStatus(status)
        member.sentence = sentence
        member.waits = waits
        return member

    # the request as a whole
    MALFORMED_JSON = "malformed_json", 400, "The body is not valid JSON."
    MISSING_BODY = "missing_body", 400, "The request needs a JSON body."
    NOT_AN_OBJECT = (
        "not_an_object",
        400,
        "The body must be a JSON object, sent as Content-Type: application/json.",
    )
    BAD_REQUEST = "bad_request", 400, "The request cannot be served."
    NO_SUCH_ROUTE = "no_such_route", 404, "There is no such route or method."
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, "This route does not have that method."
    NOT_ACCEPTABLE = (
        "not_acceptable",
        406,
        "A result is given as application/json, text/csv or application/fhir+json: "
        "name one of them in Accept.",
    )
    REQUEST_TOO_LARGE = (
        "request_too_large",
        413,
        "The request body is too large. Recordings are sent to the URLs of POST /uploads.",
    )
    # its fields and parameters
    INVALID_NEXT_TOKEN = (
        "invalid_next_token",
        400,
        "nextToken is not one that this listing has given. Start again without it.",
    )
    MISSING_FIELD = "missing_field", 422, "This field is needed."
    INVALID_FIELD = "invalid_field", 422, "A field or parameter has a value that cannot be used."
    UNKNOWN_FIELD = "unknown_field", 422, "This field is not known."
    REPEATED_FIELD = "repeated_field", 422, "This field may be given once."
    UNKNOWN_PARAMETER = "unknown_parameter", 422, "This query parameter is not known."
    REPEATED_PARAMETER = "repeated_parameter", 422, "This query parameter may be given once."
    INVALID_S3_KEY = (
        "invalid_s3_key",
        422,
        "s3Key cannot be used: it must be a key in the recordings bucket, or an s3:// URI of an "
        "admitted bucket.",
    )
    # what it is about
    RECORDING_NOT_FOUND = (
        "recording_not_found",
        404,
        "There is no such recording. Upload it first, or check s3Key.",
    )
    EMPTY_RECORDING = "empty_recording", 422, "The recording is empty."
    RECORDING_TOO_LARGE = (
        "recording_too_large",
        413,
        "The recording is larger than this service takes (MaxRecordingMegabytes).",
    )
    JOB_NOT_FOUND = "job_not_found", 404, "There is no job of this id."
    JOB_ID_CONFLICT = (
        "job_id_conflict",
        409,
        "A job of this id with another request, or of another content of its recording, exists. "
        "Choose a new jobId.",
    )
    JOB_NOT_COMPLETED = (
        "job_not_completed",
        409,
        "The job has no result: it has not ended yet, or it failed or expired. "
        "GET /jobs/{jobId} tells which.",
    )
    RESULT_TOO_LARGE = (
        "result_too_large",
        406,
        "The result is too large to be given in this form. Ask for application/json, and turn it "
        "into what is needed with femo export.",
    )
    RESULT_OF_ANOTHER_VERSION = (
        "result_of_another_version",
        406,
        "The result is of a version of the service that cannot be given in this form. "
        "Ask for application/json.",
    )
    RESULT_UNAVAILABLE = (
        "result_unavailable",
        410,
        "The job was completed, but its result is gone or damaged. "
        "Submit the recording again under a new jobId.",
    )
    RESULT_UNREACHABLE = (
        "result_unreachable",
        503,
        "The job was completed, but its result cannot be read at the moment. Ask again later; "
        "if it stays, tell the operator.",
        True,
    )
    UPLOAD_NOT_FOUND = (
        "upload_not_found",
        404,
        "There is no such multipart upload. It may have been given up: start another.",
    )
    UPLOAD_INCOMPLETE = (
        "upload_incomplete",
        409,
        "Not all bytes have arrived. Send the missing parts, then complete the upload again.",
    )
    # the models
    MODEL_NOT_FOUND = "model_not_found", 404, "There is no such version of the model."
    NOT_AN_APPROVER = (
        "not_an_approver",
        403,
        "Only a person of the group modelApprovers may do this.",
    )
    MODEL_NOT_APPROVED = (
        "model_not_approved",
        409,
        "This version of the model is not approved. Approve it first.",
    )
    APPROVAL_CHANGED = (
        "approval_changed",
        409,
        "This version of the model has been decided of since. Look at it again, then decide.",
    )
    DEPLOYMENT_NOT_FOUND = "deployment_not_found", 404, "There is no deployment of this id."
    # the service
    MODEL_NOT_DEPLOYED = (
        "model_not_deployed",
        503,
        "No model is in service yet. The job was not accepted; send it again later.",
        True,
    )
    BACKLOG_FULL = (
        "backlog_full",
        503,
        "So many jobs wait that this one would expire before its turn. It was not accepted; "
        "send it again later.",
        True,
    )
    SERVICE_BUSY = (
        "service_busy",
        503,
        "The service takes no more requests at the moment. Send the same one again.",
        True,
    )
    SUBMISSION_UNCERTAIN = (
        "submission_uncertain",
        503,
        "The job may or may not have been queued. Send the same request again: "
        "a job of one jobId is counted once.",
        True,
    )
    UNREADABLE_JOB = (
        "unreadable_job",
        500,
        "There is a job of this id, but this version of the service cannot read it. "
        "Tell the operator.",
    )
    INTERNAL_ERROR = (
        "internal_error",
        500,
        "The service failed. Send the same request again; if it stays, tell the operator "
        "the time of this request.",
    )
    # what API Gateway says before a function is asked: the template's gateway responses
    UNAUTHORIZED = (
        "unauthorized",
        401,
        "A valid access token with the scope of this route is needed.",
    )
    TOKEN_EXPIRED = "token_expired", 401, "The access token has expired."
    FORBIDDEN = "forbidden", 403, "Access to this route is denied."
    REQUEST_REFUSED = (
        "request_refused",
        403,
        "The request was refused before it reached the service. "
        "Check its address, method and headers.",
    )
    TOO_MANY_REQUESTS = (
        "too_many_requests",
        429,
        "Too many requests. Try again in a second.",
        True,
    )
    TIMEOUT = (
        "timeout",
        504,
        "The service did not answer in time. Send the same request again.",
    )
