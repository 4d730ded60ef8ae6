"""The files and identifiers that the pages for contributors name exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT

_NAMED = re.compile(r"`([\w./]+?)(?:\(.*?\))?`")
_PLACES = ("", "sesh", "daemon", "remote")  # pages name a file as it is called within its room


@pytest.fixture(scope="module")
def source() -> set[str]:
    """All words of the files of the repository, without the pages."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kinds = (".py", ".toml", ".md", ".sh", "run", "Makefile")
    files = [Path(ROOT, name) for name in listed.split("\n") if name.endswith(kinds)]
    code = [file for file in files if file.is_file() and file.name not in ("CONTRIBUTING.md", "ARCHITECTURE.md")]
    return set(re.findall(r"\w+", "\n".join(file.read_text(encoding="utf-8") for file in code)))


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/ARCHITECTURE.md"])
def test_a_page_names_files_and_identifiers_that_there_are(page: str, source: set[str]) -> None:
    missing = []
    for name in _NAMED.findall(Path(ROOT, page).read_text(encoding="utf-8")):
        paths = [Path(ROOT, place, name + end) for place in _PLACES for end in ("", ".py")]
        is_identifier = "/" not in name and set(re.findall(r"\w+", name)) <= source
        if not is_identifier and not any(path.exists() for path in paths):
            missing.append(name)
    assert missing == [], f"{page} names files and identifiers that there are: write the new name, or take it out"


def _headings(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them from the headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


def test_each_link_leads_to_a_heading_of_a_page() -> None:
    pages = [Path(ROOT, "README.md"), Path(ROOT, "CONTRIBUTING.md"), *Path(ROOT, "docs").glob("*.md")]
    missing = []
    for page in pages:
        for name, anchor in re.findall(r"\]\(((?!http)[^)#\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8")):
            target = page.parent / name if name else page
            if anchor not in _headings(target):
                missing.append((page.name, name, anchor))
    assert missing == [], "a link leads to a heading that there is: write the heading's anchor as it is now"
