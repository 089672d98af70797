"""Put bytecode into what `sam build` left, so that a cold start compiles nothing.

`sam build` ships sources alone, and a function cannot write into its package: it would compile all
that it imports at every cold start, half of its time. A build method of the template's own
(`BuildMethod: makefile`) is told neither the runtime nor the architecture, so this is a step after
the build. The bytecode is the runtime's own, made by that very Python, which `sam build` without
a container needs as well; it is trusted without a look at the sources, whose times a package does
not keep, and is the same wherever and whenever it is made.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click

__all__ = ["BytecodeError", "compile_build"]

BUILD = Path(".aws-sam") / "build"
ON_LAMBDA = {"python": "/opt/python", "": "/var/task"}
_TAG = re.compile(r"\.cpython-3(\d+)-")


class BytecodeError(Exception):
    """Why a build cannot be given bytecode."""


def compile_build(build: Path, *, python: str | None = None) -> int:
    """Compile the packages and layers of a build for their runtime.

    Parameters
    ----------
    build : Path
        As `sam build` left it.
    python : str, optional
        The runtime's interpreter; without it the one that the packages' compiled modules name is
        looked for on the path.

    Returns
    -------
    int
        Modules that now have bytecode.

    Raises
    ------
    BytecodeError
        If there is no build, no such interpreter, or a module that does not compile.
    """
    if not (build / "template.yaml").is_file():
        raise BytecodeError(f"{build} holds no build: run sam build first")
    packages = sorted(path for path in build.iterdir() if path.is_dir())
    interpreter = python or _interpreter(packages)
    for package in packages:
        # A layer holds a folder "python", which Lambda unpacks to /opt/python
        inside = "python" if [path.name for path in package.iterdir()] == ["python"] else ""
        _compile(interpreter, package / inside, ON_LAMBDA[inside])
    return sum(1 for package in packages for _ in package.rglob("*.pyc"))


def _interpreter(packages: list[Path]) -> str:
    modules = (path.name for package in packages for path in package.rglob("*.so"))
    versions = {found.group(1) for name in modules if (found := _TAG.search(name))}
    if len(versions) != 1:
        raise BytecodeError("the packages do not tell one Python that they were built for")
    name = f"python3.{versions.pop()}"
    interpreter = shutil.which(name)
    if interpreter is None:
        raise BytecodeError(
            f"{name} is not on the PATH, and only it makes bytecode for that runtime. The "
            "functions work without, and take longer to start."
        )
    return interpreter


def _compile(interpreter: str, folder: Path, on_lambda: str) -> None:
    command = [interpreter, "-m", "compileall", "-q", "-f"]
    command += ["--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", on_lambda]
    done = subprocess.run(
        [*command, str(folder)], capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        raise BytecodeError(f"{folder} does not compile:\n{(done.stdout + done.stderr).strip()}")


@click.command()
@click.argument("build", type=click.Path(path_type=Path, file_okay=False), default=BUILD)
@click.option("--python", help="The runtime's; else the one that compiled modules name.")
def main(build: Path, python: str | None) -> None:
    """Compile what lies in BUILD, where `sam build` leaves it unless told otherwise."""
    try:
        count = compile_build(build, python=python)
    except BytecodeError as error:
        click.echo(f"bytecode: error: {error}", err=True)
        sys.exit(1)
    click.echo(f"{count} modules have bytecode.", err=True)


if __name__ == "__main__":
    main()
