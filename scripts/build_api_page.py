"""Build the page that shows the API's description, from a bundle that npm has installed.

``python -m scripts.build_api_page`` writes the folder that the console's function serves as
``/docs``. Every file but the page itself carries a hash of its content in its name, and the page
holds no script of its own, so that it obeys the strictest policy.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OWN = ROOT / "scripts" / "api_page"
BUNDLE = ROOT / ".tools" / "node" / "node_modules" / "swagger-ui-dist"
PLACE = ROOT / "functions" / "console" / "femo_console" / "docs"
NAMES = ("swagger-ui.css", "swagger-ui-bundle.js", "page.css", "start.js")
# Pictures inside a style sheet: the page's policy takes them from files alone.
_PICTURE = re.compile(r'url\("?data:image/svg\+xml;charset=utf-8,(<svg.*?</svg>)"?\)', re.DOTALL)


def build(place: Path = PLACE, *, bundle: Path = BUNDLE) -> None:
    """Write the page and what it loads into a folder of its own, which is made anew."""
    shutil.rmtree(place, ignore_errors=True)
    assets = place / "assets"
    assets.mkdir(parents=True)
    page = (OWN / "index.html").read_text()
    for name in NAMES:
        text = (OWN / name if (OWN / name).is_file() else bundle / name).read_text()
        if name.endswith(".css"):
            text = _PICTURE.sub(lambda found: f"url({_write(assets, 'icon.svg', found[1])})", text)
        page = page.replace(f"{{{name}}}", f"assets/{_write(assets, name, text)}")
    shutil.copyfile(bundle / "LICENSE", place / "LICENSE.txt")
    (place / "index.html").write_text(page)


def _write(folder: Path, name: str, text: str) -> str:
    """Write a file whose name tells its content, and return that name."""
    stem, _, suffix = name.rpartition(".")
    hashed = f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:10]}.{suffix}"
    (folder / hashed).write_text(text)
    return hashed


if __name__ == "__main__":
    build()
