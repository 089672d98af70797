"""Containers are started as the image would start them, and leave nothing behind."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from local_aws.sagemaker.containers.programs import ContainerProcess, Image, map_path
from local_aws.sagemaker.errors import ContainerError


@pytest.fixture
def image(tmp_path: Path) -> Image:
    (tmp_path / "process").write_text("")
    return Image(
        Path("/venv/bin/python"), tmp_path, tmp_path / "library", "ML_ROOT", {"PATH": "/bin"}
    )


@pytest.mark.parametrize(
    ("entry_point", "arguments"),
    [
        (["process"], ["extract"]),
        (["/opt/program/process", "extract"], []),
        ([], ["process", "extract"]),
        (["python3", "/opt/program/process"], ["extract"]),
    ],
)
def test_every_way_to_name_an_entry_point_runs_the_same_program(
    image: Image, tmp_path: Path, entry_point: list[str], arguments: list[str]
) -> None:
    command = image.command(entry_point, arguments, Path("/root/ml"))
    assert command == ["/venv/bin/python", str(tmp_path / "process"), "extract"]


@pytest.mark.parametrize("words", [["nonsense"], [], ["python3"]])
def test_a_program_that_the_image_lacks_is_a_reason_to_fail(image: Image, words: list[str]) -> None:
    with pytest.raises(ContainerError):
        image.command(words, [], Path("/root/ml"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/opt/ml", "/root/ml"),
        ("/opt/ml/processing/in", "/root/ml/processing/in"),
        ("/opt/mlx", "/opt/mlx"),
        ("s3://bucket/opt/ml", "s3://bucket/opt/ml"),
    ],
)
def test_only_paths_below_opt_ml_are_mapped(text: str, expected: str) -> None:
    assert map_path(text, Path("/root/ml")) == expected


def test_a_container_knows_its_root_and_not_the_hosts_variables(
    image: Image, tmp_path: Path
) -> None:
    variables = image.variables(tmp_path / "c" / "ml", {"SETTINGS": "/opt/ml/x"})
    assert variables["ML_ROOT"] == str(tmp_path / "c" / "ml")
    assert variables["SETTINGS"] == str(tmp_path / "c" / "ml" / "x")
    assert "AWS_SECRET_ACCESS_KEY" not in variables
    assert Path(variables["TMPDIR"]).is_dir()


def run(program: str, tmp_path: Path, lines: list[str]) -> ContainerProcess:
    return ContainerProcess([sys.executable, "-c", program], {}, tmp_path, lines.append)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_what_a_container_writes_is_passed_on_and_its_status_known(tmp_path: Path) -> None:
    lines: list[str] = []
    container = run(
        "import sys; print('a'); print('b', file=sys.stderr); sys.exit(3)", tmp_path, lines
    )
    assert container.wait(20) == 3
    assert sorted(lines) == ["a", "b"]


def test_a_container_may_end_in_peace_when_it_is_asked_to(tmp_path: Path) -> None:
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(0)))\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    lines: list[str] = []
    container = run(program, tmp_path, lines)
    wait_for(lambda: "ready" in lines)
    assert container.stop(20) == 0
    assert lines == ["ready", "bye"]


def test_a_container_that_does_not_end_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    program = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    lines: list[str] = []
    container = run(program, tmp_path, lines)
    wait_for(lambda: bool(lines))
    assert container.stop(0.1) == -9
    child = int(lines[0])
    wait_for(
        lambda: (
            not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
        )
    )
