"""The pages that are generated from the verbs and the types are up to date."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.source import read
from tests.support import ROOT


@pytest.mark.parametrize(("script", "page"), [("manual", "sesh.1"), ("json_page", "JSON.md")])
def test_the_page_is_up_to_date(script: str, page: str) -> None:
    code = f"import sys; sys.path.insert(0, 'docs'); import {script}; print({script}.page(), end='')"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert read(f"docs/{page}") == made, "run: make man"
