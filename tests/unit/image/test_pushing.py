"""A pushed image is named by its digest where a deployment reads it; nothing else is made."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from scripts.image.builders import DOCKER_MANIFEST, Buildah, Docker, Login
from scripts.image.errors import ImageError
from scripts.image.profiles import keep_parameters
from scripts.image.push import deliver, publish
from scripts.image.registry import Repository
from scripts.image.source import ROOT, Source

from .conftest import Programs

NAME = "femo-inference"
OCI = "application/vnd.oci.image.manifest.v1+json"
SOURCE = Source(ROOT, "0123456789ab", ())
CHANGED = Source(ROOT, "0123456789ab", ("femo_signal/settings.py",))


@pytest.fixture
def repository(ecr: Any) -> Repository:
    ecr.create_repository(repositoryName=NAME, imageTagMutability="IMMUTABLE")
    return Repository(NAME, ecr)


@pytest.fixture
def samconfig(tmp_path: Path) -> Path:
    return Path(shutil.copy(ROOT / "samconfig.toml", tmp_path))


def put(repository: Repository, kind: str = DOCKER_MANIFEST) -> str:
    """Let the repository hold this commit's image; its digest."""
    blob = {"mediaType": "x", "size": 1, "digest": "sha256:" + "0" * 64}
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": blob, "layers": [blob]}
    found = repository.client.put_image(
        repositoryName=NAME, imageTag=SOURCE.revision, imageManifest=json.dumps(manifest),
        imageManifestMediaType=kind,
    )  # fmt: skip
    digest: str = found["image"]["imageId"]["imageDigest"]
    return digest


class Pushing(Docker):
    """Docker, whose push reaches the repository of the test."""

    def __init__(self, repository: Repository, kind: str = DOCKER_MANIFEST) -> None:
        self.repository, self.kind = repository, kind

    def push(self, tag: str, target: str, login: Login) -> None:
        super().push(tag, target, login)
        put(self.repository, self.kind)


@pytest.fixture
def docker(programs: Programs) -> Programs:
    programs.install("docker")
    programs.answer("docker image inspect", "[{}]")
    return programs


def test_a_deployment_of_the_profile_gets_the_image_by_its_digest(
    docker: Programs, repository: Repository, samconfig: Path
) -> None:
    uri = deliver(SOURCE, repository, Pushing(repository), samconfig, "prod")
    assert re.fullmatch(rf"{re.escape(repository.uri)}@sha256:[0-9a-f]{{64}}", uri)
    given = tomllib.loads(samconfig.read_text())["prod"]["deploy"]["parameters"]
    assert f"ImageUri={uri}" in given["parameter_overrides"].split()
    (push,) = docker.calls("docker push")
    assert push[2] == f"{repository.uri}:{SOURCE.revision}"


def test_the_registrys_password_is_in_no_command_line_and_stays_nowhere(
    docker: Programs, repository: Repository
) -> None:
    login = repository.login()
    publish(SOURCE, repository, Pushing(repository))
    (call,) = docker.calls("docker login")
    assert call[-1] == login.password
    assert not [call for call in docker.calls() if login.password in " ".join(call[:-1])]
    assert login.password not in repr(login)
    assert docker.calls("docker logout")[0][2] == login.registry


def test_a_push_that_fails_leaves_no_login(docker: Programs, repository: Repository) -> None:
    docker.answer("docker push", "denied", status=1)
    with pytest.raises(ImageError, match="docker push"):
        publish(SOURCE, repository, Docker())
    assert docker.calls("docker logout")


def test_buildahs_password_goes_with_the_file_that_held_it(programs: Programs) -> None:
    programs.install("buildah")
    Buildah().push("local:1", "registry/x:1", Login("registry", "AWS", "hunter2"))
    (login,), (push,) = programs.calls("buildah login"), programs.calls("buildah push")
    assert login[-1] == "hunter2"
    assert "hunter2" not in " ".join(login[:-1])
    assert push[push.index("--format") + 1] == "v2s2"
    place = Path(push[push.index("--authfile") + 1])
    assert place == Path(login[login.index("--authfile") + 1])
    assert not place.parent.exists()


def test_a_commit_that_was_pushed_is_not_pushed_again(
    docker: Programs, repository: Repository
) -> None:
    digest = put(repository)
    assert publish(SOURCE, repository, Pushing(repository)).digest == digest
    assert not docker.calls("docker push")


