"""The list of MiniStack's private names in use, and the check that they are still there."""

import importlib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

MINISTACK_VERSION = "1.5.33"


class MinistackMismatchError(RuntimeError):
    """MiniStack is not the release that the launcher was written for."""


@dataclass(frozen=True)
class PrivateName:
    """A name inside MiniStack that a patch reads, calls or replaces.

    Parameters
    ----------
    module
        Module path below ``ministack``.
    name
        Attribute of that module.
    parameters
        For a function, the leading parameter names that the patch relies on.
    kind
        For anything else, the type that the patch relies on.
    """

    module: str
    name: str
    parameters: tuple[str, ...] | None = None
    kind: type | None = None


def check(names: Iterable[PrivateName]) -> None:
    """Raise unless the installed MiniStack is the expected one and has every name.

    Raises
    ------
    MinistackMismatchError
        With every difference found, and what to do about it.
    """
    try:
        installed = version("ministack")
    except PackageNotFoundError:
        installed = "none"
    faults = [] if installed == MINISTACK_VERSION else [f"version {installed} is installed"]
    faults += [fault for name in names if (fault := _fault(name))]
    if faults:
        raise MinistackMismatchError(
            f"The local AWS is written for MiniStack {MINISTACK_VERSION}, and this one differs: "
            + "; ".join(faults)
            + ". Install that release again (make setup), or adapt the modules in "
            "local_aws/ministack to the new one."
        )


def _fault(expected: PrivateName) -> str | None:
    where = f"ministack.{expected.module}.{expected.name}"
    try:
        found = getattr(importlib.import_module(f"ministack.{expected.module}"), expected.name)
    except (ImportError, AttributeError):
        return f"{where} is gone"
    if expected.kind is not None and not isinstance(found, expected.kind):
        return f"{where} is a {type(found).__name__}, not a {expected.kind.__name__}"
    if expected.parameters is not None:
        actual = tuple(inspect.signature(found).parameters)[: len(expected.parameters)]
        if actual != expected.parameters:
            return f"{where} takes {actual}, not {expected.parameters}"
    return None
