"""The console on the stack: its files, who may call the buckets, the whole way in a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from femo_models import serving_version
from scripts.person import ensure_person

from .conftest import ROOT, Stack
from .grants import Grant, takes_away, without

pytestmark = pytest.mark.integration
CONSOLE_IS_TRIED = True  # its permission is taken away below

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
WAY_SECONDS = 240


def test_the_page_names_its_own_stack_and_its_files_are_there(stack: Stack) -> None:
    with httpx.Client(base_url=stack.outputs["ConsoleUrl"]) as console:
        page = console.get("")
        assert "connect-src 'self'" in page.headers["Content-Security-Policy"]
        for name in set(page.text.split('"')):
            if name.startswith("./assets/"):
                file = console.get(name)
                assert "immutable" in file.headers["Cache-Control"]
        told = console.get("config.json").json()
        assert told["clientId"] == stack.outputs["PersonClientId"]
        assert console.get("", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304
        assert console.get("../health").json() == {"status": "ok"}
    bare = stack.outputs["ConsoleUrl"].rstrip("/")
    assert httpx.get(bare, follow_redirects=True).url == stack.outputs["ConsoleUrl"]


def test_nobody_is_sent_back_with_a_code_to_where_the_stack_does_not_live(stack: Stack) -> None:
    told = httpx.get(f"{stack.outputs['ConsoleUrl']}config.json").json()
    asked = {"client_id": told["clientId"], "response_type": "code", "scope": told["scopes"]}
    for address, status in (("ConsoleUrl", 200), ("ApiUrl", 400)):
        query = asked | {"redirect_uri": stack.outputs[address]}
        assert httpx.get(told["authorizationEndpoint"], params=query).status_code == status


@takes_away("ConsoleFunctionRole ReadConfiguration *")
def test_the_console_does_not_know_its_stack_without(stack: Stack, grant: Grant) -> None:
    functions, name = stack.client("lambda"), stack.outputs["ConsoleFunctionName"]
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    address = f"{stack.outputs['ConsoleUrl']}config.json"
    try:
        with without(stack, grant):
            # Another environment is another process, which has not kept what the last one read
            functions.update_function_configuration(
                FunctionName=name, Environment={"Variables": before | {"TRIED": grant.action}}
            )
            assert httpx.get(address).status_code >= 500
        assert httpx.get(address).json()["clientId"] == stack.outputs["PersonClientId"]
    finally:
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": before}
        )


@pytest.mark.parametrize(
    ("bucket", "method", "other"),
    [("RecordingsBucketName", "PUT", "GET"), ("RequestsBucketName", "GET", "PUT")],
)
def test_a_page_of_an_api_may_send_recordings_and_read_results_and_no_other_page(
    stack: Stack, bucket: str, method: str, other: str
) -> None:
    ours = "https://abc123.execute-api.us-east-1.amazonaws.com"
    address = f"{stack.description['endpoint_url']}/{stack.outputs[bucket]}/uploads/x"
    for origin, asked, status in (
        (ours, method, 200),
        (ours, other, 403),
        ("https://example.org", method, 403),
    ):
        headers = {"Origin": origin, "Access-Control-Request-Method": asked}
        answer = httpx.options(address, headers=headers)
        assert answer.status_code == status, (origin, asked)
        assert (answer.headers.get("Access-Control-Allow-Origin") == ours) == (status == 200)


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no Chromium at {CHROMIUM}")
@pytest.mark.skipif(shutil.which("npx") is None, reason="no Node")
def test_a_midwife_signs_in_sends_a_recording_and_sees_the_night(
    deployed: Stack, package: str, recording: Path, tmp_path: Path
) -> None:
    pool = deployed.client("cognito-idp")
    person = ensure_person(pool, deployed.outputs["UserPoolId"], tmp_path / "person.json")
    done = subprocess.run(
        ["npx", "vitest", "run", "--config", "vitest.browser.config.ts", "console.test.ts"],
        cwd=ROOT / "console",
        env={
            **os.environ,
            "FEMO_CONSOLE_URL": deployed.outputs["ConsoleUrl"],
            "FEMO_PERSON_EMAIL": person.email,
            "FEMO_PERSON_PASSWORD": person.password,
            "FEMO_RECORDING": str(recording),
            "FEMO_VERSION_SERVING": str(_serving_version(deployed) or ""),
            "FEMO_VERSION_WAITING": package.rsplit("/", 1)[-1],
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=WAY_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout, done.stdout


def _serving_version(stack: Stack) -> int | None:
    endpoint = stack.client("sagemaker").describe_endpoint(
        EndpointName=stack.outputs["EndpointName"]
    )
    return serving_version(endpoint["EndpointConfigName"], stack.outputs["ModelPackageGroupName"])
