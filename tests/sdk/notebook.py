"""The code of docs/notebooks.md, run as a person runs it in a notebook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

# A block is matched as a whole, so that no comment in it is taken for a heading
HEADING_OR_BLOCK = re.compile(r"^#+ ([^\n]*)$|^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Notebook:
    """The cells of a page, by the heading that they stand under.

    Parameters
    ----------
    page
        A Markdown file. Its blocks in Python are the cells.
    """

    def __init__(self, page: Path) -> None:
        self._page = page
        self._blocks: list[tuple[str, str, str]] = []
        heading = ""
        for found in HEADING_OR_BLOCK.finditer(page.read_text()):
            title, language, code = found.groups()
            if title is None:
                self._blocks.append((heading, language, code))
            else:
                heading = title
        self._done: set[str] = set()
        self._names: dict[str, Any] = {}

    @property
    def cells(self) -> dict[str, str]:
        """The Python under each heading."""
        found: dict[str, str] = {}
        for heading, language, code in self._blocks:
            if language == "python":
                found[heading] = found.get(heading, "") + code
        return found

    def block(self, language: str) -> str:
        """The one block of another language."""
        (code,) = [code for _, known, code in self._blocks if known == language]
        return code

    def run(self, heading: str) -> dict[str, Any]:
        """Run the cells from the top down to a heading, none twice, and return all variables."""
        cells = self.cells
        for name in list(cells)[: list(cells).index(heading) + 1]:
            if name not in self._done:
                exec(compile(cells[name], f"{self._page.name}: {name}", "exec"), self._names)
                self._done.add(name)
        return self._names
