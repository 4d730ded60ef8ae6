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
        if not any(path.exists() for path in paths) and not set(re.findall(r"\w+", name)) <= source:
            missing.append(name)
    assert missing == []
