"""The console's files: found, cached, kept to themselves, and nothing else from the package."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.unit.imports import imported_apart

from .conftest import ROOT, LambdaContext, event

PARAMETER = "/console/femo-dev"
CONFIGURATION = {
    "authority": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a",
    "authorizationEndpoint": "https://femo.auth.eu-central-1.amazoncognito.com/oauth2/authorize",
    "tokenEndpoint": "https://femo.auth.eu-central-1.amazoncognito.com/oauth2/token",
    "endSessionEndpoint": "https://femo.auth.eu-central-1.amazoncognito.com/logout",
    "clientId": "client",
    "scopes": "openid jobs/read jobs/write service/write models/read models/write",
    "apiUrl": "..",
    "storageOrigins": ["https://recordings.s3.eu-central-1.amazonaws.com"],
}
FILES = {
    "index.html": b"<!doctype html><title>FeMo</title>",
    "icon.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "assets/index-a1b2c3.js": "const unit = 'µ'".encode(),
    "assets/index-a1b2c3.css": b":root {}",
    "assets/font-a1b2c3.woff2": bytes([0, 159, 146, 150]),
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The function's package with a site in it, as after a build."""
    source = ROOT / "functions/console/femo_console"
    folder = tmp_path / "femo_console"
    folder.mkdir()
    for path in source.glob("*.py"):
        (folder / path.name).write_bytes(path.read_bytes())
    for name, content in FILES.items():
        path = folder / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "docs").mkdir()
    (folder / "docs" / "index.html").write_text("<title>API</title>")
    return tmp_path


@pytest.fixture
def serve(package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.setenv("CONSOLE_PARAMETER_NAME", PARAMETER)
    boto3.client("ssm").put_parameter(
        Name=PARAMETER, Type="String", Value=json.dumps(CONFIGURATION)
    )
    with imported_apart({"femo_console"}):
        handler = importlib.import_module("femo_console.handler").handler
        parameters = importlib.import_module("aws_lambda_powertools.utilities.parameters")
        parameters.clear_caches()

        def call(path: str, base_path: str = "", **headers: str) -> dict[str, Any]:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            part, _, file = path.removeprefix("/").partition("/")
            request = event("console_page") | {
                "path": f"{base_path}{path}",
                "resource": f"/{part}/{{file+}}" if file else f"/{part}",
                "pathParameters": {"file": file} if file else None,
                "headers": named,
            }
            answer: dict[str, Any] = handler(request, LambdaContext())
            return answer

        yield call


def test_the_sample_request_is_answered_with_the_page(serve: Any) -> None:
    answer = serve(event("console_page")["path"])
    assert answer["statusCode"] == 200
    assert answer["body"].encode() == FILES["index.html"]
    assert answer["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert answer["isBase64Encoded"] is False


def test_without_its_slash_the_page_would_look_for_its_files_elsewhere(serve: Any) -> None:
    for part in ("console", "docs"):
        answer = serve(f"/{part}")
        assert (answer["statusCode"], answer["headers"]["Location"]) == (308, f"{part}/")


@pytest.mark.parametrize("base_path", ["/femo", "/femo/v1", "/console", "/docs"])
def test_behind_a_custom_domain_with_a_base_path_the_page_and_its_files_are_found(
    serve: Any, base_path: str
) -> None:
    for name, content in FILES.items():
        if not name.endswith(".woff2"):
            assert serve(f"/console/{name}", base_path)["body"].encode() == content
    assert serve("/console/", base_path)["body"].encode() == FILES["index.html"]
    assert json.loads(serve("/console/config.json", base_path)["body"])["clientId"] == "client"
    assert serve("/docs/", base_path)["statusCode"] == 200
    redirected = serve("/console", base_path)
    assert (redirected["statusCode"], redirected["headers"]["Location"]) == (308, "console/")


def test_a_page_may_load_its_own_files_alone_and_talk_to_its_stack_alone(serve: Any) -> None:
    policy = dict(
        directive.split(" ", 1)
        for directive in serve("/console/")["headers"]["Content-Security-Policy"].split("; ")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "worker-src": "'self'",
        "connect-src": "'self' https://femo.auth.eu-central-1.amazoncognito.com "
        "https://recordings.s3.eu-central-1.amazonaws.com",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.parametrize("path", ["/console/", "/console/icon.svg", "/console/none", "/console"])
def test_every_answer_keeps_to_its_type_its_window_and_its_address(serve: Any, path: str) -> None:
    headers = serve(path)["headers"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "microphone=()" in headers["Permissions-Policy"]


def test_a_release_is_seen_at_once_and_what_has_not_changed_is_not_sent_again(serve: Any) -> None:
    page, script = serve("/console/"), serve("/console/assets/index-a1b2c3.js")
    assert page["headers"]["Cache-Control"] == "no-cache"
    assert script["headers"]["Cache-Control"] == "public, max-age=31536000, immutable"
    for tag in (page["headers"]["ETag"], f'"x", W/{page["headers"]["ETag"]}'):
        again = serve("/console/", If_None_Match=tag)
        assert (again["statusCode"], again["body"]) == (304, "")
        assert again["headers"]["ETag"] == page["headers"]["ETag"]
    assert serve("/console/", If_None_Match='"other"')["statusCode"] == 200


def test_texts_are_sent_as_they_are_and_binaries_in_base64(serve: Any) -> None:
    script = serve("/console/assets/index-a1b2c3.js")
    assert script["body"].encode() == FILES["assets/index-a1b2c3.js"]
    assert script["headers"]["Content-Type"] == "text/javascript; charset=utf-8"
    font = serve("/console/assets/font-a1b2c3.woff2")
    assert (font["isBase64Encoded"], font["body"]) == (True, "AJ+Slg==")


@pytest.mark.parametrize(
    "path",
    [
        "/console/../handler.py",
        "/console/..%2Fhandler.py",
        "/console/%2e%2e/handler.py",
        "/console//etc/passwd",
        "/console/assets/../../handler.py",
        "/console/assets/",
        "/console/assets",
        "/console/docs/index.html",
        "/consoles/",
        "/docs/../site/index.html",
        "/",
    ],
)
def test_nothing_but_the_sites_own_files_can_be_read(serve: Any, path: str) -> None:
    answer = serve(path)
    assert answer["statusCode"] == 404
    assert json.loads(answer["body"])["error"]["code"] == "no_such_route"


def test_the_page_is_told_where_to_sign_in_and_not_which_buckets_there_are(serve: Any) -> None:
    answer = serve("/console/config.json")
    assert answer["headers"]["Cache-Control"] == "no-cache"
    told = json.loads(answer["body"])
    assert told == {name: v for name, v in CONFIGURATION.items() if name != "storageOrigins"}


def test_the_documentation_is_a_part_of_its_own(serve: Any) -> None:
    assert serve("/docs/")["body"] == "<title>API</title>"


def test_a_package_without_the_built_console_says_how_to_build_it(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "femo_console/site/index.html").unlink()
    monkeypatch.syspath_prepend(str(package))
    with (
        imported_apart({"femo_console"}),
        pytest.raises(RuntimeError, match=re.escape("run `make setup` before `sam build`")),
    ):
        importlib.import_module("femo_console.handler")
