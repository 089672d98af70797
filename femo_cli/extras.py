"""Which extra of this distribution brings what a command could not import."""

from __future__ import annotations

import re
from importlib import metadata

__all__ = ["missing_extra"]

_PROJECT = "femo-cloud"
# Of modules that are not named as what is installed
_NAMES = {"botocore": "boto3", "sklearn": "scikit-learn"}


def missing_extra(module: str) -> str | None:
    """Return the extra that brings a module, as this distribution's own metadata say.

    Parameters
    ----------
    module
        Name of a module that could not be found, such as ``scipy.signal``.

    Returns
    -------
    str or None
        None where no extra brings it: then it is no matter of what was installed.
    """
    top = module.partition(".")[0]
    wanted = _NAMES.get(top, top)
    try:
        required = metadata.requires(_PROJECT) or []
    except metadata.PackageNotFoundError:
        return None
    for line in required:
        found = re.match(r"""([A-Za-z0-9._-]+).*;.*extra\s*==\s*["']([\w-]+)["']""", line)
        if found and found[1] == wanted:
            return found[2]
    return None
