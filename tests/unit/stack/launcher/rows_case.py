"""Rows of DynamoDB's tables are on disk, each as it was written last, and no other."""

# unittest, because MiniStack's environment has no pytest
# ruff: noqa: PT009

import tempfile
import unittest
from pathlib import Path
from typing import Any

from local_stack.launcher.kept_rows import KeptRows, Place


def place(partition: str, table: str = "jobs") -> Place:
    return ("000000000000", "us-east-1", table, partition, "")


def item(text: str) -> dict[str, Any]:
    return {"jobId": {"S": text}}


class Rows(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "rows.sqlite"
        self.kept = KeptRows(self.path)

    def found(self) -> dict[str, Any]:
        """Return what another process would read."""
        tables = KeptRows(self.path).load()
        rows = tables.get(("000000000000", "us-east-1", "jobs"), {})
        return {partition: items[""] for partition, items in rows.items()}

    def test_rows_are_there_after_a_restart(self) -> None:
        self.kept.save({place("a"): item("1"), place("b"): item("2")})
        self.assertEqual(self.found(), {"a": item("1"), "b": item("2")})

    def test_only_what_changed_is_written(self) -> None:
        rows = {place(str(number)): item(str(number)) for number in range(100)}
        self.assertEqual(self.kept.save(rows), 100)
        self.assertEqual(self.kept.save(dict(rows)), 0)
        self.assertEqual(self.kept.save({**rows, place("7"): item("new")}), 1)
        self.assertEqual(self.found()["7"], item("new"))

    def test_a_deleted_row_is_gone(self) -> None:
        self.kept.save({place("a"): item("1"), place("b"): item("2")})
        self.kept.save({place("b"): item("2")})
        self.assertEqual(self.found(), {"b": item("2")})

    def test_what_was_read_at_the_start_is_not_written_again(self) -> None:
        self.kept.save({place("a"): item("1")})
        again = KeptRows(self.path)
        rows = again.load()[("000000000000", "us-east-1", "jobs")]
        self.assertEqual(again.save({place("a"): rows["a"][""]}), 0)

    def test_tables_do_not_share_rows(self) -> None:
        self.kept.save({place("a"): item("1"), place("a", "other"): item("2")})
        tables = KeptRows(self.path).load()
        self.assertEqual(len(tables), 2)
