"""Features kept in S3 from run to run, under what they were made of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from .errors import RequestError, StorageError
from .storage import ObjectName, ObjectVersion, download, find, upload

__all__ = ["FeatureCache"]


@dataclass(frozen=True)
class FeatureCache:
    """A prefix in S3 that holds one file of features per recording and way of extracting them.

    The name of a file is a digest of everything that decides its content: the recording's and the
    labels' ETags, the settings, the set of features and the version of the method. A recording that
    is replaced, or settings that change, thus miss the cache instead of being answered wrongly.
    """

    prefix: ObjectName
    settings_digest: str
    feature_set: str
    method_version: int
    most_bytes: int

    @classmethod
    def parse_prefix(cls, uri: str) -> ObjectName:
        """The cache's place from its URI, which may name a bucket alone."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return ObjectName(bucket, key.rstrip("/"))

    def name(self, recording: ObjectVersion, labels: ObjectVersion | None) -> ObjectName:
        """Where the features of a recording lie, if they do."""
        made_of = {
            "recording": recording.etag,
            "labels": labels.etag if labels else None,
            "features": self.feature_set,
            "method": self.method_version,
        }
        digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]
        parts = [self.prefix.key, self.settings_digest, f"{digest}.npz"]
        return ObjectName(self.prefix.bucket, "/".join(part for part in parts if part))

    def fetch(self, name: ObjectName, path: Path) -> bool:
        """Copy an entry to a file; False if there is none.

        S3 says "forbidden" of a missing object where listing is not allowed: that is none, too.

        Raises
        ------
        StorageError
            If S3 fails.
        """
        try:
            download(find(name, most_bytes=self.most_bytes), path)
        except RequestError as error:
            if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
                return False
            raise
        return True

    def store(self, name: ObjectName, path: Path) -> None:
        """Keep a file as an entry.

        Raises
        ------
        StorageError
            If it cannot be written: every later run would extract everything again, unnoticed.
        """
        try:
            upload(path, name)
        except RequestError as error:
            raise StorageError(
                f"the feature cache cannot be written (S3 answers {error.status}): check "
                "FEATURE_CACHE_URI and the role's s3:PutObject on it",
                code="cache_unwritable",
            ) from error
