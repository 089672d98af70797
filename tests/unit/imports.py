"""Keeps modules that have read one environment away from tests of another."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import ModuleType

Modules = dict[str, ModuleType]


def take_out(packages: Collection[str]) -> Modules:
    """Take packages and what is in them out of what is imported, and return them."""
    names = [name for name in sys.modules if name.partition(".")[0] in packages]
    return {name: sys.modules.pop(name) for name in names}


@contextmanager
def imported_apart(packages: Collection[str], own: Modules | None = None) -> Iterator[None]:
    """Have packages imported afresh inside, and as they were before outside.

    Parameters
    ----------
    packages
        Names of top-level packages.
    own
        Modules to begin with, and those at the end. Tests that are run in several goes keep their
        modules in it: a second copy would be another one than the test files hold.
    """
    own = {} if own is None else own
    others = take_out(packages)
    sys.modules.update(own)
    try:
        yield
    finally:
        own.update(take_out(packages))
        sys.modules.update(others)
