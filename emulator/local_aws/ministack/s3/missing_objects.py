"""S3 hides from those who may not list a bucket whether an object is there: 403 in place of 404."""

from typing import Any
from xml.sax.saxutils import escape

from ministack.core import router
from ministack.services import s3

from local_aws.ministack.iam.authorization import refusal_of_caller
from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName("core.router", "extract_access_key_id", ("headers", "query_params")),
    PrivateName("services.s3", "_bucket_owner_account", ("name",)),
    PrivateName("services.s3", "handle_request", ("method", "path", "headers")),
    PrivateName("services.s3", "_parse_bucket_key", ("path", "headers")),
)

Answer = tuple[int, dict[str, str], bytes]


def apply() -> None:
    """Look at every answer of S3 that an object is missing."""
    handle = s3.handle_request

    async def handle_request(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, Any],
        **options: Any,
    ) -> Answer:
        answer: Answer = await handle(method, path, headers, body, query_params, **options)
        if method not in ("GET", "HEAD") or answer[0] != 404:
            return answer
        bucket, key = s3._parse_bucket_key(path, headers)
        # The answer to HEAD has no body: a bucket that is there is missing nothing but the object
        missing = b"<Code>NoSuchKey</Code>" in answer[2] or (
            method == "HEAD" and s3._bucket_owner_account(bucket) is not None
        )
        if not key or not missing:
            return answer
        caller = router.extract_access_key_id(headers, query_params)
        return without_telling(answer, method, bucket, caller)

    s3.handle_request = handle_request


def without_telling(answer: Answer, method: str, bucket: str, caller: str) -> Answer:
    """Return the answer, or a denial to a caller who may not list the bucket."""
    refusal = refusal_of_caller(caller, "s3:ListBucket", f"arn:aws:s3:::{bucket}")
    if refusal is None:
        return answer
    text = f"<Error><Code>AccessDenied</Code><Message>{escape(refusal)}</Message></Error>"
    return 403, {"Content-Type": "application/xml"}, b"" if method == "HEAD" else text.encode()
