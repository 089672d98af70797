"""Keeps the rows of DynamoDB's tables in a file of their own: only what changed is written.

MiniStack writes every row of every table each time: every answer would take the longer, the more
jobs there are.
"""

import json
import sqlite3
from collections import defaultdict
from pathlib import Path
from types import FunctionType
from typing import Any

from ministack.core import persistence
from ministack.core.responses import AccountRegionScopedDict
from ministack.services import dynamodb

from local_stack.launcher.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName("core.persistence", "PERSIST_STATE", kind=bool),
    PrivateName("core.persistence", "STATE_DIR", kind=str),
    PrivateName("core.persistence", "_json_default", ("obj",)),
    PrivateName("core.persistence", "_json_object_hook", ("obj",)),
    PrivateName("core.responses", "AccountRegionScopedDict", kind=type),
    PrivateName("services.dynamodb", "_items_replaced", ("table",)),
    PrivateName("services.dynamodb", "_tables", kind=AccountRegionScopedDict),
    PrivateName("services.dynamodb", "get_state", ()),
    PrivateName("services.dynamodb", "load_persisted_state", ("data",)),
)

Row = dict[str, Any]
# Account, region and table; partition key and sort key
Place = tuple[str, str, str, str, str]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
  account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
  partition TEXT NOT NULL, sort TEXT NOT NULL, item TEXT NOT NULL,
  PRIMARY KEY (account, region, name, partition, sort)) WITHOUT ROWID;
"""


def apply() -> None:
    """Save and load rows apart from the rest of DynamoDB's state, if the state is kept."""
    if not persistence.PERSIST_STATE:
        return
    kept = KeptRows(Path(persistence.STATE_DIR) / "dynamodb-items.sqlite")
    load = dynamodb.load_persisted_state

    def get_state() -> dict[str, Any]:
        tables = dynamodb._tables.all_items()
        kept.save(
            {
                (*place, partition, sort): item
                for place, table in tables
                for partition, items in list(table["items"].items())
                for sort, item in list(items.items())
            }
        )
        return without_rows(tables)

    def load_persisted_state(data: Any) -> None:
        load(data)
        found = kept.load()
        for place, table in dynamodb._tables.all_items():
            if place in found:
                table["items"] = found[place]
                dynamodb._items_replaced(table)

    dynamodb.get_state = get_state
    dynamodb.load_persisted_state = load_persisted_state


def without_rows(tables: list[tuple[Any, dict[str, Any]]]) -> dict[str, Any]:
    """Return what DynamoDB's own get_state would if its tables were empty."""
    empty = AccountRegionScopedDict()
    for place, table in tables:
        empty.set_scoped(*place, {**table, "items": {}})
    state: dict[str, Any] = _with_tables(empty)()
    return state


def _with_tables(tables: AccountRegionScopedDict) -> FunctionType:
    return FunctionType(_get_state.__code__, {**dynamodb.__dict__, "_tables": tables})


_get_state = dynamodb.get_state


class KeptRows:
    """The rows on disk.

    Parameters
    ----------
    path
        An SQLite file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing that the operating system has
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(_SCHEMA)
        self._known: dict[Place, Row] = {}

    def save(self, rows: dict[Place, Row]) -> int:
        """Write what differs from the last call, in one step, and return how many rows that was.

        DynamoDB replaces an item that it changes, so another object is another content.
        """
        changed = [place for place, row in rows.items() if self._known.get(place) is not row]
        gone = self._known.keys() - rows.keys()
        if changed or gone:
            self._connection.execute("BEGIN")
            self._connection.executemany(
                "DELETE FROM items WHERE account = ? AND region = ? AND name = ?"
                " AND partition = ? AND sort = ?",
                gone,
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (*place, json.dumps(rows[place], default=persistence._json_default))
                    for place in changed
                ),
            )
            self._connection.execute("COMMIT")
            self._known = rows
        return len(changed) + len(gone)

    def load(self) -> dict[tuple[str, str, str], defaultdict[str, dict[str, Row]]]:
        """Return the rows of each table, by partition key and sort key."""
        tables: dict[tuple[str, str, str], defaultdict[str, dict[str, Row]]] = {}
        for *place, text in self._connection.execute("SELECT * FROM items"):
            account, region, name, partition, sort = place
            item = json.loads(text, object_hook=persistence._json_object_hook)
            table = tables.setdefault((account, region, name), defaultdict(dict))
            table[partition][sort] = item
            self._known[account, region, name, partition, sort] = item
        return tables
