"""S3 locations, and which of them a caller may name."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from femo_jobs.errors import LocationError

MAX_KEY_BYTES = 1024  # S3's own limit


@dataclass(frozen=True)
class Location:
    """An object in S3."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """The location as an s3:// URI."""
        return f"s3://{self.bucket}/{self.key}"

    @classmethod
    def parse(cls, uri: str) -> Location:
        """Split an s3:// URI.

        Raises
        ------
        LocationError
            If the text is not s3://BUCKET/KEY.
        """
        scheme, separator, rest = uri.partition("://")
        bucket, slash, key = rest.partition("/")
        if scheme != "s3" or not separator or not bucket or not slash or not key:
            raise LocationError("not an s3:// URI of the form s3://BUCKET/KEY")
        return cls(bucket, key)


def recording_location(text: str, *, default_bucket: str, admitted: Set[str]) -> Location:
    """Return the recording that a caller names.

    Parameters
    ----------
    text
        A key in ``default_bucket``, or an s3:// URI.
    default_bucket
        Bucket of a bare key.
    admitted
        Buckets that a URI may name.

    Raises
    ------
    LocationError
        If the text is no usable key, or names another bucket. The message tells which and may
        be shown to the caller.
    """
    location = Location.parse(text) if "://" in text else Location(default_bucket, text)
    if location.bucket not in admitted:
        raise LocationError("the bucket is not one whose recordings this service may read")
    _check_key(location.key)
    return location


def _check_key(key: str) -> None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise LocationError("the key is not valid Unicode") from None
    if size > MAX_KEY_BYTES:
        raise LocationError(f"the key is {size} bytes long, {MAX_KEY_BYTES} at most are possible")
    if not key:
        raise LocationError("the key is empty")
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in key):
        raise LocationError("the key has control characters")
    if "\\" in key:
        raise LocationError("the key has a backslash; folders are separated by /")
    if key.startswith("/") or key.endswith("/") or "//" in key:
        raise LocationError("the key starts or ends with /, or has an empty folder name")
    if ".." in key or "." in key.split("/"):
        raise LocationError("the key has . or .. in it")
