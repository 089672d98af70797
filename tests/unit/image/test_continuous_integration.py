"""CI says when it did not try the image, and fails where the image fails."""

from __future__ import annotations

import os
import subprocess

import pytest

from scripts.image.source import ROOT

from .conftest import Programs


def run_step(programs: Programs, limit: str = "60") -> subprocess.CompletedProcess[str]:
    """Run CI's step with the stand-ins before the machine's own programs."""
    return subprocess.run(
        ["/bin/bash", str(ROOT / ".ci/image"), limit],
        env={**os.environ, "PATH": f"{programs.folder}:/usr/bin:/bin"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.fixture
def machine(programs: Programs) -> Programs:
    for name in ("id", "make", "buildah", "mmdebstrap", "apt-get"):
        programs.install(name)
    programs.answer("id -u", "0")
    return programs


def test_who_is_not_root_reads_that_the_image_was_not_tested(machine: Programs) -> None:
    machine.answer("id -u", "1000")
    ended = run_step(machine)
    assert ended.returncode == 0
    assert "The image was not tested: only root" in ended.stdout
    assert not machine.calls("make")


def test_an_image_that_fails_its_test_fails_ci(machine: Programs) -> None:
    machine.answer("make test-image", "1 failed", status=2)
    ended = run_step(machine)
    assert ended.returncode == 2
    assert "not tested" not in ended.stdout


def test_an_image_that_passes_is_not_called_skipped(machine: Programs) -> None:
    ended = run_step(machine)
    assert (ended.returncode, ended.stdout.strip()) == (0, "")
    assert machine.calls("make test-image")


def test_what_takes_longer_than_the_limit_is_said_and_fails_nothing(machine: Programs) -> None:
    (machine.folder / "make").write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    ended = run_step(machine, "0.5")
    assert ended.returncode == 0
    assert "not done within 0.5 s" in ended.stdout
