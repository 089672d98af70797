"""The keys of the job table: the one place that builds them and names its indexes.

Every partition begins with a workspace, to which its rows belong. docs/table.md has the access
patterns, and what each costs.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from femo_jobs.errors import ConfigurationError

DEFAULT_WORKSPACE = "default"

SHARDS = 8
"""Partitions over which an index spreads what is written to it at any one time.

A partition takes 1,000 writes a second, and an index that takes no more holds up the table. A job
writes at most four entries to one index (``OPEN``), so that 300 jobs a second make 150 writes in
each of eight. The number may be raised (rows keep the shard they have, and all are read), not
lowered: what was written to a shard above the new number would not be found.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""

TABLE_KEY = "jobKey"

_WORKSPACE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Index:
    """A global secondary index, as template.yaml has it. Each holds keys alone."""

    name: str
    partition: str  # attribute of the partition key
    order: str  # attribute of the sort key


BY_TIME = Index("by-time", "timeKey", "listingKey")
BY_STATUS = Index("by-status", "statusKey", "listingKey")
BY_SUBJECT = Index("by-subject", "subjectKey", "listingKey")
BY_RECORDING = Index("by-recording", "recordingKey", "listingKey")
OPEN = Index("open-by-next-check", "openKey", "nextCheckAt")


@dataclass(frozen=True)
class Keys:
    """The keys of one workspace.

    Raises
    ------
    ConfigurationError
        If its name could be taken for more than the first part of a key.
    """

    workspace: str = DEFAULT_WORKSPACE

    def __post_init__(self) -> None:
        if not _WORKSPACE.fullmatch(self.workspace):
            raise ConfigurationError("a workspace is 1 to 32 of a-z 0-9 -, no - in front")

    def job(self, job_id: str) -> str:
        """Return the table's own key of a job."""
        return self._key(job_id)

    def of_time(self, shard: int) -> str:
        """Return one of the partitions that together hold every job."""
        return self._key(shard)

    def of_status(self, status: str, shard: int) -> str:
        """Return one of the partitions that together hold the jobs of a status."""
        return self._key(status, shard)

    def of_subject(self, subject_id: str) -> str:
        """Return the partition of a subject's jobs."""
        return self._key(subject_id)

    def of_recording(self, recording_uri: str) -> str:
        """Return the partition of a recording's jobs."""
        return self._key(recording_uri)

    def of_queue(self, shard: int) -> str:
        """Return one of the partitions that together hold the queue's open jobs.

        They are those that the endpoint's instances must be held for.
        """
        return self._key("open", shard)

    def of_fast_lane(self, shard: int) -> str:
        """Return one of the partitions that together hold the fast lane's open jobs."""
        return self._key("fast", shard)

    def of_unreadable(self) -> str:
        """Return the partition of open rows that this version of the code cannot read.

        It is one, as only the sweeper writes to it.
        """
        return self._key(_UNREADABLE)

    def of_places(self) -> str:
        """Return the table's own key of the row of the places to wait in, which is no job's."""
        return self._key("places", "waiting")

    def all_of_time(self) -> list[str]:
        """Return the partitions that together hold every job."""
        return [self.of_time(shard) for shard in range(SHARDS)]

    def all_of_status(self, status: str) -> list[str]:
        """Return the partitions that together hold the jobs of a status."""
        return [self.of_status(status, shard) for shard in range(SHARDS)]

    def all_of_queue(self) -> list[str]:
        """Return the partitions that together hold the queue's open jobs."""
        return [self.of_queue(shard) for shard in range(SHARDS)]

    def all_of_fast_lane(self) -> list[str]:
        """Return the partitions that together hold the fast lane's open jobs."""
        return [self.of_fast_lane(shard) for shard in range(SHARDS)]

    def all_of_open(self) -> list[str]:
        """Return the partitions that together hold every open job, whichever lane it is in."""
        return self.all_of_queue() + self.all_of_fast_lane()

    def _key(self, *parts: str | int) -> str:
        return "#".join((self.workspace, *map(str, parts)))


DEFAULT_KEYS = Keys()


def shard_of(job_id: str) -> int:
    """Return the shard of a job: always the same, and known without its row."""
    return zlib.crc32(job_id.encode()) % SHARDS


def job_id_of(job_key: str) -> str:
    """Return the job that a table key is of."""
    return job_key.partition("#")[2]
