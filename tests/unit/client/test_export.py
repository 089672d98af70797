"""`femo export`: what is written, what is refused, and that nothing is written over."""

from __future__ import annotations

import functools
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from fhir.resources.R4B.bundle import Bundle

from femo_cli.main import femo
from femo_client import FemoClient

from ..result.examples import events_response
from .service import CREDENTIALS, URL, Service, answering

STACK = {
    "FEMO_API_URL": URL,
    "FEMO_TOKEN_URL": CREDENTIALS.token_url,
    "FEMO_CLIENT_ID": "id",
    "FEMO_CLIENT_SECRET": CREDENTIALS.client_secret,
}
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `femo export` in a folder with a result."""
    monkeypatch.chdir(tmp_path)
    Path("night.json").write_text(json.dumps(events_response()))
    return lambda *arguments, **options: CliRunner().invoke(
        femo, ["export", *arguments], env=STACK, **options
    )


def job(**changes: Any) -> dict[str, Any]:
    """A completed job as the API tells it."""
    told = {
        "jobId": "x",
        "createdAt": "2025-01-07T05:59:00.000Z",
        "s3Key": "s3://recordings/uploads/night.dat",
        "source": {"s3Key": "s3://recordings/uploads/night.dat", "etag": "0"},
        "subjectId": "S-007",
        "extractEvents": True,
    }
    return events_response() | told | changes


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], Service]:
    """A service that has one job."""

    def having(told: dict[str, Any]) -> Service:
        service = Service({"GET /dev/jobs/x": answering(200, told)})
        reached = functools.partial(FemoClient, transport=httpx.MockTransport(service))
        monkeypatch.setattr("femo_client.client.FemoClient", reached)
        return service

    return having


def test_a_table_is_printed_or_written_the_same(run: Run) -> None:
    printed = run("night.json", "--format", "csv")
    assert printed.exit_code == 0, printed.stderr
    assert pd.read_csv(io.StringIO(printed.stdout))["movement_count"].iloc[0] == 1
    run("night.json", "--format", "csv", "--output", "night.csv")
    assert Path("night.csv").read_bytes().replace(b"\r\n", b"\n") == (
        printed.stdout_bytes.replace(b"\r\n", b"\n")
    )


def test_a_result_that_is_piped_in_is_exported(run: Run) -> None:
    done = run("-", "--format", "fhir", input=Path("night.json").read_text())
    assert done.exit_code == 0, done.stderr
    assert Bundle.model_validate_json(done.stdout).type == "collection"


def test_a_site_says_which_set_of_pseudonyms_its_subjects_are_of(
    run: Run, service: Callable[[dict[str, Any]], Service]
) -> None:
    service(job())
    done = run("x", "--format", "fhir", "--subject-system", "urn:oid:2.999.1")
    assert done.exit_code == 0, done.stderr
    (told,) = json.loads(done.stdout)["entry"][0]["resource"]["identifier"]
    assert told == {"system": "urn:oid:2.999.1", "value": "S-007"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_result_that_a_shell_of_windows_wrote_is_exported(run: Run, encoding: str) -> None:
    content = json.dumps(events_response()).encode(encoding)
    Path("shell.json").write_bytes(content)
    wanted = run("night.json", "--format", "csv").stdout
    for done in (run("shell.json", "--format", "csv"), run("-", "--format", "csv", input=content)):
        assert done.exit_code == 0, done.stderr
        assert done.stdout == wanted


def test_a_folder_that_is_named_as_a_job_does_not_hide_it(
    run: Run, service: Callable[[dict[str, Any]], Service]
) -> None:
    service(job())
    Path("x").mkdir()
    done = run("x", "--format", "csv")
    assert done.exit_code == 0, done.stderr
    assert pd.read_csv(io.StringIO(done.stdout))["job_id"].iloc[0] == "x"


def test_a_result_may_come_through_a_pipe_with_a_name(run: Run) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(Path("night.json").read_bytes())
    done = run(f"/dev/fd/{reading}", "--format", "csv")
    os.close(reading)
    assert done.exit_code == 0, done.stderr


def test_a_zone_gives_local_time_beside_utc(run: Run) -> None:
    run("night.json", "--format", "parquet", "--output", "night.parquet", "--zone", "Europe/Berlin")
    row = pd.read_parquet("night.parquet").iloc[0]
    assert row["start"] == pd.Timestamp("2025-01-06T21:00:00Z")
    assert row["start_local"] == "2025-01-06T22:00:00.000+01:00"


def test_a_job_is_exported_by_its_id_with_its_subject_and_recording(
    run: Run, service: Callable[[dict[str, Any]], Service]
) -> None:
    service(job())
    done = run("x", "--format", "csv")
    assert done.exit_code == 0, done.stderr
    row = pd.read_csv(io.StringIO(done.stdout)).iloc[0]
    assert (row["job_id"], row["subject_id"]) == ("x", "S-007")
    assert row["recording"] == "s3://recordings/uploads/night.dat"


@pytest.mark.parametrize("status", ["Queued", "Failed"])
def test_a_job_without_a_result_gives_none(
    run: Run, service: Callable[[dict[str, Any]], Service], status: str
) -> None:
    told = job(status=status)
    del told["result"]
    service(told)
    done = run("x", "--format", "csv", "--output", "night.csv")
    assert done.exit_code != 0
    assert status in done.stderr
    assert not Path("night.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["night.json", "--format", "edf", "--output", "a.edf"], "--recording"),
        (["night.json", "--format", "csv", "--recording", "night.dat"], "no signals"),
        (["night.json", "--format", "parquet"], "--output"),
        (["night.json", "--format", "fhir", "--subject-system", "study"], "no URI"),
        (["night.json", "--format", "csv", "--subject-system", "urn:a:b"], "leave it out"),
        (["night.json", "--format", "csv", "--zone", "Europe/Nowhere"], "no time zone"),
        (["night.json", "--format", "csv", "--zone", "../../etc/passwd"], "no time zone"),
        (["night.json", "--format", "wfdb", "--recording", "n.dat", "--output", "a.b.hea"], "WFDB"),
        (["none.json", "--format", "csv"], "no such file"),
        (["folder/none", "--format", "csv"], "no such file"),
        ([".", "--format", "csv"], "directory"),
        (["text.json", "--format", "csv"], "no JSON"),
        (["list.json", "--format", "csv"], "no JSON object"),
        (["binary.json", "--format", "csv"], "no text"),
        (["number.json", "--format", "csv"], "NaN is no number of JSON"),
        (["deep.json", "--format", "csv"], "no JSON"),
        (["other.json", "--format", "csv"], "output_type"),
        (["older.json", "--format", "csv"], "recording.judged_seconds"),
        (["named.json", "--format", "edf", "--recording", "named.json", "--output", "a.edf"],
         "subjectId: must be 1 to 64"),
        (["a b", "--format", "csv"], "1 to 64"),
        (["night.json", "--format", "csv", "--output", "night.json", "--overwrite"], "is read"),
        (["night.json", "--format", "edf", "--recording", "none.dat", "--output", "a.edf"],
         "none.dat cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_refused_by_name_and_nothing_is_written(
    run: Run, arguments: list[str], words: str
) -> None:
    Path("text.json").write_text("kick, kick")
    Path("list.json").write_text("[1]")
    Path("other.json").write_text("{}")
    Path("binary.json").write_bytes(b"\xff\xfe\x00")
    Path("number.json").write_text('{"processing_time_seconds": NaN}')
    Path("deep.json").write_text("[" * 100_000)
    older = events_response()
    del older["result"]["recording"]["judged_seconds"]
    Path("older.json").write_text(json.dumps(older))
    Path("named.json").write_text(json.dumps(events_response() | {"subjectId": "Anna Müller"}))
    before = {path.name for path in Path().iterdir()}
    done = run(*arguments)
    told = done.stderr or str(done.exception)
    assert done.exit_code != 0
    assert words in told
    assert done.stdout == ""
    assert {path.name for path in Path().iterdir()} == before


def test_what_a_newer_service_adds_is_passed_over(run: Run) -> None:
    newer = events_response() | {"newer": 1}
    newer["result"] |= {"newer": {}}
    newer["result"]["notices"] = [{"code": "unheard_of", "text": "A thing."}]
    Path("newer.json").write_text(json.dumps(newer))
    done = run("newer.json", "--format", "csv")
    assert done.exit_code == 0
    assert "unheard_of" in done.stdout


@pytest.mark.parametrize("kind", ["csv", "fhir", "parquet"])
def test_a_file_that_is_there_is_replaced_only_when_that_is_said(run: Run, kind: str) -> None:
    Path("there").write_text("mine")
    refused = run("night.json", "--format", kind, "--output", "there")
    assert refused.exit_code != 0
    assert Path("there").read_text() == "mine"
    assert run("night.json", "--format", kind, "--output", "there", "--overwrite").exit_code == 0
    assert Path("there").read_bytes() != b"mine"
