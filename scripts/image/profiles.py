"""The image in samconfig.toml, where `sam deploy` finds it beside the profile's other values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError

from .errors import ImageError

__all__ = ["keep_parameters"]


def keep_parameters(path: Path, profile: str, values: Mapping[str, str]) -> list[str]:
    """Write parameters into a profile, and into every other that deploys the same stack.

    Comments, order and the profile's other parameters stay.

    Parameters
    ----------
    path : Path
        samconfig.toml.
    profile : str
        What `sam deploy --config-env` is given; `default` is the one without it.
    values : mapping of str to str
        By the parameter's name; none of them with a space.

    Returns
    -------
    list of str
        The profiles that were written.

    Raises
    ------
    ImageError
        If the file cannot be read, or has no such profile.
    """
    try:
        document = tomlkit.parse(path.read_text())
    except (OSError, ParseError) as error:
        raise ImageError(f"{path.name}: {error}") from error
    profiles = dict(_deployments(document))
    if profile not in profiles:
        raise ImageError(f"{path.name} has no profile '{profile}', only: {', '.join(profiles)}")
    stack = profiles[profile].get("stack_name")
    chosen = [
        name
        for name, given in profiles.items()
        if name == profile or (stack is not None and given.get("stack_name") == stack)
    ]
    for name in chosen:
        _set(profiles[name], values)
    path.write_text(tomlkit.dumps(document))
    return chosen


def _deployments(document: tomlkit.TOMLDocument) -> Iterator[tuple[str, Any]]:
    for name, commands in document.items():
        if isinstance(commands, dict) and "parameters" in commands.get("deploy", {}):
            yield name, commands["deploy"]["parameters"]


def _set(parameters: Any, values: Mapping[str, str]) -> None:
    given = parameters.get("parameter_overrides", "")
    if isinstance(given, list):
        kept = [item for item in given if item.partition("=")[0] not in values]
        parameters["parameter_overrides"] = kept + [f"{n}={v}" for n, v in values.items()]
        return
    for name, value in values.items():
        # A value is one word, or is quoted
        pattern = rf"(?<!\S){name}=(\"[^\"]*\"|'[^']*'|\S*)"
        text, count = re.subn(pattern, f"{name}={value}", given)
        given = text if count else f"{given} {name}={value}".strip()
    parameters["parameter_overrides"] = given
