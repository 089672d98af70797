"""Entry point of the console function: a folder of files for each part of the site."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from femo_console import answers
from femo_console.files import INDEX, read_folder
from femo_console.settings import console_settings
from femo_jobs.gateway import below_base_path
from femo_jobs.observability import instrumented

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Part of the site -> its folder in this package. A part whose folder is not there has no pages.
FOLDERS = {"console": "site", "docs": "docs"}
NEEDED = "console"
CONFIGURATION = ("console", "config.json")

_PACKAGE = Path(__file__).resolve().parent
_FILES = {
    part: read_folder(_PACKAGE / folder)
    for part, folder in FOLDERS.items()
    if part == NEEDED or (_PACKAGE / folder).is_dir()
}


@instrumented
def handler(event: dict[str, Any], _context: LambdaContext) -> answers.Answer:
    """Answer a request for a file of the site."""
    part, slash, name = below_base_path(event).removeprefix("/").partition("/")
    if (part, name) == CONFIGURATION:
        return answers.of_document(console_settings().page)
    if part not in _FILES:
        return answers.not_found()
    if not slash:
        # Relative, and so right under any stage name, base path or domain.
        return answers.redirect(f"{part}/")
    file = _FILES[part].get(name or INDEX)
    if file is None:
        return answers.not_found()
    policy = answers.page_policy(console_settings().hosts) if file.is_page else None
    return answers.of_file(file, policy=policy, known_etags=_header(event, "if-none-match"))


def _header(event: dict[str, Any], wanted: str) -> str | None:
    headers: dict[str, str] = event.get("headers") or {}
    return next((value for name, value in headers.items() if name.lower() == wanted), None)
