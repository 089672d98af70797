"""`femo`: the group of commands, its errors and statuses.

Exit status: 0 done, 1 a failure of ours or of the machine, 2 wrong input, 128 and a signal's number
where that has ended it. Results go to standard
output, everything for people's eyes only (progress, summaries, errors) to standard error. Imports
are made where they are needed, so that no command waits for what it does not use.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import FrameType
from typing import NoReturn

import click

__all__ = ["main"]

_COMMANDS = (
    "analyze", "compare", "convert", "deploy", "evaluate", "evaluation", "export", "inspect",
    "jobs", "models", "remove", "report", "status", "submit", "synthesize", "train",
)  # fmt: skip


class _Group(click.Group):
    """Loads a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"femo_cli.{cmd_name}"), cmd_name)
        return command


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="femo-cloud")
def femo() -> None:
    """Find fetal movements in FeMo belt recordings. For research use."""


class _Ended(KeyboardInterrupt):
    """A signal wants us to end: whatever cleans up after Ctrl-C does so after it, too."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def _ending_cleanly() -> Iterator[None]:
    """Let no signal that asks for an end leave a part of a file behind."""

    def end(number: int, _frame: FrameType | None) -> None:
        for other in taken:
            signal.signal(other, signal.SIG_DFL)  # whoever asks again shall not wait
        raise _Ended(number)

    # One that is ignored, as under nohup, stays so.
    taken = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def main() -> None:
    """Run the command line."""
    from femo_signal.errors import FemoError  # loads nothing else

    try:
        with _ending_cleanly():
            femo(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except (click.Abort, KeyboardInterrupt) as stop:
        _tell_end(stop.__cause__ or stop)
    except click.ClickException as error:
        _fail(" ".join(error.format_message().split()), 2)
    except FemoError as error:
        _fail(str(error), 2)
    except ModuleNotFoundError as error:
        _tell_missing(error)
    except BrokenPipeError:
        # The reader of our output has gone (as `head` does): nothing more to say to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (OSError, MemoryError) as error:
        _fail(str(error) or type(error).__name__, 1)
    except Exception as error:
        _tell_fault(error)


def _tell_end(cause: BaseException | None) -> NoReturn:
    if not isinstance(cause, _Ended):
        _fail("interrupted", 130)
    with suppress(OSError):  # the terminal may have gone
        _fail(f"ended by {signal.Signals(cause.number).name}", 128 + cause.number)
    sys.exit(128 + cause.number)


def _tell_missing(error: ModuleNotFoundError) -> None:
    """Say which extra a command needs, where it is one that was not installed."""
    from femo_cli.extras import missing_extra

    extra = missing_extra(error.name or "")
    if extra is None:
        _tell_fault(error)
    _fail(
        f"this command needs {error.name}, which is not installed: "
        f"pip install 'femo-cloud[{extra}]'",
        1,
    )


def _tell_fault(error: Exception) -> None:
    """Whatever else happens is a fault of ours; FEMO_DEBUG shows where."""
    if os.environ.get("FEMO_DEBUG"):
        raise error
    _fail(f"a fault of ours: {type(error).__name__}: {error} (set FEMO_DEBUG=1 for the place)", 1)


def _fail(message: str, status: int) -> NoReturn:
    click.echo(f"femo: error: {' '.join(message.split())}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
