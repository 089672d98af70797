"""The launcher's patches do what they are for, inside the MiniStack that is installed."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
INTERPRETER = ROOT / ".tools" / "ministack" / "bin" / "python"
CASES = sorted(path.stem for path in (Path(__file__).parent / "launcher").glob("*_case.py"))


@pytest.mark.parametrize("case", CASES)
def test_the_case_passes_under_ministacks_interpreter(case: str, tmp_path: Path) -> None:
    result = subprocess.run(
        [str(INTERPRETER), "-m", "unittest", f"tests.unit.stack.launcher.{case}"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "LOG_LEVEL": "CRITICAL"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "Ran 0 tests" not in result.stderr
