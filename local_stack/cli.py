"""`python -m local_stack up | start | stop | status | build`."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

from local_stack.deployment import build_functions
from local_stack.errors import StackError
from local_stack.layout import Project, StackFolder, base_environment
from local_stack.processes import end_all, tail
from local_stack.supervisor import (
    Options,
    Supervisor,
    finish_interrupted,
    read_description,
    supervisor_pid,
    wait_until_stopped,
)
from local_stack.target import Deployment

START_SECONDS = 900.0
STOP_SECONDS = 75.0
# What no deployment shows, and a user would wait for in vain
LIMITS = (
    "scaling to zero: an endpoint keeps its last instance (emulator/README.md says how it goes)",
    "a rule target's dead-letter queue: it gets what a rule may not hand over, and no other event",
    "e-mail subscriptions: nothing is sent",
)

folder_option = click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of this stack. Default: .local, emptied at each start.",
)


def _start_options(command: click.Command) -> click.Command:
    for option in (
        click.option("--port", type=click.IntRange(1, 65535), help="Port; default: a free one."),
        click.option(
            "--keep/--fresh",
            default=None,
            help="Go on with what the folder holds, or empty it. Default: keep with --state-dir.",
        ),
        click.option(
            "--parameter",
            "parameters",
            multiple=True,
            metavar="NAME=VALUE",
            help="A parameter of the template in place of its default.",
        ),
        folder_option,
    ):
        command = option(command)
    return command


@click.group(help=__doc__)
def main() -> None:
    """Command line of the local stack."""


@_start_options
@main.command()
def up(
    state_dir: Path | None,
    port: int | None,
    keep: bool | None,
    parameters: tuple[str, ...],
) -> None:
    """Run a stack in the foreground until Ctrl-C."""
    options = Options(
        folder=_folder(state_dir).path,
        port=port,
        keep=state_dir is not None if keep is None else keep,
        parameters=parameters,
    )
    began = time.monotonic()

    def report(line: str) -> None:
        click.echo(f"[{time.monotonic() - began:5.1f} s] {line}")
        sys.stdout.flush()

    try:
        Supervisor(options, report, _show).run()
    except StackError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


@_start_options
@main.command()
def start(state_dir: Path | None, **_options: object) -> None:
    """Start a stack in the background, and return once it is deployed."""
    folder = _folder(state_dir)
    if supervisor_pid(folder) is not None:
        raise click.ClickException(
            f"A stack runs in {folder.path} already. Stop it with `python -m local_stack stop`."
        )
    folder.path.mkdir(parents=True, exist_ok=True)
    log = folder.path / "supervisor.log"
    arguments = sys.argv[sys.argv.index("start") + 1 :]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local_stack", "up", *arguments],
            cwd=Path.cwd(),
            env={**os.environ, "PYTHONPATH": str(Project().root)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _follow(process, folder, log)
    except KeyboardInterrupt:
        process.terminate()
        process.wait(STOP_SECONDS)
        raise


def _follow(process: "subprocess.Popen[bytes]", folder: StackFolder, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with log.open() as lines:
        while True:
            click.echo(lines.read(), nl=False)
            description = read_description(folder)
            if description is not None and description["status"] == "ready":
                click.echo(lines.read(), nl=False)
                return
            if process.poll() is not None:
                click.echo(lines.read(), nl=False)
                sys.exit(process.returncode or 1)
            if time.monotonic() > deadline:
                process.terminate()
                raise click.ClickException(f"The stack was not ready in time.\n{tail(log)}")
            time.sleep(0.1)


@main.command()
def build() -> None:
    """Build the functions, which a stack otherwise waits for as it starts."""
    project = Project()
    folder = StackFolder(project.build_cache / "build")
    for place in (folder.logs, folder.scratch):
        place.mkdir(parents=True, exist_ok=True)
    deployment = Deployment(
        template=project.template,
        gateway="",  # nothing is deployed
        environment=base_environment("build", folder.scratch),
        folder=folder,
        project=project,
        report=click.echo,
        check=lambda: None,
    )
    try:
        build_functions(deployment)
    except StackError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@folder_option
def stop(state_dir: Path | None) -> None:
    """Stop a stack; to stop none is no error."""
    folder = _folder(state_dir)
    pid = supervisor_pid(folder)
    if pid is None:
        finish_interrupted(folder)
        click.echo("No stack runs.")
        return
    description = read_description(folder)
    with contextlib.suppress(ProcessLookupError):  # it may have ended by itself just now
        os.kill(pid, signal.SIGTERM)
    if not wait_until_stopped(folder, pid, STOP_SECONDS):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if description is not None:
            end_all(description["id"], 5.0)
        raise click.ClickException("The stack did not stop by itself and was killed.")
    click.echo("The stack is stopped.")


@main.command()
@folder_option
@click.option("--json", "as_json", is_flag=True, help="Print stack.json.")
@click.option("--env", "as_exports", is_flag=True, help="Print export lines for a shell.")
def status(state_dir: Path | None, as_json: bool, as_exports: bool) -> None:
    """Say what runs; the exit status is 3 if nothing does."""
    folder = _folder(state_dir)
    description = read_description(folder)
    if description is None:
        click.echo("No stack runs.", err=True)
        if (error := _last_error(folder)) is not None:
            click.echo(f"The last one ended with an error:\n{error}", err=True)
        sys.exit(3)
    if as_json:
        click.echo(json.dumps(description, indent=2))
    elif as_exports:
        for name, value in description["environment"].items():
            click.echo(f"export {name}={value}")
    else:
        _show(description)


def _last_error(folder: StackFolder) -> str | None:
    try:
        text = (folder.path / "supervisor.log").read_text(errors="replace")
    except OSError:
        return None
    _, found, error = text.rpartition("\nError: ")
    return error.rstrip() if found else None


def _show(description: dict[str, Any]) -> None:
    click.echo(f"Status: {description['status']} (logs: {description['logs']})")
    for title in ("environment", "outputs"):
        if values := description[title]:
            click.echo(f"{title.capitalize()}:")
            for name, value in values.items():
                click.echo(f"  {name}={value}")
    click.echo("Without effect here:")
    for limit in LIMITS:
        click.echo(f"  {limit}")


def _folder(state_dir: Path | None) -> StackFolder:
    return StackFolder((state_dir or Project().root / ".local").resolve())
