"""docs/exports.md: a reader who follows it gets what it says, in MNE, WFDB and pandas."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

from click.testing import CliRunner

from femo_cli.main import femo
from femo_result.exports import COLUMNS
from femo_result.exports.fhir_codes import LOCAL_CODES, LOCAL_SYSTEM

from .test_face import run

PAGE = Path(__file__).resolve().parents[3] / "docs" / "exports.md"
TEXT = PAGE.read_text()


def blocks(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return "\n".join(found)


def test_every_command_and_every_example_of_the_page_runs(at_desk: Path) -> None:
    commands = [line for line in blocks("sh").splitlines() if line]
    assert {f"--format {kind}" for kind in ("csv", "parquet", "fhir", "edf", "wfdb")} <= {
        told for line in commands for told in re.findall(r"--format \w+", line)
    }
    for line in commands:
        command, _, target = line.partition(" > ")
        done = CliRunner().invoke(femo, shlex.split(command)[1:])
        assert done.exit_code == 0, f"{line}: {done.output}"
        if target:
            Path(target).write_text(done.stdout)
    run(doctest.DocTestParser().get_examples(blocks("python")), PAGE.name)


def test_the_page_has_every_column_and_every_code() -> None:
    for column in COLUMNS:
        assert f"| `{column.name}` | {column.unit} | {column.meaning} |\n" in TEXT
    for code, words in LOCAL_CODES.items():
        assert f"| `{code}` | {words} |\n" in TEXT
    assert LOCAL_SYSTEM in TEXT
