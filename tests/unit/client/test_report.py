"""`femo report`: what goes into the page, and what is refused."""

from __future__ import annotations

import functools
import gzip
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from femo_cli.main import femo
from femo_client import FemoClient
from femo_result import read_response
from femo_signal.errors import FemoError

from .service import CREDENTIALS, URL, Service, answering

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "console" / "tests" / "fixtures"
VIEWER = ROOT / "femo_cli" / "viewer" / "viewer.html"
EMPTY = '<script type="application/json" id="embedded"></script>'
Run = Callable[..., Result]


def night(name: str = "forward_v1") -> dict[str, Any]:
    response: dict[str, Any] = json.loads(
        gzip.decompress((FIXTURES / f"{name}.json.gz").read_bytes())
    )
    return response


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the command find a page of our own, as the console need not have been built."""
    (tmp_path / "viewer").mkdir()
    page = f"<!doctype html><head>{EMPTY}</head><body><script>'its own'</script></body>"
    (tmp_path / "viewer" / "viewer.html").write_text(page)
    monkeypatch.setattr("femo_cli.viewing.files", lambda _package: tmp_path)
    return tmp_path


@pytest.fixture
def run(package: Path) -> Run:
    """Report on bodies, each of them a file."""

    def invoke(*bodies: Any, options: tuple[str, ...] = ()) -> Result:
        paths = []
        for number, body in enumerate(bodies):
            path = package / f"{number}.json"
            path.write_text(body if isinstance(body, str) else json.dumps(body))
            paths.append(str(path))
        output = ("--output", str(package / "night.html"))
        return CliRunner().invoke(femo, ["report", *paths, *output, *options])

    return invoke


class _Elements(HTMLParser):
    """Collects what a browser would take for scripts, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.append(tag)

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script":
            self.scripts.append(data)


def embedded(page: Path) -> tuple[dict[str, Any], _Elements]:
    elements = _Elements()
    elements.feed(page.read_text())
    data: dict[str, Any] = json.loads(elements.scripts[0])
    return data, elements


@pytest.mark.parametrize("name", ["forward_v1", "back_v2"])
def test_the_nights_that_the_console_is_tested_with_are_responses_of_this_version(
    name: str,
) -> None:
    response = read_response(night(name))
    assert response.result.movement_count == len(response.result.movements or [])
    assert response.result.overview is not None


def test_a_page_holds_the_whole_result_and_how_to_tell_its_times(run: Run, package: Path) -> None:
    done = run(night(), options=("--zone", "Europe/London", "--subject", "S-017"))
    assert done.exit_code == 0, done.output
    data, elements = embedded(package / "night.html")
    assert data["responses"] == [night()]
    assert (data["zone"], data["subject"]) == ("Europe/London", "S-017")
    assert elements.scripts[1] == "'its own'"


def test_several_results_are_one_page_in_their_order(run: Run, package: Path) -> None:
    assert run(night("back_v2"), night()).exit_code == 0
    data, _ = embedded(package / "night.html")
    starts = [one["result"]["recording"]["format"] for one in data["responses"]]
    assert starts == ["v2", "v1"]


@pytest.mark.parametrize(
    ("subjects", "options", "words"),
    [
        (["S-017"], ("--subject", "S-099"), "'S-017', but --subject says 'S-099'"),
        ([None, "S-017"], ("--subject", "S-099"), "'S-017', but --subject says 'S-099'"),
        (["S-017", None, "S-018"], (), "0.json says 'S-017'"),
    ],
)
def test_no_night_is_put_under_another_womans_pseudonym(
    run: Run, package: Path, subjects: list[str | None], options: tuple[str, ...], words: str
) -> None:
    done = run(*({**night(), "subjectId": one} for one in subjects), options=options)
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())
    assert not (package / "night.html").exists()


def test_nights_with_and_without_their_own_pseudonym_are_one_page_where_it_is_the_same(
    run: Run, package: Path
) -> None:
    bodies = ({**night(), "subjectId": "S-017"}, night())
    done = run(*bodies, options=("--subject", "S-017"))
    assert done.exit_code == 0, done.output
    assert embedded(package / "night.html")[0]["subject"] == "S-017"


def test_no_text_of_a_result_can_leave_its_place_in_the_page(run: Run, package: Path) -> None:
    nasty = "</script><!--<script>&amp;\u2028\u2029alert(1)"
    job = {**night(), "jobId": nasty}
    assert run(job, options=("--subject", nasty)).exit_code == 0
    data, elements = embedded(package / "night.html")
    assert data["responses"][0]["jobId"] == data["subject"] == nasty
    assert elements.names.count("script") == 2
    page = (package / "night.html").read_bytes()
    assert page.isascii()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("not JSON", "0.json is no JSON"),
        ([], "is no result: it is no JSON object"),
        ({}, "is no result: give what"),
        ({"status": "Failed", "error": {}}, "is of a job that is Failed"),
        ({**night(), "result": None, "resultUrl": "https://x"}, "the id of its job"),
        ({**night(), "result": {"recording": {}}}, "analyse the recording again"),
        ({**night(), "output_type": "poems"}, "no result of type poems"),
    ],
    ids=["no JSON", "no object", "no result", "failed", "too large", "older", "other"],
)
def test_what_is_no_result_is_refused_with_what_to_give_instead(
    run: Run, package: Path, body: Any, words: str
) -> None:
    done = run(body)
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())
    assert not (package / "night.html").exists()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_a_result_that_is_piped_in_is_shown_whatever_shell_wrote_it(
    package: Path, encoding: str
) -> None:
    content = json.dumps(night()).encode(encoding)
    page = package / "night.html"
    done = CliRunner().invoke(femo, ["report", "-", "--output", str(page)], input=content)
    assert done.exit_code == 0, done.output
    assert embedded(page)[0]["responses"] == [night()]


