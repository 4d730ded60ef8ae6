"""The generated files are what their generators make now, and nothing lies beside them."""

from __future__ import annotations

from pathlib import Path

from tests.support import ROOT
from tools.generated import generated


def test_every_generated_file_is_up_to_date() -> None:
    stale = [path.name for path, text in generated().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "generated files are committed as their generators in tools/ make them: run `make fix`"


def test_every_picture_has_a_recording() -> None:
    pictures = set(Path(ROOT, "docs", "pictures").iterdir())
    assert pictures - generated().keys() == set(), "a picture is made from a recording in tools/casts"
