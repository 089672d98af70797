"""S3 answers a part of a version where one is asked for: MiniStack sends all of it."""

from typing import Any

from ministack.services import s3

from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName("services.s3", "handle_request", ("method", "path", "headers")),
    PrivateName("services.s3", "_parse_range", ("range_header", "total")),
)

Answer = tuple[int, dict[str, str], bytes]


def apply() -> None:
    """Cut what is sent of a version to what was asked for."""
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
        asked = headers.get("range")
        if method != "GET" or answer[0] != 200 or not asked or "versionId" not in query_params:
            return answer
        return part_of(answer, asked)

    s3.handle_request = handle_request


def part_of(answer: Answer, asked: str) -> Answer:
    """Return the part of an answer that a Range header asks for.

    The checksum of the whole says nothing of a part, and is left out as on AWS.
    """
    _, headers, body = answer
    found = s3._parse_range(asked, len(body))
    if found is None:
        text = "<Error><Code>InvalidRange</Code></Error>"
        return 416, {"Content-Type": "application/xml"}, text.encode()
    start, end = found
    part = body[start : end + 1]
    kept = {
        name: value for name, value in headers.items() if not name.lower().startswith("x-amz-check")
    }
    kept |= {"Content-Length": str(len(part)), "Content-Range": f"bytes {start}-{end}/{len(body)}"}
    return 206, kept, part