def reported(
    monkeypatch: pytest.MonkeyPatch, package: Path, answers: dict[str, Any], *jobs: str
) -> tuple[Result, Service]:
    """Report on jobs of a service."""
    service = Service({f"GET {path}": answering(200, body) for path, body in answers.items()})
    reached = functools.partial(FemoClient, transport=httpx.MockTransport(service))
    monkeypatch.setattr("femo_client.client.FemoClient", reached)
    stack = {
        "FEMO_API_URL": URL,
        "FEMO_TOKEN_URL": CREDENTIALS.token_url,
        "FEMO_CLIENT_ID": "id",
        "FEMO_CLIENT_SECRET": CREDENTIALS.client_secret,
    }
    arguments = ["report", *jobs, "--output", str(package / "night.html")]
    return CliRunner().invoke(femo, arguments, env=stack), service


def test_jobs_are_shown_by_their_ids_however_large_and_beside_files(
    monkeypatch: pytest.MonkeyPatch, package: Path
) -> None:
    whole = {**night(), "createdAt": "2025-01-07T05:59:00.000Z", "subjectId": "S-017"}
    small = {**whole, "jobId": "x"}
    large = {**whole, "jobId": "y", "result": None, "resultUrl": "https://s3.example/result"}
    (package / "own.json").write_text(json.dumps(night()))
    answers = {"/dev/jobs/x": small, "/dev/jobs/y": large, "/result": night()}
    done, service = reported(monkeypatch, package, answers, "x", str(package / "own.json"), "y")
    assert done.exit_code == 0, done.output
    shown = embedded(package / "night.html")[0]["responses"]
    assert [one.get("jobId") for one in shown] == ["x", None, "y"]
    assert [one.get("subjectId") for one in shown] == ["S-017", None, "S-017"]
    assert "https://s3.example" not in (package / "night.html").read_text()
    for one in shown:
        assert read_response(one).result == read_response(night()).result
    assert len(service.asked("/oauth2/token")) == 1


def test_a_job_that_has_not_ended_gives_no_page(
    monkeypatch: pytest.MonkeyPatch, package: Path
) -> None:
    told = {"jobId": "x", "status": "Queued", "createdAt": "2025-01-07T05:59:00.000Z"}
    done, _ = reported(monkeypatch, package, {"/dev/jobs/x": told}, "x")
    assert done.exit_code == 1
    assert "is Queued and has no result" in done.stderr
    assert not (package / "night.html").exists()


def test_a_job_as_the_api_gives_it_is_shown_though_it_leaves_out_what_is_not_known(
    run: Run, package: Path
) -> None:
    job = {**night(), "jobId": "night-1", "source": {"s3Key": "s3://b/k.dat"}, "lane": "fast"}
    assert run(job).exit_code == 0
    data, _ = embedded(package / "night.html")
    assert data["responses"] == [job]


def test_fields_of_a_newer_service_do_not_keep_a_night_from_being_shown(run: Run) -> None:
    body = night()
    body["result"]["brandNew"] = {"some": 1}
    assert run(body).exit_code == 0


def test_a_page_that_is_there_is_replaced_only_if_asked(run: Run, package: Path) -> None:
    (package / "night.html").write_text("mine")
    done = run(night())
    assert isinstance(done.exception, FemoError)
    assert "exists already" in str(done.exception)
    assert (package / "night.html").read_text() == "mine"
    assert run(night(), options=("--overwrite",)).exit_code == 0
    assert not list(package.glob(".partial-*"))


@pytest.mark.parametrize("zone", ["Europe/Lodnon", "../etc/passwd", ""])
def test_a_zone_that_is_none_is_refused(run: Run, zone: str) -> None:
    done = run(night(), options=("--zone", zone))
    assert done.exit_code == 2
    assert "is no time zone" in done.output


def test_a_viewer_that_was_not_built_is_told_with_what_builds_it(run: Run, package: Path) -> None:
    (package / "viewer" / "viewer.html").unlink()
    done = run(night())
    assert "make setup" in str(done.exception)
    (package / "viewer" / "viewer.html").write_text("<html>of another version</html>")
    assert "another version" in str(run(night()).exception)


@pytest.mark.skipif(not VIEWER.is_file(), reason="the console was not built (make setup)")
def test_the_built_viewer_takes_a_result_and_lets_nothing_else_run() -> None:
    page = VIEWER.read_text()
    assert page.count(EMPTY) == 1
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    rules = dict(rule.split(" ", 1) for rule in policy.group(1).split("; "))
    assert rules["default-src"] == "'none'"
    for rule in ("script-src", "style-src"):
        assert re.fullmatch(r"'sha256-[\w+/=]{44}'( 'sha256-[\w+/=]{44}')*", rules[rule])
    assert not re.search(r"""<(script|link|img|iframe)[^>]*\b(src|href)=""", page)
