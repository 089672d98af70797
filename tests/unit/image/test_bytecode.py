"""A build for Lambda gets bytecode that its runtime takes as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.bytecode import BytecodeError, compile_build

HERE = {"python": sys.executable}


def build(folder: Path) -> Path:
    for name, text in {
        "template.yaml": "Resources: {}\n",
        "ApiFunction/api/handler.py": "def handler() -> None: ...\n",
        "SharedLayer/python/jobs.py": "ANSWER = 42\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.pyc")}


def test_a_cold_start_reads_the_bytecode_and_compiles_nothing(tmp_path: Path) -> None:
    folder = build(tmp_path)
    assert compile_build(folder, **HERE) == 2
    # Other times, as in a zip, and even another text: the sources are not looked at
    (folder / "SharedLayer/python/jobs.py").write_text("ANSWER = 'compiled anew'\n")
    program = (
        f"import sys; sys.path[:0] = [{str(folder / 'ApiFunction')!r}, "
        f"{str(folder / 'SharedLayer/python')!r}]\n"
        "import jobs; print(jobs.ANSWER)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "42"


def test_the_same_sources_give_the_same_package_wherever_they_were_built(tmp_path: Path) -> None:
    first, second = build(tmp_path / "a"), build(tmp_path / "elsewhere" / "b")
    compile_build(first, **HERE)
    compile_build(second, **HERE)
    assert contents(first) == contents(second)
    (api,) = (code for path, code in contents(first).items() if "handler" in path.name)
    (jobs,) = (code for path, code in contents(first).items() if "jobs" in path.name)
    assert b"/var/task/api/handler.py" in api
    assert b"/opt/python/jobs.py" in jobs


def test_bytecode_is_made_by_the_python_that_the_packages_were_built_for(tmp_path: Path) -> None:
    folder = build(tmp_path)
    with pytest.raises(BytecodeError, match="do not tell one Python"):
        compile_build(folder)
    version = sys.version_info
    tag = f"cpython-{version.major}{version.minor}"
    (folder / "ApiFunction" / f"core.{tag}-x86_64-linux-gnu.so").write_bytes(b"")
    assert compile_build(folder) == 2
    assert all(tag in path.name for path in contents(folder))


def test_a_runtime_that_is_not_here_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    folder = build(tmp_path)
    (folder / "ApiFunction" / "core.cpython-399-aarch64-linux-gnu.so").write_bytes(b"")
    with pytest.raises(BytecodeError, match=r"python3\.99 is not on the PATH"):
        compile_build(folder)
    assert not contents(folder)


def test_a_folder_without_a_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BytecodeError, match="run sam build first"):
        compile_build(tmp_path)


def test_a_module_that_does_not_compile_is_named(tmp_path: Path) -> None:
    folder = build(tmp_path)
    (folder / "ApiFunction" / "broken.py").write_text("def (:\n")
    with pytest.raises(BytecodeError, match=r"broken\.py"):
        compile_build(folder, **HERE)
