"""The libraries that only exports need, which an extra brings."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from femo_signal.errors import OutputError

__all__ = ["import_extra"]


def import_extra(name: str) -> ModuleType:
    """Return a module that the extra ``exports`` brings.

    Raises
    ------
    OutputError
        It is not installed; the message names the extra.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise OutputError(
            f"this format needs {name}, which is not installed: "
            "pip install 'femo-cloud[exports,science]'",
            code="output_unwritable",
        ) from error
