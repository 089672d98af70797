"""The examples of the page and of the docstrings run, against a service on this machine."""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import femo_client

from .local_service import LocalService, local_service

PAGE = Path(__file__).resolve().parents[3] / "docs" / "client.md"


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalService]:
    """A folder with the recordings that the examples name, and a service to reach."""
    monkeypatch.chdir(tmp_path)
    for name in ("night.dat", "night-2.dat"):
        Path(name).write_text(f"recording {name}")
    monkeypatch.delenv("FEMO_TOKEN", raising=False)
    with local_service() as service:
        for name, value in service.environment.items():
            monkeypatch.setenv(name, value)
        yield service


def run(text: str, source: str) -> None:
    examples = doctest.DocTestParser().get_examples(text)
    assert examples, f"{source} has no example"
    test = doctest.DocTest(examples, {}, source, source, 0, None)
    told: list[str] = []
    results = doctest.DocTestRunner().run(test, out=told.append)
    assert not results.failed, "".join(told)


def test_the_examples_of_the_page_run() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    run("\n".join(blocks), PAGE.name)


@pytest.mark.parametrize("name", ["AsyncFemoClient", "FemoClient", "to_dataframe"])
def test_the_example_of_a_public_name_runs(name: str, desk: LocalService) -> None:
    with femo_client.FemoClient.from_environment() as client:
        client.submit_file("night.dat", job_id="night-1")
    run(getattr(femo_client, name).__doc__ or "", name)


def test_the_page_names_every_error_that_a_caller_can_meet() -> None:
    errors = {name for name in femo_client.__all__ if name.endswith("Error")} - {"JobError"}
    assert errors <= set(re.findall(r"`(\w+Error)`", PAGE.read_text()))
