"""The launcher's patches do what they are for, inside the MiniStack that is installed."""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parents[1]
INTERPRETER = PACKAGE.parent / ".tools" / "ministack" / "bin" / "python"
CASES = sorted(path.stem for path in HERE.glob("*_case.py"))


@pytest.mark.parametrize("case", CASES)
def test_the_case_passes_under_ministacks_interpreter(case: str, tmp_path: Path) -> None:
    result = subprocess.run(
        [str(INTERPRETER), "-m", "unittest", case],
        cwd=HERE,
        env={
            "LOG_LEVEL": "CRITICAL",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PACKAGE),
            "TMPDIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "Ran 0 tests" not in result.stderr
