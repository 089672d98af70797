"""The Dockerfile against the repository, since an image cannot be built in these tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from .harness import CONTAINER, INTERPRETER, ROOT

DOCKERFILE = CONTAINER / "Dockerfile"
ENTRY_POINTS = ("serve", "train", "process")


def instructions() -> list[tuple[str, str]]:
    """Instruction and arguments, with continued lines joined and comments left out."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    text = re.sub(r"\\\n", " ", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    pairs = [line.split(maxsplit=1) for line in lines]
    return [(name, rest) for name, rest in pairs]


def arguments_of(name: str) -> list[str]:
    return [rest for given, rest in instructions() if given == name]


def copied() -> list[tuple[str, str]]:
    """Source in the repository and target in the image."""
    pairs = []
    for rest in arguments_of("COPY"):
        if not rest.startswith("--from="):
            *sources, target = rest.split()
            pairs += [(source, target) for source in sources]
    return pairs


def final_stage() -> list[tuple[str, str]]:
    given = instructions()
    last = max(index for index, (name, _) in enumerate(given) if name == "FROM")
    return given[last:]


def test_what_is_copied_exists_and_reaches_the_build() -> None:
    admitted = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    assert copied()
    for source, _ in copied():
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in admitted), f"{source} is ignored"


def test_the_base_is_one_exact_version_in_both_stages() -> None:
    (base,) = [rest for rest in arguments_of("ARG") if rest.startswith("PYTHON_IMAGE=")]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+\.\d+-slim-\w+", base)
    assert {rest.split()[0] for rest in arguments_of("FROM")} == {"${PYTHON_IMAGE}"}


def test_every_requirement_of_the_image_is_pinned_and_hashed() -> None:
    text = re.sub(r"\\\n\s*", "", (ROOT / "requirements/container.txt").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) > 10
    for line in lines:
        assert re.match(r"[A-Za-z0-9._-]+==\S+", line), line
        assert "--hash=sha256:" in line, line


def test_the_entry_points_are_executable_and_found_by_name() -> None:
    targets = dict(copied())
    (path,) = [rest for rest in arguments_of("ENV") if rest.startswith("PATH=")]
    folders = path.split()[0].removeprefix("PATH=").split(":")
    for name in ENTRY_POINTS:
        program = CONTAINER / name
        assert os.access(program, os.X_OK), f"{name} is not executable"
        assert program.read_text().startswith("#!/usr/bin/env python3\n")
        assert targets[f"inference_container/{name}"].rstrip("/") == folders[0]
    assert json.loads(arguments_of("ENTRYPOINT")[0]) == ["/usr/bin/env"]
    assert json.loads(arguments_of("CMD")[0]) == ["serve"]


def test_the_final_stage_builds_nothing_and_leaves_no_cache() -> None:
    for name, rest in final_stage():
        if name == "RUN":
            assert not re.search(r"\b(pip|gcc|build-essential|curl|git|make)\b", rest), rest
            assert "apt-get install" not in rest or "rm -rf /var/lib/apt/lists/*" in rest


def test_sagemaker_may_choose_the_port() -> None:
    labels = " ".join(arguments_of("LABEL"))
    assert "com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true" in labels


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the image where the Dockerfile puts them, below a folder of ours."""
    root = tmp_path_factory.mktemp("image")
    for source, target in copied():
        place = root / target.lstrip("/")
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, dirs_exist_ok=True)
        else:
            folder = place if target.endswith("/") else place.parent
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, folder)
    return root / "opt/femo"


@pytest.mark.parametrize("module", ["server", "worker", "training", "processing"])
def test_what_is_copied_is_all_that_an_entry_point_imports_of_ours(
    laid_out: Path, module: str
) -> None:
    code = (
        "import sys; sys.path[:0] = [sys.argv[1]]\n"
        f"import femo_container.{module}\n"
        "import femo_signal.reporting.analysis, femo_signal.learning.training\n"
        "ours = [m for n, m in sys.modules.items() if n.split('.')[0].startswith('femo')]\n"
        "print(*sorted({m.__file__ for m in ours if m.__file__}), sep='\\n')"
    )
    done = subprocess.run(
        [INTERPRETER, "-P", "-c", code, str(laid_out)],
        cwd="/", capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    files = done.stdout.split()
    assert len(files) > 5
    assert all(Path(file).is_relative_to(laid_out) for file in files)