def test_an_oci_manifest_is_refused_before_it_is_pushed(
    docker: Programs, repository: Repository
) -> None:
    docker.answer("docker image inspect", json.dumps([{"Descriptor": {"mediaType": OCI}}]))
    with pytest.raises(ImageError, match=re.escape(OCI)):
        publish(SOURCE, repository, Pushing(repository))
    assert not docker.calls("docker push")


def test_an_oci_manifest_in_the_registry_is_never_deployed(
    docker: Programs, repository: Repository, samconfig: Path
) -> None:
    before = samconfig.read_text()
    with pytest.raises(ImageError, match=re.escape(OCI)):
        deliver(SOURCE, repository, Pushing(repository, OCI), samconfig, "prod")
    assert samconfig.read_text() == before


def test_what_is_not_built_or_not_committed_is_not_pushed(
    docker: Programs, repository: Repository, samconfig: Path
) -> None:
    docker.answer("docker image inspect", status=1)
    with pytest.raises(ImageError, match="make image"):
        publish(SOURCE, repository, Docker())
    with pytest.raises(ImageError, match=r"settings\.py"):
        deliver(CHANGED, repository, Docker(), samconfig, "prod")
    assert not docker.calls("docker login")


def test_a_missing_repository_is_told_with_its_command_and_not_made(ecr: Any) -> None:
    with pytest.raises(ImageError, match="aws ecr create-repository --repository-name elsewhere"):
        Repository("elsewhere", ecr)
    assert ecr.describe_repositories()["repositories"] == []


def test_a_repository_whose_tags_move_is_refused(ecr: Any) -> None:
    ecr.create_repository(repositoryName=NAME)
    with pytest.raises(ImageError, match="put-image-tag-mutability"):
        Repository(NAME, ecr)


def overrides(path: Path, profile: str) -> list[str]:
    given: str = tomllib.loads(path.read_text())[profile]["deploy"]["parameters"][
        "parameter_overrides"
    ]
    return given.split()


def test_the_profiles_other_values_and_every_comment_stay(samconfig: Path) -> None:
    before = samconfig.read_text()
    old = overrides(samconfig, "dev")
    assert keep_parameters(samconfig, "default", {"ImageUri": "a:1"}) == ["default", "dev"]
    keep_parameters(samconfig, "default", {"ImageUri": "a:2"})
    for profile in ("default", "dev"):
        assert overrides(samconfig, profile) == [*old, "ImageUri=a:2"]
    assert samconfig.read_text().replace(" ImageUri=a:2", "") == before


def test_a_list_of_overrides_and_a_profile_without_any_are_written_too(tmp_path: Path) -> None:
    path = tmp_path / "samconfig.toml"
    path.write_text(
        '[a.deploy.parameters]\nparameter_overrides = ["X=1 2", "ImageUri=old"]\n'
        '[b.deploy.parameters]\nstack_name = "b"\n'
    )
    for profile in ("a", "b"):
        keep_parameters(path, profile, {"ImageUri": "new"})
    written = tomllib.loads(path.read_text())
    assert written["a"]["deploy"]["parameters"]["parameter_overrides"] == ["X=1 2", "ImageUri=new"]
    assert written["b"]["deploy"]["parameters"]["parameter_overrides"] == "ImageUri=new"


@pytest.mark.parametrize(
    ("text", "said"), [("[broken", "samconfig"), ("[x.build]\n", "no profile 'prod'")]
)
def test_a_profile_that_is_not_there_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "samconfig.toml"
    path.write_text(text)
    with pytest.raises(ImageError, match=said):
        keep_parameters(path, "prod", {"ImageUri": "x"})


def test_the_digest_that_is_written_is_one_that_the_template_takes() -> None:
    pattern = re.search(r"ImageUri:.*?AllowedPattern: (\S+)", (ROOT / "template.yaml").read_text(),
                        re.DOTALL)  # fmt: skip
    assert pattern
    digest = hashlib.sha256(b"x").hexdigest()
    uri = f"111122223333.dkr.ecr.eu-central-1.amazonaws.com/{NAME}@sha256:{digest}"
    assert re.fullmatch(pattern[1], uri)
