"""A job gets its data where the container looks for it."""

from pathlib import Path

import pytest
from sagemaker_fakes import FakeS3

from local_aws.sagemaker.arns import S3Location
from local_aws.sagemaker.containers.objects import download_keys
from local_aws.sagemaker.errors import ContainerError
from local_aws.sagemaker.jobs.inputs import download_input


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://b/data/", ["a.npz", "deep/b.npz"]),
        ("s3://b/data", ["a.npz", "deep/b.npz"]),
        ("s3://b/data/a.npz", ["a.npz"]),
        ("s3://b", ["data/a.npz", "data/deep/b.npz"]),
    ],
)
def test_files_keep_their_names_below_the_prefix(
    tmp_path: Path, uri: str, expected: list[str]
) -> None:
    s3 = FakeS3()
    s3.objects = {("b", "data/a.npz"): b"1", ("b", "data/deep/b.npz"): b"2", ("b", "data/"): b""}
    download_input(s3, uri, tmp_path)
    assert files(tmp_path) == expected


@pytest.mark.parametrize("uri", ["s3://b/nothing/", "s3://secret/data/"])
def test_an_input_that_cannot_be_had_is_a_reason_to_fail(tmp_path: Path, uri: str) -> None:
    s3 = FakeS3()
    s3.objects["secret", "data/a"] = b"1"
    s3.denied.add("secret")
    with pytest.raises(ContainerError, match="Data download failed"):
        download_input(s3, uri, tmp_path)


def test_a_key_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    s3 = FakeS3()
    s3.objects["b", "data/../../evil"] = b"1"
    with pytest.raises(ContainerError, match="leads out"):
        download_keys(s3, S3Location("b", "data/"), ["data/../../evil"], tmp_path / "in")


@pytest.mark.parametrize("uri", ["https://b/k", "s3://", "b/k", "s3:///k"])
def test_what_is_no_s3_uri_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="not an S3 URI"):
        S3Location.parse(uri)
