"""The pages and pictures that are generated are up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from docs.pictures import pictures
from tests.house.source import read
from tests.support import ROOT


@pytest.mark.parametrize(("script", "page"), [("manual", "sesh.1"), ("json_page", "JSON.md")])
def test_the_page_is_up_to_date(script: str, page: str) -> None:
    code = f"import sys; sys.path.insert(0, 'docs'); import {script}; print({script}.page(), end='')"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert read(f"docs/{page}") == made, "run: make man"


@pytest.mark.parametrize("recording", sorted(Path(ROOT, "docs", "pictures").glob("*.cast")), ids=lambda path: path.stem)
def test_the_pictures_of_a_recording_are_up_to_date(recording: Path) -> None:
    for path, drawn in pictures(recording).items():
        assert path.read_text(encoding="utf-8") == drawn, "run: python docs/pictures.py docs/pictures/*.cast"
