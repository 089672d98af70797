"""A built image is one that SageMaker takes, or the build says why there is none."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from scripts.image import build
from scripts.image.builders import DOCKER_MANIFEST, Buildah, Docker, choose_builder
from scripts.image.errors import ImageError
from scripts.image.source import ROOT, Source, read_source

from .conftest import Programs

OCI = "application/vnd.oci.image.manifest.v1+json"
SOURCE = Source(ROOT, "0123456789ab", ())


def test_docker_builds_docker_media_types_and_no_attestation(programs: Programs) -> None:
    programs.install("docker")
    choose_builder().build(SOURCE, SOURCE.tag, base=None)
    (call,) = programs.calls("docker buildx build")
    assert {"--provenance=false", "--sbom=false"} <= set(call)
    output = call[call.index("--output") + 1]
    assert output == f"type=docker,name={SOURCE.tag},oci-mediatypes=false"
    assert call[call.index("--platform") + 1] == "linux/amd64"


def test_without_a_docker_engine_buildah_builds_in_dockers_format(programs: Programs) -> None:
    programs.install("docker")
    programs.install("buildah")
    programs.answer("docker info", "Cannot connect to the Docker daemon", status=1)
    choose_builder().build(SOURCE, SOURCE.tag, base="registry/python:3")
    (call,) = programs.calls("buildah build")
    assert call[call.index("--format") + 1] == "docker"
    assert call[call.index("--build-arg") + 1] == "PYTHON_IMAGE=registry/python:3"
    assert not programs.calls("docker buildx build")


@pytest.mark.parametrize(
    ("installed", "failing", "said"),
    [
        ([], "-", "docker is not installed and buildah is not installed"),
        (["docker"], "docker buildx", "docker has no buildx"),
        (["docker"], "docker info", "docker's engine does not answer"),
        (["buildah"], "buildah images", "buildah images fails"),
    ],
)
def test_who_has_no_working_builder_is_told_what_each_lacks(
    programs: Programs, installed: list[str], failing: str, said: str
) -> None:
    for name in installed:
        programs.install(name)
    programs.answer(failing, status=1)
    with pytest.raises(ImageError, match=said):
        choose_builder()


def test_an_engine_that_stored_oci_all_the_same_fails_the_build(programs: Programs) -> None:
    programs.install("docker")
    about = [{"Descriptor": {"mediaType": OCI}}]
    programs.answer("docker image inspect", json.dumps(about))
    assert Docker().media_type(SOURCE.tag) == OCI
    ended = CliRunner().invoke(build.main, ["--builder", "docker"])
    assert ended.exit_code == 1
    assert OCI in str(ended.output)


def test_the_kind_of_manifest_is_read_from_either_store(programs: Programs) -> None:
    programs.install("docker")
    programs.install("buildah")
    programs.answer("docker image inspect", "[{}]")
    assert Docker().media_type("x") == DOCKER_MANIFEST
    programs.answer("buildah inspect", json.dumps({"Manifest": '{"schemaVersion": 2}'}))
    assert Buildah().media_type("x") == OCI


def test_the_local_name_tells_files_that_no_commit_has(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / ".dockerignore").write_text("*\n!code.py\n")
    (tmp_path / "code.py").write_text("1\n")
    (tmp_path / "notes.txt").write_text("1\n")
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    (tmp_path / "notes.txt").write_text("2\n")
    source = read_source(tmp_path)
    source.check_committed()
    assert source.tag == f"localhost/femo-cloud:{source.revision}"
    (tmp_path / "code.py").write_text("2\n")
    source = read_source(tmp_path)
    assert source.tag.endswith("-changed")
    with pytest.raises(ImageError, match=r"code\.py"):
        source.check_committed()


def test_a_folder_without_git_is_never_pushed(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("*\n")
    with pytest.raises(ImageError, match="no git repository"):
        read_source(tmp_path).check_committed()
