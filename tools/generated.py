"""`python -m tools.generated` writes every generated file; `make fix` runs it."""

from __future__ import annotations

from pathlib import Path

from tools import json_page, manual
from tools.pictures import pictures

DOCS = Path(__file__).parent.parent / "docs"
CASTS = Path(__file__).parent / "casts"


def generated() -> dict[Path, str]:
    """Return the text of each generated file: the manual page, the page of the JSON, the pictures."""
    drawn = {name: text for path in sorted(CASTS.glob("*.cast")) for name, text in pictures(path).items()}
    return {
        DOCS / "sesh.1": manual.page(),
        DOCS / "JSON.md": json_page.page(),
        **{DOCS / "pictures" / name: text for name, text in drawn.items()},
    }


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
