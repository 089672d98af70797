"""What local SageMaker must not forget, in one SQLite file.

Resources are JSON documents by kind and name; asynchronous invocations are rows, taken in the
order in which they came. Every call is one transaction, so a killed process loses none that
was answered.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL,
  UNIQUE (kind, name));
CREATE TABLE IF NOT EXISTS invocations (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  endpoint TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
  received REAL NOT NULL, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS waiting ON invocations (endpoint, state, number);
"""


class NameTakenError(Exception):
    """A resource of that kind and name exists."""


@dataclass(frozen=True)
class QueuedInvocation:
    """One asynchronous invocation in the queue."""

    number: int
    endpoint: str
    attempts: int
    received: float  # Unix time, s
    document: Document


class Store:
    """Documents and the queue.

    Parameters
    ----------
    path
        The SQLite file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Group several calls into one."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def insert(self, kind: str, name: str, document: Document) -> None:
        """Add a resource.

        Raises
        ------
        NameTakenError
            If the kind has one of that name.
        """
        with self.transaction() as connection:
            try:
                connection.execute(
                    "INSERT INTO resources (kind, name, document) VALUES (?, ?, ?)",
                    (kind, name, json.dumps(document)),
                )
            except sqlite3.IntegrityError as error:
                raise NameTakenError(f"{kind} {name}") from error

    def get(self, kind: str, name: str) -> Document | None:
        """Return a resource, or None."""
        with self._lock:
            row = self._connection.execute(
                "SELECT document FROM resources WHERE kind = ? AND name = ?", (kind, name)
            ).fetchone()
        return None if row is None else json.loads(row[0])

    def update(self, kind: str, name: str, /, **changes: Any) -> Document:
        """Change members of a resource (None removes one) and return it.

        Raises
        ------
        KeyError
            If there is no such resource.
        """
        with self.transaction() as connection:
            document = self.get(kind, name)
            if document is None:
                raise KeyError(f"{kind} {name}")
            document |= changes
            document = {key: value for key, value in document.items() if value is not None}
            connection.execute(
                "UPDATE resources SET document = ? WHERE kind = ? AND name = ?",
                (json.dumps(document), kind, name),
            )
            return document

    def delete(self, kind: str, name: str) -> bool:
        """Remove a resource; say whether there was one."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "DELETE FROM resources WHERE kind = ? AND name = ?", (kind, name)
            )
            return cursor.rowcount > 0

    def all(self, kind: str) -> list[Document]:
        """Return every resource of a kind, oldest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT document FROM resources WHERE kind = ? ORDER BY number", (kind,)
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def enqueue(self, endpoint: str, document: Document, received: float | None = None) -> int:
        """Add an invocation at the end of its endpoint's queue and return its number."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO invocations (endpoint, state, received, document) VALUES (?, ?, ?, ?)",
                (
                    endpoint,
                    "waiting",
                    time.time() if received is None else received,
                    json.dumps(document),
                ),
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def take(self, endpoint: str) -> QueuedInvocation | None:
        """Mark the oldest waiting invocation as running and return it, or None."""
        with self.transaction() as connection:
            row = connection.execute(
                "SELECT number, attempts, received, document FROM invocations"
                " WHERE endpoint = ? AND state = 'waiting' ORDER BY number LIMIT 1",
                (endpoint,),
            ).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE invocations SET state = 'running', attempts = attempts + 1"
                " WHERE number = ?",
                (row[0],),
            )
        return QueuedInvocation(row[0], endpoint, row[1] + 1, row[2], json.loads(row[3]))

    def put_back(self, number: int) -> None:
        """Let an invocation that was taken be taken again, before younger ones."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE invocations SET state = 'waiting' WHERE number = ?", (number,)
            )

    def put_back_all(self) -> int:
        """Let all taken ones be taken again, after a restart; return their number.

        The interrupted attempt does not count against them.
        """
        with self.transaction() as connection:
            return connection.execute(
                "UPDATE invocations SET state = 'waiting', attempts = attempts - 1"
                " WHERE state = 'running'"
            ).rowcount

    def remove(self, number: int) -> None:
        """Forget an invocation: its outcome has been told."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM invocations WHERE number = ?", (number,))

    def remove_endpoint(self, endpoint: str) -> int:
        """Forget all that waits for an endpoint; return how many that was."""
        with self.transaction() as connection:
            return connection.execute(
                "DELETE FROM invocations WHERE endpoint = ? AND state = 'waiting'", (endpoint,)
            ).rowcount

    def age(self, seconds: float) -> None:
        """Let every invocation in the queues have come so much earlier."""
        with self.transaction() as connection:
            connection.execute("UPDATE invocations SET received = received - ?", (seconds,))

    def backlog(self, endpoint: str) -> tuple[int, float | None]:
        """Return how many invocations wait or run, and when the oldest came (Unix time, s)."""
        with self._lock:
            row = self._connection.execute(
                "SELECT COUNT(*), MIN(received) FROM invocations WHERE endpoint = ?", (endpoint,)
            ).fetchone()
        return row[0], row[1]
