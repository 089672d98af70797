"""The one exception family of femo_pipeline; its exit status says whose fault it was."""

from __future__ import annotations

__all__ = ["ExecutionError", "InputError", "PipelineError", "StackError"]


class PipelineError(Exception):
    """A run that did not come to its end; the message says what, where and what to do."""

    exit_status = 1


class InputError(PipelineError):
    """What the caller gave cannot be run: the manifest, an option, a file it names."""

    exit_status = 2


class StackError(PipelineError):
    """There is no stack to run on, or it does not answer."""


class ExecutionError(PipelineError):
    """The state machine's execution failed, timed out or was stopped."""
