"""Whoever wants to report a gap of MiniStack finds the report, and it can be pasted."""

import re
import tomllib
from pathlib import Path

from local_aws.ministack.private_names import MINISTACK_VERSION

PACKAGE = Path(__file__).resolve().parents[2]
PATCHES = PACKAGE / "local_aws" / "ministack"
TEXT = (PACKAGE / "docs" / "upstream.md").read_text()
REPORTS = re.split(r"\n## (?=\d)", TEXT)[1:]


def test_every_patch_has_a_report_or_a_reason_for_none() -> None:
    patches = {
        path.relative_to(PATCHES).as_posix()
        for path in PATCHES.rglob("*.py")
        if "PRIVATE_NAMES = (" in path.read_text()
    }
    named = set(re.findall(r"`([\w/]+\.py)`", TEXT))
    assert patches
    assert patches - {"private_names.py"} == named


def test_every_report_says_all_that_upstream_needs() -> None:
    for report in REPORTS:
        for part in ("<https://docs.aws.amazon.com/", "- Expected: ", "- Actual: ", "- Version: "):
            assert part in report, report


def test_every_report_has_code_that_python_reads() -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == len(REPORTS) + 1
    for block in blocks:
        compile(block, "upstream.md", "exec")


def test_the_release_that_is_installed_is_the_one_that_is_checked_and_written_about() -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"]["ministack"]
    assert wanted == [f"ministack[full]=={MINISTACK_VERSION}"]
    for text in (TEXT, (PACKAGE / "README.md").read_text()):
        assert set(re.findall(r"(?:MiniStack|Version:) (\d[\d.]+\d)", text)) == {MINISTACK_VERSION}
