"""Fixtures: programs on a PATH of their own that write down how they were called, and an ECR."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

PROGRAM = """#!{python} -IS
import json, os, sys
here = {folder!r}
words = sys.argv[1:]
given = sys.stdin.read() if "--password-stdin" in words else ""
with open(here + "/calls.jsonl", "a") as file:
    file.write(json.dumps([{name!r}, *words, given]) + "\\n")
answers = json.load(open(here + "/answers.json"))
for start, (status, text) in answers.items():
    if " ".join([{name!r}, *words]).startswith(start):
        print(text)
        sys.exit(status)
"""


@dataclass
class Programs:
    """Stand-ins for docker and buildah."""

    folder: Path

    def install(self, name: str) -> None:
        """Put a program on the PATH."""
        path = self.folder / name
        path.write_text(PROGRAM.format(python=sys.executable, folder=str(self.folder), name=name))
        path.chmod(0o755)

    def answer(self, start: str, text: str = "", *, status: int = 0) -> None:
        """Let a command that starts so print a text and end with a status."""
        path = self.folder / "answers.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), start: [status, text]}))

    def calls(self, start: str = "") -> list[list[str]]:
        """Command lines so far, each with what it was given on standard input at its end."""
        path = self.folder / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        calls = [json.loads(line) for line in lines]
        return [call for call in calls if " ".join(call).startswith(start)]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "answers.json").write_text("{}")
    monkeypatch.setenv("PATH", str(folder))
    return Programs(folder)


@pytest.fixture(scope="module")
def mocked_ecr() -> Iterator[Any]:
    variables = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in variables.items():
            patch.setenv(name, value)
        yield boto3.client("ecr")


@pytest.fixture
def ecr(mocked_ecr: Any) -> Any:
    """An account without repositories."""
    for found in mocked_ecr.describe_repositories()["repositories"]:
        mocked_ecr.delete_repository(repositoryName=found["repositoryName"], force=True)
    return mocked_ecr
