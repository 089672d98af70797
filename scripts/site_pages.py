"""Pages of the documentation's site that are made from files which have another home."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = "first_night"
PICTURE = "image/png"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the changelog, and the notebook: with what its cells showed, where it has been run."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    files.append(File.generated(config, "changelog.md", content=changelog))
    run = ROOT / "build" / "notebooks" / f"{NOTEBOOK}.ipynb"
    source = run if run.exists() else ROOT / "docs" / f"{NOTEBOOK}.ipynb"
    page, pictures = page_of(json.loads(source.read_text()))
    files.append(File.generated(config, f"{NOTEBOOK}.md", content=page))
    for name, picture in pictures.items():
        files.append(File.generated(config, name, content=picture))
    return files


def page_of(notebook: dict[str, Any]) -> tuple[str, dict[str, bytes]]:
    """Return a notebook as Markdown, and its pictures by file name."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for number, cell in enumerate(notebook["cells"]):
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if PICTURE in data:
                name = f"{NOTEBOOK}-{number}.png"
                pictures[name] = base64.b64decode("".join(data[PICTURE]))
                parts.append(f"![What the cell above draws]({name})")
            else:
                shown = "".join(output.get("text") or data.get("text/plain") or "")
                parts.append(f"```text\n{shown.rstrip()}\n```")
    return "\n\n".join(parts) + "\n", pictures
