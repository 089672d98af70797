"""What reads and writes of the job table cost, by DynamoDB's own rules, from the bytes of its rows.

The emulators answer a constant in place of the capacity that was consumed.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

READ_BYTES = 4096
WRITE_BYTES = 1024
EVENTUAL = 0.5  # of the units of a consistent read; an index gives no other

Item = Mapping[str, Mapping[str, Any]]


def item_bytes(item: Item) -> int:
    """Return the size of a row or entry: names and values, without an index's own overhead."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "N":
        return math.ceil(len(content.strip("-").replace(".", "")) / 2) + 1
    return len(content.encode()) if kind == "S" else 1


def query_units(entries: Iterable[Item]) -> float:
    """Return the read units of one query of an index, which are at least half a one."""
    read = sum(map(item_bytes, entries))
    return EVENTUAL * max(1, math.ceil(read / READ_BYTES))


def rows_units(rows: Iterable[Item]) -> int:
    """Return the read units of rows that are read by their keys, consistently."""
    return sum(math.ceil(item_bytes(row) / READ_BYTES) for row in rows)


def write_units(before: Item, after: Item) -> int:
    """Return the write units of a row that changes; ``{}`` where there is none."""
    return max(math.ceil(item_bytes(item) / WRITE_BYTES) for item in (before, after))


def entry_writes(before: Item, after: Item, key: tuple[str, str]) -> int:
    """Return the writes of an index of keys alone: an entry that moves is deleted and put.

    An entry is smaller than one write unit as long as its keys are.

    Parameters
    ----------
    key
        Attributes of the index's partition and sort key.
    """
    entries = [tuple(item.get(name) for name in key) for item in (before, after)]
    if entries[0] == entries[1]:
        return 0
    return sum(None not in entry for entry in entries)  # sparse: without its keys, no entry
