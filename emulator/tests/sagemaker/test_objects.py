"""Models go into and out of archives unharmed, and nothing else does."""

import io
import tarfile
from pathlib import Path

import pytest
from sagemaker_fakes import FakeS3

from local_aws.sagemaker.arns import S3Location
from local_aws.sagemaker.containers.objects import fetch_model, pack_model, upload_folder
from local_aws.sagemaker.errors import ContainerError


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_a_packed_model_is_extracted_as_it_was(tmp_path: Path) -> None:
    made = tmp_path / "made"
    (made / "deep").mkdir(parents=True)
    (made / "model.txt").write_text("tree")
    (made / "deep" / "x.json").write_text("{}")
    pack_model(made, tmp_path / "model.tar.gz")
    s3 = FakeS3()
    s3.objects["b", "model.tar.gz"] = (tmp_path / "model.tar.gz").read_bytes()
    fetch_model(s3, "s3://b/model.tar.gz", tmp_path / "root" / "model")
    assert (tmp_path / "root" / "model" / "model.txt").read_text() == "tree"
    assert (tmp_path / "root" / "model" / "deep" / "x.json").read_text() == "{}"
    assert not (tmp_path / "root" / "model.tar.gz").exists()


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"no archive", "Failed to extract"),
        (archive(**{"../evil": b"x"}), "Failed to extract"),
        (None, "Failed to download"),
    ],
    ids=["no archive", "a path that leads out", "nothing there"],
)
def test_a_bad_model_is_a_reason_to_fail(
    tmp_path: Path, body: bytes | None, complaint: str
) -> None:
    s3 = FakeS3()
    if body is not None:
        s3.objects["b", "m"] = body
    with pytest.raises(ContainerError, match=complaint):
        fetch_model(s3, "s3://b/m", tmp_path / "root" / "model")
    assert not (tmp_path / "evil").exists()


def test_every_file_of_a_folder_is_uploaded_below_the_prefix(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "deep" / "b").write_bytes(b"2")
    s3 = FakeS3()
    assert upload_folder(s3, tmp_path, S3Location("bucket", "out/")) == 2
    assert s3.objects == {("bucket", "out/a"): b"1", ("bucket", "out/deep/b"): b"2"}
