"""The table of the count's intervals can be made of every set, whatever its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import coverage_table
from bench.truth_sets import evaluation_sets


class Made:
    """Stands for a recording, and keeps where it was to be made."""

    def __init__(self) -> None:
        self.paths: list[Path] = []

    def make(self, path: Path) -> None:
        path.write_bytes(b"")
        path.with_suffix(".truth.json").write_text('{"kicks": [[1.0, 1.5]]}')
        self.paths.append(path)


@pytest.mark.parametrize("name", sorted(evaluation_sets()))
def test_a_set_of_any_name_finds_a_file_and_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(coverage_table, "extract_recording", lambda *_args, **_given: None)
    made = Made()
    coverage_table.extracted(made, f"{name} 0", tmp_path)  # type: ignore[arg-type]
    assert [path.parent for path in made.paths] == [tmp_path]
    assert not list(tmp_path.iterdir())
