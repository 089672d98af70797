"""ARNs and S3 locations of the one account and region that there are."""

from typing import NamedTuple
from urllib.parse import urlsplit

ACCOUNT = "000000000000"
REGION = "us-east-1"


def sagemaker_arn(kind: str, name: str) -> str:
    """Return the ARN of a SageMaker resource (``endpoint``, ``model-package``, ...)."""
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"


class S3Location(NamedTuple):
    """Bucket and key (or prefix) of an ``s3://`` URI."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> "S3Location":
        """Read an ``s3://bucket/key`` URI.

        Raises
        ------
        ValueError
            If it is not one.
        """
        parts = urlsplit(uri, allow_fragments=False)
        if parts.scheme != "s3" or not parts.netloc or parts.query:
            raise ValueError(f"{uri!r} is not an S3 URI (s3://bucket/key)")
        return cls(parts.netloc, parts.path.removeprefix("/"))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def child(self, *names: str) -> "S3Location":
        """Return the location of something below this one."""
        parts = [part for part in (self.key.rstrip("/"), *names) if part]
        return S3Location(self.bucket, "/".join(parts))
