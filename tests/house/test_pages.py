"""The pages: their links lead somewhere, their pictures are there, and no picture shows where it was made."""

from __future__ import annotations

import importlib.util
import os
import re
from glob import glob

from tests.house.source import read
from tests.support import ROOT

PAGES = sorted(os.path.relpath(path, ROOT) for path in (*glob(f"{ROOT}/*.md"), *glob(f"{ROOT}/docs/*.md")))
LINK = re.compile(r"\]\(([^)\s]+)\)")
BENCH = re.compile(r"/tmp/|/root\b|/work/|sesh-far|seshtest")


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: str) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for link in LINK.findall(re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        there = os.path.exists(os.path.join(ROOT, target))
        if not there or (anchor and anchor not in anchors(target)):
            found.append(f"{page}: {link}")
    return found


def test_links_between_the_pages_lead_somewhere() -> None:
    assert "README.md" in PAGES
    assert [each for page in PAGES for each in broken(page)] == []


def test_the_pictures_are_those_that_are_drawn_and_shown() -> None:
    spec = importlib.util.spec_from_file_location("pictures", os.path.join(ROOT, "docs", "pictures.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    drawn = {f"docs/{name}.svg" for name in module.PICTURES}
    assert {os.path.relpath(path, ROOT) for path in glob(f"{ROOT}/docs/*.svg")} == drawn
    assert set(re.findall(r"!\[[^]]+\]\((docs/\w+\.svg)\)", read("README.md"))) == drawn


def test_no_picture_shows_where_it_was_made() -> None:
    for picture in glob(f"{ROOT}/docs/*.svg"):
        assert BENCH.search(re.sub("<[^>]*>", "", read(os.path.relpath(picture, ROOT)))) is None, picture
