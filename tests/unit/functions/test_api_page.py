"""The page that shows the API: complete, and nothing in it that its policy forbids."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import build_api_page

from .conftest import ROOT

ICON = 'url("data:image/svg+xml;charset=utf-8,<svg viewBox=0></svg>")'


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The folder that is served, of a bundle as npm has it."""
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "swagger-ui.css").write_text(f".a{{background:{ICON}}}.b{{background:{ICON}}}")
    (bundle / "swagger-ui-bundle.js").write_text("function SwaggerUIBundle() {}")
    (bundle / "LICENSE").write_text("Apache")
    build_api_page.build(tmp_path / "docs", bundle=bundle)
    return tmp_path / "docs"


def test_everything_that_the_page_loads_is_there_under_a_name_of_its_content(page: Path) -> None:
    text = (page / "index.html").read_text()
    loaded = re.findall(r'(?:href|src)="(assets/[^"]+)"', text)
    assert len(loaded) == 4
    for name in loaded:
        assert (page / name).is_file()
        assert re.search(r"-[0-9a-f]{10}\.(css|js)$", name)
    assert "{" not in text


def test_the_page_holds_nothing_that_its_policy_would_block(page: Path) -> None:
    text = (page / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*src=)|<style|style=| on[a-z]+=", text)
    assert "//" not in text
    sheets = "".join(path.read_text() for path in page.rglob("*.css"))
    assert "data:" not in sheets
    (icon,) = re.findall(r"icon-[0-9a-f]{10}\.svg", sheets.partition(".b")[0])
    assert (page / "assets" / icon).read_text().startswith("<svg")


def test_the_page_shows_the_description_beside_it_and_tells_nobody() -> None:
    start = (ROOT / "scripts/api_page/start.js").read_text()
    assert 'url: "../openapi.json"' in start
    assert "validatorUrl: null" in start  # else it sends the address to a third party
